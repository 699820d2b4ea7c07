"""Writing .tflite files: what a file has beside its operators, what is refused, and how files appear."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from support import litert
from support.flat import operator, subgraph, tensor, tflite

import tfjslab as tf
from tfjslab.base.errors import ModelError, UnknownOpError, UsageError
from tfjslab.formats.registry import read_model, write_model
from tfjslab.formats.tflite.builder import FlatBuilder
from tfjslab.formats.tflite.file import parse
from tfjslab.formats.tflite.flatbuffer import Bytes
from tfjslab.formats.tflite.halves import with_halves
from tfjslab.formats.tflite.save import tflite_bytes
from tfjslab.formats.tflite.serialize import serialize
from tfjslab.formats.tflite.writer.graph import tflite_file
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port

IMAGE = np.linspace(-1, 1, 2 * 5 * 5 * 3, dtype=np.float32).reshape(2, 5, 5, 3)


def small(*, batch=2, kept=False):
    """A convolution with bias and activation behind it, a sum, and a dense layer; ``kept`` gives the sums out too."""
    rng = np.random.default_rng(3)
    b = GraphBuilder()
    x = b.input("image", (batch, 5, 5, 3))
    kernel, bias = (b.constant(n, rng.normal(size=s).astype(np.float32)) for n, s in (("k", (3, 3, 3, 4)), ("b", (4,))))
    sums = b.value("sums", "_FusedConv2D", x, kernel, bias, fused_ops=["BiasAdd"], strides=[1, 2, 2, 1], padding="SAME")
    bent = b.value("bent", "Relu6", sums)
    flat = b.value("flat", "Reshape", b.value("twice", "AddV2", bent, bent), shape=[-1, 36])
    weights = b.constant("w", rng.normal(size=(36, 3)).astype(np.float32))
    out = b.value("out", "Softmax", b.value("dense", "MatMul", flat, weights))
    ports = [Port("answer", out, (batch, 3), "float32")]
    return b.build([*ports, *([Port("sums", sums, None, "float32")] if kept else [])], {})


def loaded(tmp_path, data, backend="cpu"):
    (tmp_path / "written.tflite").write_bytes(data)
    return tf.load_tflite_model(tmp_path / "written.tflite", backend)


def ran(graph, x, backend="cpu"):
    with tf.Model(graph, backend) as model:
        return model.execute([x], [p.name for p in model.outputs])


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
def test_what_is_read_again_computes_the_same(tmp_path, backend):
    with loaded(tmp_path, serialize(tflite_file(small())), backend) as model:
        assert [p.name for p in (*model.inputs, *model.outputs)] == ["image", "answer"]
        np.testing.assert_allclose(model.execute([IMAGE], ["answer"])[0], ran(small(), IMAGE)[0], atol=1e-6)


def test_a_signature_names_inputs_and_outputs_for_litert():
    found = litert.signed(serialize(tflite_file(small(kept=True))), {"image": IMAGE})
    for name, wanted in zip(("answer", "sums"), ran(small(kept=True), IMAGE), strict=True):
        np.testing.assert_allclose(found[name], wanted, atol=1e-5)


def test_activations_become_options_unless_something_else_reads_the_sums():
    names = [[o.name for o in tflite_file(small(kept=kept)).subgraphs[0].operators] for kept in (False, True)]
    assert "RELU6" not in names[0]
    assert names[1] == ["CONV_2D", "RELU6", *names[0][1:]]
    assert tflite_file(small()).subgraphs[0].operators[0].options["activation"] == "RELU6"


def test_an_open_batch_is_one_and_other_lengths_are_asked_for():
    assert tflite_file(small(batch=None)).subgraphs[0].tensors[0].dims == (1, 5, 5, 3)
    assert tflite_file(small(batch=None), {"image": (2, 5, 5, 3)}).subgraphs[0].tensors[0].dims == (2, 5, 5, 3)
    b = GraphBuilder()
    x = b.input("x", (None, None, 3))
    with pytest.raises(ModelError, match=r"input 'x' has shape \['\?', '\?', 3\]; give its lengths"):
        tflite_file(b.build([Port("y", b.value("y", "Abs", x), None, "float32")], {}))


def test_all_nodes_that_cannot_be_written_are_named_and_those_behind_them_counted():
    b = GraphBuilder()
    x = b.input("x", (2, 3))
    bent = b.value("bent", "Erf", x)
    places = b.value("places", "Where", b.value("large", "Greater", bent, x))
    kept = b.value("kept", "Where", b.value("small", "Less", x, b.constant("c", np.float32(0))))
    graph = b.build([Port(n, v, None, "int32") for n, v in (("places", places), ("kept", kept))], {})
    with pytest.raises(UnknownOpError) as caught:
        tflite_file(graph)
    assert str(caught.value).startswith(
        "2 nodes cannot be written to .tflite: 'bent' (Erf): no operator of .tflite computes it, nor do any together "
        "that are known here; 'kept' (Where): the shape of what it reads or makes depends on data, and files have "
        "fixed shapes; and 2 nodes behind them. Replace these nodes")
    assert caught.value.code == "model.tflite_write"


def test_outputs_that_are_inputs_or_known_are_copied(tmp_path):
    b = GraphBuilder()
    x, c = b.input("x", (2,)), b.constant("c", np.float32([1, 2, 3]))
    graph = b.build([Port("a", x, None, "float32"), Port("b", x, None, "float32"), Port("c", c, None, "float32")], {})
    data = serialize(tflite_file(graph))
    with loaded(tmp_path, data) as model:
        assert [p.name for p in model.outputs] == ["a", "b", "c"]
    for found in litert.answers(data, [np.float32([4, 5])])[:2]:
        assert found.tolist() == [4, 5]


def test_a_file_that_was_read_is_written_the_same():
    """Integers, several operators, open lengths: what ``parse`` finds is what ``serialize`` was given."""
    tensors = [tensor("x", (1, 2), "int8", scale=0.5, zero_point=3, signature=(-1, 2)),
               tensor("y", (1, 2), scale=[0.25])]
    data = tflite(["DEQUANTIZE"], [subgraph(tensors, [operator(0, [0], [1])], [0], [1])], metadata=b"about")
    again = serialize(parse(data, "m"))
    assert serialize(parse(again, "m")) == again
    found = parse(again, "m")
    assert found.metadata == b"about"
    assert found.subgraphs[0].tensors[0].dims == (None, 2)
    q = found.subgraphs[0].tensors[0].quantization
    assert (q.scale.tolist(), q.zero_point.tolist()) == ([0.5], [3])


def test_weights_as_float16_take_half_and_are_widened(tmp_path):
    plain = tflite_file(small())
    data = serialize(with_halves(plain))
    with loaded(tmp_path, data) as model:
        got = model.execute([IMAGE], ["answer"])[0]
        kernel = next(a for n, a in model.weights.items() if "sums/weights" in n or a.shape == (3, 3, 3, 4))
        assert np.array_equal(kernel, kernel.astype(np.float16))
    np.testing.assert_allclose(got, ran(small(), IMAGE)[0], atol=2e-3)
    np.testing.assert_allclose(litert.answers(data, [IMAGE])[0], got, atol=1e-6)


def test_weights_that_float16_does_not_reach_stay_float32():
    b = GraphBuilder()
    y = b.value("y", "Mul", b.input("x", (2,)), b.constant("c", np.float32([1e6, 1])))
    made = with_halves(tflite_file(b.build([Port("y", y, None, "float32")], {})))
    assert [t.type.name for t in made.subgraphs[0].tensors if t.data is not None] == ["float32"]


ABOUT = {"labels": ["cat", "hörnchen"], "model_metadata": {
    "name": "Animals", "description": "", "author": "us", "inputs": [{"name": "image", "mean": [127.5], "std": [2.0]}],
    "outputs": [{"name": "answer", "min": [0.0], "max": [1.0]}]}}


def test_metadata_normalization_and_labels_are_written(tmp_path):
    data = tflite_bytes(tflite_file(small()), ABOUT)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("labels.txt").decode() == "cat\nhörnchen"
    assert tflite_bytes(tflite_file(small()), ABOUT) == data  # no dates in it
    with loaded(tmp_path, data) as model:
        about = model.graph.metadata["model_metadata"]
        assert model.graph.metadata["labels"] == ["cat", "hörnchen"]
        assert about["name"] == "Animals"
        assert (about["inputs"][0]["mean"], about["outputs"][0]["max"]) == ([127.5], [1.0])
    assert len(litert.answers(data, [IMAGE])) == 1


def test_what_the_file_said_is_said_again(tmp_path):
    """From .tflite to .tflite."""
    data = tflite_bytes(tflite_file(small()), ABOUT)
    with loaded(tmp_path, data) as model:
        path = model.save(tmp_path / "again.tflite")
        assert model.save(tmp_path / "model").is_dir()  # any other name is a folder
    assert read_model(path).metadata["model_metadata"] == read_model(tmp_path / "written.tflite").metadata[
        "model_metadata"]
    np.testing.assert_array_equal(ran(read_model(path), IMAGE)[0], ran(small(), IMAGE)[0])


@pytest.mark.parametrize(("equation", "shapes"), [
    ("bqhd,bkhd->bhqk", [(2, 3, 4, 5), (2, 6, 4, 5)]), ("abc,cd->abd", [(2, 3, 4), (4, 5)]),
    ("ij,k->ki", [(2, 3), (4,)]),
    ("i,i->", [(4,), (4,)]), ("ab,ab->ba", [(2, 3), (2, 3)]), ("abc->ca", [(2, 3, 4)]),
])
def test_einsum_is_a_product_of_matrices(tmp_path, equation, shapes):
    b, rng = GraphBuilder(), np.random.default_rng(0)
    xs = [rng.normal(size=s).astype(np.float32) for s in shapes]
    y = b.value("y", "Einsum", *(b.input(f"x{i}", x.shape) for i, x in enumerate(xs)), equation=equation)
    data = serialize(tflite_file(b.build([Port("y", y, None, "float32")], {})))
    with loaded(tmp_path, data) as model:
        np.testing.assert_allclose(model.execute(xs, ["y"])[0], np.einsum(equation, *xs), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(litert.answers(data, xs)[0], np.einsum(equation, *xs), rtol=1e-5, atol=1e-5)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(UsageError, match="a folder; a"):
        write_model(small(), tmp_path, "tflite")
    b = GraphBuilder()
    graph = b.build([Port("y", b.value("y", "Erf", b.input("x", (2,))), None, "float32")], {})
    with pytest.raises(UnknownOpError):
        write_model(graph, tmp_path / "m.tflite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mark", [{"execution": "int8"}, {"states": ["memory"]}])
def test_what_a_file_of_floats_cannot_tell_is_refused(mark):
    with pytest.raises(ModelError, match=r"int8|memory"):
        tflite_file(small().with_(metadata=mark))


def test_tables_are_aligned_whatever_is_in_them():
    """Scalars of 1, 4 and 8 bytes in one table, and a table behind it."""
    fields = {0: ("<b", -3), 1: ("<q", 1 << 40), 2: ("<i", 7), 4: {0: ("<?", True)}, 5: np.int64([1, 2]), 6: "text"}
    data = FlatBuilder(b"TEST").finish(fields)
    root = Bytes(data, "m").root("it")
    assert [root.scalar(n, k) for n, k in ((0, "<b"), (1, "<q"), (2, "<i"), (3, "<i"))] == [-3, 1 << 40, 7, 0]
    assert root.table(4, "inner").scalar(0, "<?") is True
    assert root.numbers(5, "<i8", "numbers").tolist() == [1, 2]
    assert (root.text(6, "text"), data[4:8]) == ("text", b"TEST")
    assert root.at % 4 == 0
    assert (root.at + int.from_bytes(data[root.vtable + 6:root.vtable + 8], "little")) % 8 == 0
