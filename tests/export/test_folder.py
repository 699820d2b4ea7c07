"""The folder: reproducible, complete, refused where it would be wrong or would take something away."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from support.web import exported, small_graph

from tfjslab.base.errors import InputError, ModelError, UsageError
from tfjslab.base.version import __version__
from tfjslab.export.web import target
from tfjslab.export.web.export import export_web
from tfjslab.export.web.folder import REPORTS
from tfjslab.export.web.picture import Picture
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Node, Port
from tfjslab.model.model import Model
from tfjslab.ops import registry


def content(folder):
    """Every file by name."""
    return {p.name: p.read_bytes() for p in Path(folder).iterdir()}


def test_the_same_model_and_options_give_the_same_bytes(tmp_path):
    first, second = (content(exported(tmp_path / name, image=Picture())[0]) for name in ("a", "b"))
    assert first == second
    assert set(first) >= {"model.js", "model.d.ts", "weights.bin", "package.json", "README.md", "index.html", "NOTICE"}


def test_what_is_told_is_what_lies_there(tmp_path):
    folder, made = exported(tmp_path / "web", only=["simd", "plain"])
    assert made.folder == folder
    assert {n: len(d) for n, d in content(folder).items()} == made.files
    assert made.variants == ("plain", "simd")
    assert repr(made).startswith("WebExport(web: plain, simd; ")


def test_package_json_lists_what_is_published_and_no_report(tmp_path):
    folder, made = exported(tmp_path / "web")
    package = json.loads((folder / "package.json").read_text())
    assert set(package["files"]) == set(made.files)
    assert package["exports"] == "./model.js"
    assert not set(REPORTS) & set(package["files"])


def test_the_texts_have_no_gaps(tmp_path):
    folder, _ = exported(tmp_path / "web")
    for name, data in content(folder).items():
        if not name.endswith((".wasm", ".bin")):
            assert b"{{" not in data, name
    assert __version__ in (folder / "README.md").read_text()


def test_an_earlier_export_is_replaced_with_its_reports(tmp_path):
    folder, _ = exported(tmp_path / "web")
    (folder / "report.json").write_text("{}")
    package = json.loads((folder / "package.json").read_text())
    (folder / "package.json").write_text(json.dumps({**package, "files": [*package["files"], "of_another_version"]}))
    (folder / "of_another_version").write_text("")
    exported(folder, only=["plain"])
    assert {n for n in content(folder) if n.endswith((".wasm", "version"))} == {"model-plain.wasm"}
    assert not (folder / "report.json").exists()


@pytest.mark.parametrize(("files", "named"), [
    ({"notes.txt": "mine"}, "notes.txt"),
    ({"model.js": "export const mine = 1;", "weights.bin": ""}, "model.js, weights.bin"),
    ({str(i): "" for i in range(7)}, "0, 1, 2, 3, 4, .."),
])
def test_a_folder_of_something_else_is_refused_and_stays(tmp_path, files, named):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    before = content(tmp_path)
    with pytest.raises(InputError) as caught:
        exported(tmp_path)
    assert str(caught.value) == f"{tmp_path} holds what no export writes ({named}); choose another folder"
    assert caught.value.code == "export.folder"
    assert content(tmp_path) == before


def test_a_foreign_file_in_an_earlier_export_is_kept(tmp_path):
    folder, _ = exported(tmp_path / "web")
    (folder / "mine.html").write_text("mine")
    with pytest.raises(InputError, match=r"holds what no export writes \(mine\.html\)"):
        exported(folder)
    assert (folder / "mine.html").read_text() == "mine"


@pytest.mark.parametrize("package", ["", "[]", '{"files": 5}', '{"files": [5]}'])
def test_without_its_list_nothing_is_taken_for_an_export(tmp_path, package):
    folder, _ = exported(tmp_path / "web", only=["plain"])
    (folder / "package.json").write_text(package)
    with pytest.raises(InputError, match="holds what no export writes"):
        exported(folder)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "web").write_text("")
    with pytest.raises(InputError) as caught:
        exported(tmp_path / "web")
    assert str(caught.value) == f"{tmp_path / 'web'} is not a folder; choose another name"


def test_an_empty_folder_and_the_current_one_are_fine(tmp_path, monkeypatch):
    (tmp_path / "web").mkdir()
    monkeypatch.chdir(tmp_path / "web")
    exported(".", only=["plain"])
    assert (tmp_path / "web" / "model.js").is_file()


@pytest.mark.parametrize("broken", ["write_bytes", "rename"])
def test_a_failure_midway_leaves_the_old_folder(tmp_path, monkeypatch, broken):
    folder, _ = exported(tmp_path / "web", only=["plain"])
    before, whole = content(folder), getattr(Path, broken)

    def fail(path, *args):
        if path.name == "weights.bin" or (broken == "rename" and "-old" not in f"{path} {args[0]}"):
            raise OSError(28, "No space left on device")
        return whole(path, *args)

    with monkeypatch.context() as m:
        m.setattr(target.Path, broken, fail)
        with pytest.raises(InputError, match=r"cannot be written: .*No space left on device") as caught:
            exported(folder)
    assert caught.value.code == "export.folder"
    assert content(folder) == before
    assert [p.name for p in tmp_path.iterdir()] == ["web"]


def test_ctrl_c_between_the_renames_leaves_the_old_folder(tmp_path, monkeypatch):
    folder, _ = exported(tmp_path / "web", only=["plain"])
    before, rename = content(folder), Path.rename

    def interrupted(path, to):
        if "-old" in f"{path} {to}":
            return rename(path, to)
        raise KeyboardInterrupt

    with monkeypatch.context() as m:
        m.setattr(target.Path, "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            exported(folder)
    assert content(folder) == before
    assert [p.name for p in tmp_path.iterdir()] == ["web"]


def unrunnable():
    """Two nodes without a WebAssembly form: one has no kernel, of the other the shape depends on data."""
    b = GraphBuilder()
    x = b.input("x", (4,))
    words = b.value("words", "Where", x)
    return b.build([Port("y", b.value("sum", "Cast", words, DstT="float32"), None, "float32"),
                    Port("z", b.value("relu", "Relu", x), None, "float32")], {})


def test_a_refusal_names_every_node_and_writes_nothing(tmp_path):
    with pytest.raises(ModelError) as caught:
        exported(tmp_path / "web", unrunnable(), optimize=False)
    assert caught.value.code == "export.host"
    for name in ("Where: its shape depends on data, or it is control flow (1): 'words'", "(1): 'sum'"):
        assert name in str(caught.value)
    assert "'relu'" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_node_that_turns_out_to_have_no_kernel_is_refused_by_name(tmp_path):
    """Weights that are fed: only lowering finds that out."""
    b = GraphBuilder()
    x, w = b.input("x", (1, 4)), b.input("w", (4, 2))
    bias, multiplier = (b.constant(k, np.full(2, v, np.int32)) for k, v in (("bias", 1), ("multiplier", 20000)))
    b.nodes += [
        Node(name, op, inputs, registry.get(op).resolve_attrs(attrs, "test")) for name, op, inputs, attrs in (
            ("qx", "Quantize", (x,), {"scale": 0.1, "zero": 3}), ("qw", "Quantize", (w,), {"scale": 0.1, "zero": 3}),
            ("y", "QuantizedDense", ("qx", "qw", bias, multiplier), {"zero": 3, "out_zero": 5, "shift": 1}),
            ("z", "Dequantize", ("y",), {"scale": 0.1, "zero": 3}),
        )
    ]
    graph = b.build([Port("z", "z", None, "float32")], {})
    with pytest.raises(ModelError) as caught:
        exported(tmp_path / "web", graph, optimize=False)
    assert caught.value.code == "export.host"
    assert "QuantizedDense: no WebAssembly kernel for weights that are not constant (1): 'y'" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("options", "message"), [
    ({"only": ["smid"]},
     "variant 'smid' is unknown; known: plain, simd, relaxed, threads, threads-relaxed; did you mean 'simd'?"),
    ({"only": []}, "no variant is named; known: plain, simd, relaxed, threads, threads-relaxed"),
    ({"image": {"y": Picture()}}, "image: 'y' is no input; known: x"),
    ({"shapes": {"y": (1,)}}, "shapes: 'y' is no input; known: x"),
])
def test_wrong_options_are_refused_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(UsageError) as caught:
        exported(tmp_path / "web", **options)
    assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []


def test_a_picture_for_what_is_no_image_is_refused(tmp_path):
    b = GraphBuilder()
    x = b.input("x", (1, 7))
    graph = b.build([Port("y", b.value("y", "Relu", x), None, "float32")], {})
    with pytest.raises(UsageError) as caught:
        exported(tmp_path / "web", graph, image=Picture())
    wanted = "a picture needs [1, height, width, channels] with 1, 3 or 4 channels"
    assert str(caught.value) == f"input 'x' has shape [1, 7]; {wanted}"


def test_shapes_settle_open_lengths(tmp_path):
    with Model(small_graph(), "cpu", name="small") as model:
        made = export_web(model, tmp_path / "web", only=["plain"], shapes={"x": (3, 8, 8, 3)})
    assert made.shapes == {"x": (3, 8, 8, 3)}
    assert '"shape":[3,8,8,3],"dtype":"float32","size":576' in (tmp_path / "web" / "model.js").read_text()
    assert np.prod(made.shapes["x"]) == 576


def test_what_was_written_by_hand_in_model_js_stays_below_3_kb_gzipped():
    written = Path(target.__file__).with_name("files").joinpath("model.js").read_bytes()
    assert len(gzip.compress(written, 9)) < 3000
