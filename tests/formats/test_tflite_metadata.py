"""What a .tflite file says beside its graph: signatures, quantized weights, descriptions, labels behind the model."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile

import numpy as np
import pytest
from support.flat import operator, subgraph, tensor, tflite
from support.tflite import ran

import tfjslab as tf
from tfjslab.base.errors import InputError, UsageError
from tfjslab.cli.app import main
from tfjslab.formats.tflite import metadata
from tfjslab.formats.tflite.builder import FlatBuilder
from tfjslab.formats.tflite.schema import METADATA_MARK

LABELS = ["cat", "dog", "hörnchen"]
SIGNATURE = {0: [{0: "image", 1: ("<I", 0)}], 1: [{0: "answer", 1: ("<I", 1)}], 2: "serve", 4: ("<I", 0)}


def dense(**more):
    """Weights of int8 and three answers, with a signature."""
    tensors = [tensor("in:0", (1, 2)), tensor("out:0", (1, 3)),
               tensor("w;joined", (3, 2), "int8", 1, scale=[0.5, 0.25, 1], zero_point=[0] * 3)]
    weights = np.int8([[1, 2], [4, 8], [-1, 1]])
    ops = [operator(0, [0, 2, -1], [1], {0: ("<b", 0)})]
    return tflite(["FULLY_CONNECTED"], [subgraph(tensors, ops, [0], [1])], [weights], **more)


def packed(**files):
    """An archive of texts."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as z:
        for name, text in files.items():
            z.writestr(name, text)
    return made.getvalue()


def told(*translated):
    """Metadata: a normalized input, and an output whose labels are in a file, behind those for one language."""
    normalization = {0: ("<B", 1), 1: {0: np.float32([127.5]), 1: np.float32([2])}}
    files = [*({0: name, 2: ("<b", 2), 3: name} for name in translated), {0: "labels", 2: ("<b", 2)}]
    graph = {2: [{0: "image", 4: [normalization], 5: {0: np.float32([255]), 1: np.float32([0])}}],
             3: [{0: "answer", 1: "what it is", 6: files}]}
    return FlatBuilder(METADATA_MARK).finish({0: "Animals", 1: "tells animals apart", 3: [graph], 4: "us"})


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "m.tflite"
    described = dense(signatures=[SIGNATURE], metadata=told()) + packed(labels="\n".join(LABELS))
    made.write_bytes(described)
    return made


def test_names_of_a_signature_stand_for_those_of_tensors(path):
    x = np.float32([[1, 10]])
    with tf.load_model(path, backend="cpu") as model:
        signed = {"inputs": {"image": "in_0"}, "outputs": {"answer": "out_0"}}
        assert model.graph.metadata["signatures"] == {"serve": signed}
        expected = model.predict({"in_0": x})
        np.testing.assert_allclose(expected, [[10.5, 21, 9]])
        np.testing.assert_array_equal(model.predict({"image": x}), expected)
        np.testing.assert_array_equal(model.execute(x, "answer"), expected)
        with pytest.raises(InputError, match="'imag' is not an input"):
            model.predict({"imag": x})


def test_one_of_several_entry_points_is_read(tmp_path):
    ends = [tensor("x", (2,)), tensor("y", (2,))]
    graphs = [subgraph(ends, [operator(i, [0], [1])], [0], [1]) for i in range(2)]
    signed = [{0: [{0: "a", 1: ("<I", 0)}], 1: [{0: "b", 1: ("<I", 1)}], 2: key, 4: ("<I", i)}
              for i, key in enumerate(("absolute", "squared"))]
    path, x = tmp_path / "m.tflite", np.float32([-2, 3])
    path.write_bytes(tflite(["ABS", "SQUARE"], graphs, signatures=signed))
    for wanted, expected in (("", [2, 3]), ("absolute", [2, 3]), ("squared", [4, 9])):
        with tf.load_model(path, backend="cpu", signature=wanted) as model:
            np.testing.assert_array_equal(model.execute({"a": x}, "b"), expected)
            assert model.graph.metadata["entry_points"] == ["absolute", "squared"]
    with pytest.raises(UsageError, match=r"no signature 'square'; there are: absolute, squared.*squared"):
        tf.load_tflite_model(path, signature="square")


def test_metadata_with_labels_and_normalization(path):
    with tf.load_model(path, backend="cpu") as model:
        found = model.graph.metadata
    assert found["labels"] == LABELS
    about = found["model_metadata"]
    assert (about["name"], about["description"], about["author"]) == ("Animals", "tells animals apart", "us")
    assert about["inputs"] == [{"name": "image", "description": "", "mean": [127.5], "std": [2.0], "max": [255.0],
                                "min": [0.0]}]
    assert about["outputs"][0]["labels"] == LABELS


def test_an_evaluation_calls_classes_by_the_labels_of_the_file(path):
    with tf.load_model(path, backend="cpu") as model:
        x = np.float32([[1, 0], [0, 1]])
        assert [c.name for c in tf.evaluate(model, x, labels=[1, 1]).per_class] == LABELS
        named = tf.evaluate(model, x, labels=[1, 1], class_names=["a", "b", "c"])
        assert [c.name for c in named.per_class] == ["a", "b", "c"]


def test_inspect_tells_what_the_file_has(path, tmp_path, capsys):
    assert main(["inspect", str(path), "--backend", "cpu", "--json", str(tmp_path / "facts.json")]) == 0
    file = json.loads((tmp_path / "facts.json").read_text())["file"]
    assert file["operators"] == {"FULLY_CONNECTED": 1}
    assert file["quantized_weights"] == [
        {"name": "w", "dtype": "int8", "shape": [3, 2], "scales": 3, "scale": [0.25, 1.0], "zero_point": [0, 0]}]
    text = capsys.readouterr().out
    for part in ("1 operators became 2 nodes", "0.25 to 1", "answer: 3 labels: cat, dog, hörnchen",
                 "image: (x - 127.5) / 2"):
        assert part in text


@pytest.mark.parametrize(("attached", "reason"), [
    (b"", "no archive behind it"), (packed(other="x"), "no item named 'labels'"),
    (packed(labels="x" * (5 << 20)), "bytes of attached files is"),
    (packed(labels="x")[:-22] + b"PK\x05\x06" + bytes(8) + struct.pack("<IIH", 1 << 30, 0, 0), "archive's directory"),
    (packed(labels="x").replace(b"PK\x01\x02", b"PK\x09\x09"), "cannot be read"),
])
def test_damage_is_told_and_the_model_runs(tmp_path, attached, reason):
    data = dense(metadata=told()) + attached
    assert reason in metadata.described(told(), data, "m")["model_metadata"]["damaged"]
    ((found,),) = ran(tmp_path, data, [np.float32([[1, 0]])])
    np.testing.assert_allclose(found, [[0.5, 1, -1]])


def test_any_metadata_is_read_or_told():
    rng, whole = random.Random(4), packed(labels="a\nb")  # noqa: S311 - no secret
    for _ in range(400):
        made, archive = bytearray(told()), bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            value = rng.choice((0, 1, 0xFFFFFFFF, rng.randrange(99)))
            struct.pack_into("<I", made, rng.randrange(len(made) - 4), value)
            archive[rng.randrange(len(archive))] = rng.randrange(256)
        assert "model_metadata" in metadata.described(bytes(made), bytes(archive), "m")


def test_a_file_for_one_language_comes_after_the_others():
    whole = packed(labels="one\ntwo", de="eins\nzwei")
    assert metadata.described(told("de"), whole, "m")["labels"] == ["one", "two"]
