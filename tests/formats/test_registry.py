"""A format is one row: a made-up binary one is found, recognised, read once and listed like those that ship."""

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.errors import LimitError, ModelError, UsageError
from tfjslab.base.limits import Limits
from tfjslab.formats import document, registry
from tfjslab.formats.registry import Format, model_suffixes, read_model
from tfjslab.formats.sources import Source
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port

MARK = b"TOY1"


def read_toy(toy):
    """``x * factor``; the file is its mark and the factor."""
    (factor,) = np.frombuffer(toy.bytes, "<f4", offset=len(MARK))
    b = GraphBuilder()
    x = b.input("x", (None,), "float32")
    y = b.value("y", "Mul", x, b.constant("factor", np.array(factor)))
    return b.build([Port("y", y, (None,), "float32")], {"format": "toy"})


def write_toy(graph, path):
    path.write_bytes(MARK + graph.constants["factor"].tobytes())
    return path


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The path of a toy model, with the row for it in the table."""
    row = Format("toy", "Toy", (".toy",), lambda d: d.head.startswith(MARK), read_toy, write_toy)
    monkeypatch.setattr(registry, "FORMATS", (*registry.FORMATS, row))
    path = tmp_path / "times.toy"
    path.write_bytes(MARK + np.float32(2.5).tobytes())
    return path


def test_the_suffixes_of_models_are_those_of_the_rows():
    assert model_suffixes() == (".json", ".tflite")


@pytest.mark.parametrize("where", [lambda path: path, lambda path: path.parent, lambda path: path.as_uri()])
def test_a_binary_format_is_recognised_and_runs(toy, where):
    with tf.load_model(where(toy), "cpu") as model:
        assert model.graph.metadata["format"] == "toy"
        assert model.predict(np.array([1, 2], np.float32)).tolist() == [2.5, 5]


def test_a_binary_format_is_recognised_by_its_mark_under_any_name(toy):
    assert read_model(toy.rename(toy.with_name("model.json"))).metadata["format"] == "toy"


def test_a_file_is_read_once_by_whatever_format(toy, kit, monkeypatch):
    reads = []
    read = Source.read
    monkeypatch.setattr(Source, "read", lambda self, limit: reads.append(self.main) or read(self, limit))
    read_model(toy)
    read_model(kit.affine().write(toy.parent / "graph"))
    assert reads == ["times.toy", "model.json"]


def test_messages_list_a_new_format(toy, tmp_path):
    other = tmp_path / "empty.json"
    other.write_text("{}")
    messages = {
        other: f"{other}: not a known model format; expected one of: TensorFlow.js graph model, TensorFlow.js layers "
               "model, TensorFlow Lite flat buffer, Toy",
        tmp_path: f"{tmp_path}: found empty.json, times.toy; expected model.json or one model file",
    }
    (tmp_path / "none").mkdir()
    messages[tmp_path / "none"] = (
        f"{tmp_path}/none: found no .json, .tflite or .toy file; expected model.json or one model file")
    for where, message in messages.items():
        with pytest.raises(ModelError) as caught:
            read_model(where)
        assert str(caught.value) == message
    with pytest.raises(ModelError) as caught:
        read_model(toy, format_name="tflite")
    assert str(caught.value) == f"{toy}: found a toy, expected a tflite"


def test_a_new_format_can_be_written(toy, tmp_path):
    graph = read_model(toy)
    assert registry.write_model(graph, tmp_path / "again.toy", "toy").read_bytes() == toy.read_bytes()
    with pytest.raises(UsageError) as caught:
        registry.write_model(graph, tmp_path, "tou")
    assert str(caught.value) == (
        "format 'tou' cannot be written; known: tfjs-graph-model, tflite, toy; did you mean 'toy'?")


def test_a_binary_file_above_its_limit_is_refused_before_reading(toy, monkeypatch):
    monkeypatch.setattr(document, "LIMITS", Limits(weight_bytes=7))
    with pytest.raises(LimitError) as caught:
        read_model(toy)
    assert str(caught.value) == f"{toy}: size in bytes is 8, above the limit of 7"
