"""``tfjslab export --to tflite``: the file, what is told, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.cli.app import main


def refused(capsys, *argv, code=2):
    """The one line of a command that fails."""
    assert main([str(a) for a in argv]) == code
    (line,) = capsys.readouterr().err.splitlines()
    return line.removeprefix("tfjslab: error: ")


def test_the_name_of_the_file_is_enough(capsys, model, tmp_path):
    out = tmp_path / "m.tflite"
    assert main(["export", model, "-o", str(out), "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data) == {"model", "out", "note", "path", "precision", "size", "operators", "report"}
    assert (data["precision"], data["size"]) == ("float32", out.stat().st_size)
    with tf.load_model(out, "cpu") as written, tf.load_model(model, "cpu") as original:
        x = original.sample()
        for a, b in zip(written.execute(list(x.values()), [p.name for p in written.outputs]),
                        original.execute(x, [p.name for p in original.outputs]), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_folder_of_pictures_calibrates_and_labels_travel(capsys, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    (tmp_path / "data").mkdir()
    (tmp_path / "labels.txt").write_text("\n".join("0123456789"))
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 255, (8, 8), np.uint8)
        image.fromarray(pixels).save(tmp_path / "data" / f"{i}.png")
    (tmp_path / "data" / "notes.md").write_text("not an input")
    argv = ["export", "digits", "--precision", "int8", "--data", str(tmp_path / "data"), "--labels",
            str(tmp_path / "labels.txt"), "-o", str(tmp_path / "d.tflite")]
    assert main(argv) == 0
    shown = capsys.readouterr().out
    assert "every operator computes in int8" in shown
    assert "on the calibration data" in shown
    with tf.load_tflite_model(tmp_path / "d.tflite", "cpu") as model:
        assert model.graph.metadata["labels"] == list("0123456789")
        assert model.inputs[0].dtype == "int8"
    assert main([*argv, "--float-io", "--range", "0,2"]) == 0
    with tf.load_tflite_model(tmp_path / "d.tflite", "cpu") as model:
        scale = next(n.attrs["out_scale"] for n in model.graph.nodes if n.op == "TflQuantize")
        assert model.inputs[0].dtype == "float32"
        assert 1.9 < scale * 255 <= 2  # pixels went from 0 to 2


@pytest.mark.parametrize(("options", "line"), [
    (["--precision", "int8"],
     "--precision int8 needs data for its ranges: --data DIR, --calibration F.npy or --generate N"),
    (["--precision", "int8", "--generate", "4", "--data", "d"],
     "--data and --generate are two ways to say one thing; give one of them"),
    (["--float-io"], "--float-io is for --precision int8; float32 has inputs of float32 anyway"),
    (["--only", "simd"], "--only is for --to web-module; this is a tflite"),
    (["--to", "web-module", "--labels", "f"], "--labels is for --to tflite; this is a web-module"),
])
def test_options_that_make_no_sense(capsys, tmp_path, options, line):
    assert refused(capsys, "export", "digits", "-o", tmp_path / "m.tflite", *options) == line
    assert not (tmp_path / "m.tflite").exists()


def test_other_commands_that_write(capsys, tmp_path):
    """``optimize`` writes what it made; stored weights and comparisons with TensorFlow.js are for folders."""
    out = tmp_path / "m.tflite"
    assert refused(capsys, "quantize", "digits", "--kind", "uint8", "--out", out).startswith(
        f"--out {out}: 'tfjslab export --precision float16 -o {out}' writes .tflite")
    assert refused(capsys, "optimize", "digits", "--out", out, "--compare", "tfjs").endswith(
        "TensorFlow.js runs models in folders")
    assert not out.exists()
    assert main(["optimize", "digits", "--out", str(out), "--no-measure"]) == 0
    with tf.load_model(out, "cpu") as model:
        assert model.graph.metadata["format"] == "tflite"


def test_data_and_labels_that_are_not_there(capsys, tmp_path):
    argv = ("export", "digits", "-o", tmp_path / "m.tflite", "--precision", "int8", "--data")
    assert refused(capsys, *argv, tmp_path / "no", code=3) == f"--data {tmp_path / 'no'}: no such folder"
    (tmp_path / "empty").mkdir()
    assert refused(capsys, *argv, tmp_path / "empty", code=3).startswith(f"--data {tmp_path / 'empty'}: no file in it")
    argv = ("export", "digits", "-o", tmp_path / "m.tflite", "--labels", tmp_path / "no")
    assert refused(capsys, *argv, code=3).startswith(f"--labels {tmp_path / 'no'}: cannot be read")
