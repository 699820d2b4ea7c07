"""What is written can be read again, by this project and by TensorFlow.js, and computes the same."""

import json
import math
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import tfjs
from support.layers import CASES, build

from tfjslab import zoo
from tfjslab.base.errors import GraphError, ModelError, UsageError
from tfjslab.formats.graph_model import writer as tfjs_graph_writer
from tfjslab.formats.graph_model.writer import save_graph_model
from tfjslab.formats.registry import read_model, write_model
from tfjslab.formats.weight_writer import encode
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Graph, Port, Quantization
from tfjslab.graph.text import dump


def again(graph, folder, **options):
    return read_model(save_graph_model(graph, folder, **options))


def looping():
    """Doubles v while its first element is below 100, in a loop whose constants have names that the model has too."""
    cond, body = GraphBuilder(), GraphBuilder()
    v = cond.input("v", None)
    first = cond.value("first", "Slice", v, begin=[0], size=[1])
    less = cond.value("less", "Less", first, cond.constant("limit", np.float32([100])))
    scalar = cond.value("scalar", "Squeeze", less, squeeze_dims=[0])
    w = body.input("v", None)
    twice = body.value("twice", "Mul", w, body.constant("limit", np.float32(2)))
    functions = {
        "cond": cond.build([Port("go", scalar, None, "bool")], {}),
        "body": body.build([Port("next", twice, None, "")], {}),
    }
    outer = GraphBuilder()
    x = outer.input("x", (None,))
    start = outer.value("start", "AddV2", x, outer.constant("limit", np.float32([1, 0])))
    outer.functions.update(functions)
    loop = outer.value("loop", "While", start, cond="cond", body="body")
    return outer.build([Port("y", loop, (None,), "float32"), Port("start", start, (None,), "float32")], {})


def test_saving_and_loading_gives_the_same_graph(kit, tmp_path):
    graph = read_model(kit.affine().write(tmp_path / "a"))
    copy = again(graph, tmp_path / "b")
    assert dump(copy) == dump(graph)
    assert copy.metadata["signature"] == graph.metadata["signature"]
    for name, weight in graph.constants.items():
        np.testing.assert_array_equal(copy.constants[name], weight)


@pytest.mark.parametrize("name", CASES)
def test_layers_models_are_saved_as_graph_models(tmp_path, run, name):
    path, feeds, _ = build(tmp_path / "a", CASES[name])
    graph = read_model(path)
    copy = again(graph, tmp_path / "b")
    assert [p.name for p in copy.outputs] == ["layer/layer"]
    np.testing.assert_array_equal(run(copy, feeds)[0], run(graph, feeds)[0])


def test_loops_are_saved(tmp_path, run):
    graph = looping()
    x = np.float32([2, -1])
    expected = np.float32([192, -64])
    np.testing.assert_array_equal(run(graph, x)[0], expected)
    copy = again(graph, tmp_path)
    assert [n.op for n in copy.nodes] == ["Add", "While", "Identity"]
    for found, wanted in zip(run(copy, x), (expected, [3, -1]), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_functions_and_their_calls_are_saved(tmp_path, run):
    inner = GraphBuilder()
    v = inner.input("v", None)
    function = inner.build([Port("w", inner.value("w", "Neg", v), None, "float32"), Port("v", v, None, "float32")], {})
    outer = GraphBuilder(functions={"f": function})
    x = outer.input("x", (2,))
    called = outer.node("call", "PartitionedCall", [x], f="f", Tout=["float32", "float32"])
    graph = outer.build([Port(f"y{i}", v, (2,), "float32") for i, v in enumerate(called.outputs)], {})
    copy = again(graph, tmp_path)
    assert set(copy.functions) == {"f"}
    for found, wanted in zip(run(copy, np.float32([1, 2])), ([-1, -2], [1, 2]), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_attributes_that_nodes_compute_are_saved(tmp_path, run):
    builder = GraphBuilder()
    x, shape = builder.input("x", (2, 6)), builder.input("shape", (2,), "int32")
    node = builder.node("y", "Reshape", [x], shape=[1])
    builder.nodes[-1] = replace(node, attrs={}, attr_inputs={"shape": shape})
    copy = again(builder.build([Port("y", "y", None, "")], {}), tmp_path)
    assert copy.nodes[0].attr_inputs == {"shape": "shape"}
    assert run(copy, {"x": np.ones((2, 6), np.float32), "shape": np.int32([3, 4])})[0].shape == (3, 4)


def test_outputs_that_are_inputs_constants_or_other_outputs(tmp_path, run):
    builder = GraphBuilder()
    x = builder.input("x", (2,))
    c = builder.constant("c", np.float32([3]))
    y = builder.value("y", "TopKV2", x, k=1)
    ports = [
        Port("x", x, (2,), "float32"),
        Port("c", c, (1,), "float32"),
        Port("again", y, None, ""),
        Port("y:1", "y:1", None, ""),
    ]
    graph = builder.build(ports, {})
    copy = again(graph, tmp_path)
    assert [p.name for p in copy.outputs] == ["x", "c", "again", "y:1"]
    for found, wanted in zip(run(copy, np.float32([1, 5])), ([1, 5], [3], [5], [1]), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_shards_are_full_but_the_last(kit, tmp_path):
    graph = read_model(kit.affine().write(tmp_path / "a"))
    folder = save_graph_model(graph, tmp_path / "b", shard_bytes=10)
    sizes = [
        (folder / p).stat().st_size
        for p in json.loads((folder / "model.json").read_text())["weightsManifest"][0]["paths"]
    ]
    assert sizes == [10, 10, 10, 2]
    assert dump(read_model(folder)) == dump(graph)


def test_a_model_without_weights(tmp_path):
    builder = GraphBuilder()
    y = builder.value("y", "Relu", builder.input("x", (2,)))
    folder = save_graph_model(builder.build([Port("y", y, (2,), "float32")], {}), tmp_path / "m")
    assert [p.name for p in folder.iterdir()] == ["model.json"]
    assert len(read_model(folder).nodes) == 1


@pytest.mark.parametrize(("kind", "bits"), [("float16", 16), ("uint8", 8), ("uint16", 16)])
def test_quantized_weights_are_as_near_as_their_steps(kind, bits):
    weight = np.random.default_rng(3).normal(size=(50, 7)).astype(np.float32)
    weight[0, 0] = 0
    entry, data = encode("w", weight, Quantization(kind, None))
    assert len(data) == weight.size * bits // 8
    quantization = entry["quantization"]
    assert quantization["original_dtype"] == "float32"
    if kind == "float16":
        np.testing.assert_array_equal(np.frombuffer(data, "<f2"), weight.ravel().astype(np.float16))
        return
    stored = np.frombuffer(data, np.dtype(kind)).reshape(weight.shape)
    back = stored * quantization["scale"] + quantization["min"]
    assert np.abs(back - weight).max() <= quantization["scale"] * 1.01
    assert abs(back[0, 0]) < 1e-12, "zero stays zero"


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float16"])
@pytest.mark.parametrize(
    "weight", [np.float32([1.5, 1.5]), np.float32(-2), np.zeros(3, np.float32), np.float32([3, 7])]
)
def test_constants_and_ends_are_exact(tmp_path, run, kind, weight):
    builder = GraphBuilder()
    y = builder.value("y", "AddV2", builder.input("x", weight.shape), builder.constant("w", weight))
    copy = again(builder.build([Port("y", y, None, "")], {}), tmp_path, quantize=kind)
    np.testing.assert_array_equal(run(copy, {"x": np.zeros_like(weight)})[0], weight)


@pytest.mark.parametrize(
    "weight",
    [np.float32([1, np.inf]), np.float32([np.nan]), np.zeros(0, np.float32), np.int32([1, 2]), np.array([True])],
)
@pytest.mark.parametrize("kind", ["uint8", "float16"])
def test_what_cannot_be_quantized_is_stored_as_it_is(weight, kind):
    assert "quantization" not in encode("w", weight, Quantization(kind, None))[0]


def test_float16_leaves_weights_beyond_its_range_alone():
    assert "quantization" not in encode("w", np.float32([1e6]), Quantization("float16", None))[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"quantize": "uint4"},
            "quantize is 'uint4'; expected one of float16, uint8, uint16, or None; did you mean 'uint8'?",
        ),
        ({"shard_bytes": 0}, "shard_bytes is 0; expected 1 or more"),
    ],
)
def test_options_that_make_no_sense(tmp_path, options, message):
    with pytest.raises(UsageError) as caught:
        save_graph_model(looping(), tmp_path / "m", **options)
    assert str(caught.value) == message
    assert not (tmp_path / "m").exists()


def test_formats_that_cannot_be_written(tmp_path):
    with pytest.raises(UsageError) as caught:
        write_model(looping(), tmp_path / "m", "tfjs-layers-model")
    assert str(caught.value) == (
        "format 'tfjs-layers-model' cannot be written; known: tfjs-graph-model, tflite; "
        "did you mean 'tfjs-graph-model'?"
    )


def test_a_broken_graph_is_not_written(tmp_path):
    with pytest.raises(GraphError):
        save_graph_model(Graph((), (Port("y", "y", None, ""),), ()), tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_what_files_cannot_say(tmp_path):
    builder = GraphBuilder()
    y = builder.value("y", "Sum", builder.input("x", None))
    with pytest.raises(ModelError) as caught:
        save_graph_model(builder.build([Port("y", y, None, "")], {}), tmp_path / "m")
    assert str(caught.value) == "node 'y' (Sum) cannot be written: TensorFlow has no op for it"


def test_only_models_are_replaced(kit, tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError) as caught:
        save_graph_model(looping(), folder)
    assert str(caught.value) == f"{folder}: exists and is not a model; expected a new, an empty or a model's folder"
    assert [p.name for p in folder.iterdir()] == ["thesis.txt"]


def test_a_model_is_replaced_at_once_or_not_at_all(kit, tmp_path, monkeypatch):
    folder = tmp_path / "m"
    save_graph_model(looping(), folder, shard_bytes=4)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tfjs_graph_writer, "write_weights", full)
    with pytest.raises(OSError, match="No space left"):
        save_graph_model(looping(), folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["m"], "nothing is left beside it"
    monkeypatch.undo()
    (folder / "LICENSE").write_text("mine")
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_text("b")
    save_graph_model(looping(), folder)
    assert sorted(p.name for p in folder.iterdir()) == ["LICENSE", "group1-shard1of1.bin", "model.json", "notes"]
    assert (folder / "notes" / "a.txt").read_text() == "b"


def test_ctrl_c_between_putting_the_old_model_aside_and_the_new_one_there_comes_afterwards(tmp_path, monkeypatch):
    folder = tmp_path / "m"
    save_graph_model(looping(), folder, shard_bytes=4)
    real = Path.replace

    def pressed(path, target):
        if path == folder:
            signal.raise_signal(signal.SIGINT)
        return real(path, target)

    monkeypatch.setattr(Path, "replace", pressed)
    with pytest.raises(KeyboardInterrupt):
        save_graph_model(looping(), folder)
    assert sorted(p.name for p in folder.iterdir()) == ["group1-shard1of1.bin", "model.json"]
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_metadata_is_written_and_old_signatures_are_not(kit, tmp_path):
    model = kit.affine()
    model.json["userDefinedMetadata"] = {"signature": model.json["signature"], "author": "me"}
    graph = read_model(model.write(tmp_path / "a"))
    copy = again(graph, tmp_path / "b", metadata={"quantized": "no"})
    assert copy.metadata["userDefinedMetadata"] == {"author": "me", "quantized": "no"}
    assert [p.name for p in copy.outputs] == ["y"]


def test_tfjs_computes_the_same_from_what_is_written(tmp_path, run):
    """Layers, a loop and a quantized model; then the zoo."""
    tfjs.peers()
    graphs = {"loop": (looping(), {"x": np.float32([2, -1])})}
    for name, case in CASES.items():
        path, feeds, _ = build(tmp_path / f"from {name}", case)
        graphs[name] = (read_model(path), feeds)
    for name, entry in zoo.ENTRIES.items():
        graph = entry.build(0)
        shape = [d or 1 for d in graph.inputs[0].shape]
        feeds = {graph.inputs[0].name: np.random.default_rng(5).uniform(-1, 1, shape).astype(np.float32)}
        graphs[name] = (graph, feeds)
    saved = [
        (save_graph_model(g, tmp_path / f"to {n}", quantize="float16" if n == "dense" else None), f)
        for n, (g, f) in graphs.items()
    ]
    judged = tfjs.predict(saved)
    for (name, (graph, feeds)), (folder, _), theirs in zip(graphs.items(), saved, judged, strict=True):
        assert not isinstance(theirs, str), f"{name}: {theirs}"
        assert [n for n, _ in theirs] == [p.name for p in graph.outputs], name
        for (_, wanted), found in zip(theirs, run(read_model(folder), feeds), strict=True):
            assert found.shape == wanted.shape, name
            assert np.abs(found - wanted).max() <= 1e-5 * max(np.abs(wanted).max(), 1e-3), name
        assert not math.isnan(float(np.sum(theirs[0][1])))
