"""Look-up tables that a model's initializer fills, read, run on every kind of backend and written again."""

from __future__ import annotations

import numpy as np
import pytest
from support import tfjs
from support.available import need

import tfjslab as tf
from tfjslab.base.errors import ModelError

KEYS, VALUES = np.array([3, 5, 8], np.int32), np.array([30, 50, 80], np.int32)
TYPES = {"key_dtype": {"type": "DT_INT64"}, "value_dtype": {"type": "DT_INT32"}}


def lookup(kit, *, keys="k", table="t", shared="", initializer=True, **attr):
    """Ids looked up in a table that is filled by the initializer, or in the graph by a node that nobody reads."""
    told = {**TYPES, **attr, **({"shared_name": {"s": shared}} if shared else {})}
    fill = [
        kit.node(table, "HashTableV2", **told), kit.const(keys, KEYS), kit.const("v", VALUES),
        kit.node("fill", "LookupTableImportV2", table, keys, "v"),
    ]
    main = [
        kit.node("t", "HashTableV2", **told), kit.placeholder("ids", (-1,), "DT_INT32"),
        kit.const("none", np.array(-1, np.int32)), kit.node("passed", "Identity", "t"),
        kit.node("y", "LookupTableFindV2", "passed", "ids", "none"), kit.node("n", "LookupTableSizeV2", "t"),
    ]
    weights = {keys: KEYS, "v": VALUES, "none": np.array(-1, np.int32)}
    extra = {"modelInitializer": {"node": fill}} if initializer else {}
    nodes = main if initializer else [*main, *fill[1:]]
    return kit.Model(nodes, weights, **extra)


def answers(path, backend="cpu"):
    with tf.load_model(path, backend=backend) as model:
        return [v.tolist() for v in model.execute({"ids": np.array([8, 4, 3], np.int32)}, ["y", "n"])]


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd", "webgpu"])
def test_a_table_is_read_filled(kit, tmp_path, backend):
    need(backend)
    assert answers(lookup(kit).write(tmp_path), backend) == [[80, -1, 30], 3]


@pytest.mark.parametrize("change", [
    {"shared": "dGFibGU=", "table": "table_of_the_initializer"}, {"initializer": False}, {"keys": "none_like_it"},
])
def test_tables_are_the_same_by_name_by_shared_name_or_in_one_graph(kit, tmp_path, change):
    assert answers(lookup(kit, **change).write(tmp_path)) == [[80, -1, 30], 3]


def test_without_an_initializer_a_table_is_empty(kit, tmp_path):
    model = lookup(kit)
    del model.json["modelInitializer"]
    assert answers(model.write(tmp_path)) == [[-1, -1, -1], 0]


def test_a_node_of_the_initializer_may_have_a_name_of_the_model(kit, tmp_path):
    model = lookup(kit)
    nodes = model.json["modelInitializer"]["node"]
    nodes[3]["input"] = ["t", "y", "v"]  # "y" is another node in the model
    nodes.append(kit.node("y", "Identity", "k"))
    assert answers(model.write(tmp_path)) == [[80, -1, 30], 3]


def test_a_written_model_has_its_tables(kit, tmp_path):
    path = lookup(kit).write(tmp_path)
    with tf.load_model(path) as model:
        model.save(tmp_path / "again")
    assert answers(tmp_path / "again") == [[80, -1, 30], 3]


def test_tensorflow_js_says_the_same_of_both(kit, tmp_path):
    path = lookup(kit).write(tmp_path)
    with tf.load_model(path) as model:
        model.save(tmp_path / "again")
    feeds = {"ids": np.array([8, 4, 3], np.int32)}
    for outputs in tfjs.predict([(tmp_path, feeds), (tmp_path / "again", feeds)]):
        assert [v.tolist() for _, v in outputs] == [[80, -1, 30], 3]


@pytest.mark.parametrize(("change", "text"), [
    (lambda m: m.json.update(modelInitializer=[]), "modelInitializer"),
    (lambda m: m.json["modelInitializer"].update(node={}), "modelInitializer: node"),
    (lambda m: m.json["modelInitializer"]["node"][3].update(input=["t", "gone", "v"]), "'gone', read by"),
    (lambda m: m.json["modelInitializer"]["node"][1].update(name="ids"),
     "modelInitializer: constant 'ids' has the name of another node"),
])
def test_damaged_initializers_are_told(kit, tmp_path, change, text):
    model = lookup(kit)
    change(model)
    with pytest.raises(ModelError, match=text):
        tf.load_model(model.write(tmp_path))
