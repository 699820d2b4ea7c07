"""Forms of files that older converters and odd graphs have: they are read as TensorFlow.js reads them."""

import base64
import gzip

import numpy as np
import pytest

from tfjslab.base.errors import ModelError
from tfjslab.formats.registry import read_model
from tfjslab.graph.ir import Port
from tfjslab.model.load import load_model
from tfjslab.model.model import Model
from tfjslab.model.sample import sample_inputs
from tfjslab.quantization.generate import generated_inputs

X = np.float32([[1, 2, 3], [4, 5, 6]])


def text(value):
    return {"s": base64.b64encode(value.encode()).decode()}


def ints(*values):
    return {"list": {"i": [str(v) for v in values]}}


def answers(kit, run, tmp_path, nodes, weights, feeds):
    return run(read_model(kit.Model(nodes, weights).write(tmp_path)), feeds)


def test_lists_that_name_every_kind_are_those_of_the_filled_one(kit, run, tmp_path):
    old = {"list": {"s": [], "i": ["1", "2", "2", "1"], "f": [], "b": [], "type": [], "shape": [], "tensor": [],
                    "func": []}}
    nodes = [kit.placeholder("x", [1, 4, 4, 1]),
             kit.node("y", "MaxPool", "x", ksize=old, strides=old, padding=text("VALID"))]
    (found,) = answers(kit, run, tmp_path, nodes, None, {"x": np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)})
    np.testing.assert_array_equal(found.ravel(), [5, 7, 13, 15])


@pytest.mark.parametrize(("op", "tensors", "expected"), [
    ("ExpandDims", {"a": np.int32([1])}, X[:, None]),
    ("ArgMax", {"a": np.int32([[1]])}, np.int32([2, 2])),
    ("Cumsum", {"a": np.int32([1])}, np.cumsum(X, 1)),
    ("TopKV2", {"a": np.int32([1])}, X[:, 2:]),
    ("PadV2", {"a": np.int32([[0, 0], [0, 1]]), "b": np.float32([7])}, np.pad(X, ((0, 0), (0, 1)), constant_values=7)),
    ("ClipByValue", {"a": np.float32([2]), "b": np.float32([[5]])}, np.clip(X, 2, 5)),
])
@pytest.mark.parametrize("known", [True, False])
def test_a_tensor_of_one_element_is_that_element(kit, run, tmp_path, op, tensors, expected, known):
    """In a constant, and where the run tells it."""
    dtypes = {"i": "DT_INT32", "f": "DT_FLOAT"}
    given = [
        kit.const(n, a) if known else kit.placeholder(n, a.shape, dtypes[a.dtype.kind]) for n, a in tensors.items()]
    nodes = [kit.placeholder("x", [2, 3]), *given, kit.node("y", op, "x", *tensors)]
    feeds = {"x": X} if known else {"x": X, **tensors}
    found = answers(kit, run, tmp_path, nodes, tensors if known else None, feeds)
    np.testing.assert_array_equal(found[0], expected)


def test_squeeze_reads_both_names_of_its_axes(kit, run, tmp_path):
    for name in ("axis", "squeeze_dims"):
        nodes = [kit.placeholder("x", [1, 3, 1]), kit.node("y", "Squeeze", "x", **{name: ints(0)})]
        (found,) = answers(kit, run, tmp_path / name, nodes, None, {"x": np.ones((1, 3, 1), np.float32)})
        assert found.shape == (3, 1)


def test_transpose_without_an_order_turns_all_axes_round(kit, run, tmp_path):
    nodes = [kit.placeholder("x", [2, 3]), kit.node("y", "Transpose", "x")]
    np.testing.assert_array_equal(answers(kit, run, tmp_path, nodes, None, {"x": X})[0], X.T)


def test_defaults_are_taken_where_nothing_is_fed(kit, tmp_path):
    two = np.float32(2)
    nodes = [kit.placeholder("x", [2, 3]), kit.const("d", two), kit.node("pd", "PlaceholderWithDefault", "d"),
             kit.node("y", "Mul", "x", "pd")]
    with load_model(kit.Model(nodes, {"d": two}).write(tmp_path), "cpu") as model:
        assert [p.name for p in model.inputs] == ["x"]
        np.testing.assert_array_equal(model.predict(X), 2 * X)
        np.testing.assert_array_equal(model.execute({"x": X, "pd": np.float32(5)}), 5 * X)


def test_unknown_ops_that_no_other_output_needs_do_not_stop_a_load(kit, run, tmp_path):
    nodes = [kit.placeholder("x", [2, 3]), kit.node("odd", "Frobnicate", "x"), kit.node("y", "Neg", "x")]
    graph = read_model(kit.Model(nodes).write(tmp_path))
    assert [p.name for p in graph.outputs] == ["y"]
    assert graph.metadata["absent"] == ["odd"]
    np.testing.assert_array_equal(run(graph, {"x": X})[0], -X)
    with pytest.raises(ModelError, match=r"1 unknown op\(s\): Frobnicate"):
        read_model(kit.Model(nodes[:2]).write(tmp_path / "only"))


@pytest.mark.parametrize("dtype", ["DT_BFLOAT16", "DT_UINT16", "DT_UINT32", "DT_UINT64"])
def test_dtypes_that_are_widened(kit, run, tmp_path, dtype):
    numpy = np.float32 if dtype == "DT_BFLOAT16" else np.int32
    nodes = [kit.placeholder("x", [2], dtype), kit.node("y", "Neg", "x")]
    (found,) = answers(kit, run, tmp_path, nodes, None, {"x": numpy([1, 2])})
    assert found.dtype == numpy
    assert found.tolist() == [-1, -2]


NCHW = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
BY_CHANNEL = np.float32([10, 20, 30])


def test_a_bias_of_nchw_images_goes_along_the_channels(kit, run, tmp_path):
    nodes = [kit.placeholder("x", [2, 3, 2, 2]), kit.const("b", BY_CHANNEL),
             kit.node("y", "BiasAdd", "x", "b", data_format=text("NCHW"))]
    found = answers(kit, run, tmp_path, nodes, {"b": BY_CHANNEL}, {"x": NCHW})
    np.testing.assert_array_equal(found[0], NCHW + BY_CHANNEL[:, None, None])


def test_batch_norm_of_nchw_images_with_moments_in_training_mode(kit, run, tmp_path):
    moments = dict.fromkeys(("scale", "offset", "mean", "variance"), BY_CHANNEL)
    nodes = [kit.placeholder("x", [2, 3, 2, 2]), *(kit.const(n, a) for n, a in moments.items()),
             kit.node("y", "FusedBatchNormV3", "x", *moments, data_format=text("NCHW"), is_training={"b": True},
                      epsilon={"f": 0.5})]
    c = BY_CHANNEL[:, None, None]
    found = answers(kit, run, tmp_path, nodes, moments, {"x": NCHW})
    np.testing.assert_allclose(found[0], (NCHW - c) / np.sqrt(c + 0.5) * c + c, rtol=1e-6)


def test_batch_norm_in_training_mode_without_moments_is_refused(kit, tmp_path):
    moments = {"scale": BY_CHANNEL, "offset": BY_CHANNEL, "mean": np.float32([]), "variance": np.float32([])}
    nodes = [kit.placeholder("x", [1, 2, 2, 3]), *(kit.const(n, a) for n, a in moments.items()),
             kit.node("y", "FusedBatchNormV3", "x", *moments, is_training={"b": True})]
    with pytest.raises(ModelError, match="is_training True and no moments; a model for inference has them"):
        read_model(kit.Model(nodes, moments).write(tmp_path))


def test_signature_keys_name_inputs_and_outputs(kit, tmp_path):
    with load_model(kit.affine().write(tmp_path), "cpu") as model:
        x = np.float32([[1, 1, 1]])
        for feeds in ({"image": x}, {"x": x}, {"x:0": x}):
            for outputs in ("scores", "y", "y:0"):
                np.testing.assert_array_equal(model.execute(feeds, outputs), [[9.5, 0]])


def test_structured_outputs_are_a_mapping(kit, tmp_path):
    file = kit.affine()
    file.json["userDefinedMetadata"] = {"structuredOutputKeys": ["probabilities"]}
    with load_model(file.write(tmp_path), "cpu") as model:
        found = model.predict(np.float32([[1, 1, 1]]))
        assert list(found) == ["probabilities"]
        np.testing.assert_array_equal(found["probabilities"], [[9.5, 0]])
        assert isinstance(model.execute(np.float32([[1, 1, 1]])), np.ndarray)
        model.save(tmp_path / "again")
    with load_model(tmp_path / "again", "cpu") as again:
        assert list(again.predict(np.float32([[1, 1, 1]]))) == ["probabilities"]


STAND_INS = {
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "a pointer of Git LFS and not the"),
    "html": (b"\n<!DOCTYPE html><html><body>404</body></html>", "a page of HTML, which servers send"),
    "gzip": (gzip.compress(b"{}"), "compressed with gzip; unpack it first"),
    "zip": (b"PK\x03\x04more", "a zip archive; unpack it first"),
}


@pytest.mark.parametrize("kind", STAND_INS)
@pytest.mark.parametrize("name", ["model.json", "shard.bin"])
def test_what_stands_in_for_a_file_is_named(kit, tmp_path, kind, name):
    path = kit.affine().write(tmp_path)
    data, told = STAND_INS[kind]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelError, match=told) as caught:
        read_model(path)
    assert caught.value.code == "model.stand_in"
    assert str(caught.value).startswith(str(tmp_path / name))


def test_made_up_ids_stay_inside_of_the_table_that_they_index(kit, tmp_path):
    table = np.zeros((5, 2), np.float32)
    nodes = [kit.placeholder("ids", [4, 30], "DT_INT32"), kit.const("t", table), kit.const("a", np.int32(0)),
             kit.node("same", "Identity", "ids"), kit.node("y", "GatherV2", "t", "same", "a"),
             kit.placeholder("pixels", [4], "DT_INT32"), kit.node("z", "Neg", "pixels")]
    graph = read_model(kit.Model(nodes, {"t": table, "a": np.int32(0)}).write(tmp_path))
    assert [p.below for p in graph.inputs] == [5, 0]
    made = [sample_inputs(graph.inputs), *generated_inputs(graph.inputs, 8)]
    assert max(m["ids"].max() for m in made) == 4
    with Model(graph, "cpu") as model:
        for feeds in made:
            model.predict(feeds)
    assert max(sample_inputs([Port("i", "i", (999,), "int32")])["i"]) > 200
