"""What the interactive graph shows of a model: groups, facts of nodes, weights, and overlays of runs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from support.charts import kernel, profile

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import InputError, UsageError
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model.model import Model
from tfjslab.model.placement import placements
from tfjslab.profiling.compare import diff
from tfjslab.views.graph_tree import MOST_BOXES, tree_of
from tfjslab.views.graph_weights import BINS, MOST_COUNTED, weight_facts


def small(batch=1):
    """``x -> dense -> relu -> y`` with a weight, in scopes."""
    b = GraphBuilder()
    x = b.input("x", (batch, 3))
    b.layer = "head/dense"
    y = b.value("call/head/dense/MatMul", "MatMul", x, b.constant("w", np.arange(6, dtype=np.float32).reshape(3, 2)))
    b.layer = "head/relu"
    y = b.value("call/head/relu/Relu", "Relu", y)
    return b.build((Port("y", y, (batch, 2), "float32"),), {"name": "small"})


def nodes_of(view):
    return {n["name"]: n for n in view.data["nodes"] if n["kind"] == "node"}


def overlays_of(view):
    """By key, values by the name of the node."""
    names = [n["name"] for n in view.data["nodes"]]
    return {o["key"]: {names[i]: v for i, v in o["values"].items()} for o in view.data["overlays"]}


def chain(count, name):
    """Paths of ``count`` nodes, one after the other, and their edges."""
    return [(name(i),) for i in range(count)], [(i, i + 1) for i in range(count - 1)]


def test_nodes_tell_what_they_read_and_make_and_a_weight_stands_with_the_node_that_reads_it():
    view = tf.views.graph(small())
    dense, relu = nodes_of(view).values()
    assert [n["op"] for n in view.data["nodes"]] == ["Input", "BatchMatMul", "Relu", "Output"]
    assert dense["outputs"] == [{"value": "call/head/dense/MatMul", "shape": "1x2", "dtype": "float32"}]
    assert [(i["input"], i["node"]) for i in (*dense["inputs"], *relu["inputs"])] == [("a", 0), ("x", 1)]
    (weight,) = dense["weights"]
    assert (weight["input"], weight["value"], weight["shape"], weight["bytes"]) == ("b", "w", "3x2", 24)
    assert (weight["min"], weight["max"], weight["mean"], weight["zeros"]) == (0, 5, 2.5, pytest.approx(1 / 6))
    assert overlays_of(view)["flops"]["call/head/dense/MatMul"] == 12
    assert json.loads(json.dumps(view.data, allow_nan=False))["title"] == "small"


def test_groups_are_those_of_names_without_the_scope_of_an_export():
    view = tf.views.graph(small())
    assert view.data["groups"] == [{"label": "head", "parent": -1}]
    assert [n["label"] for n in view.data["nodes"]] == ["x", "dense/MatMul", "relu/Relu", "y (output)"]
    assert list(view.data["opened"]) == [0]


def test_open_lengths_are_one_unless_shapes_settle_them():
    graph = small(batch=None)
    assert nodes_of(tf.views.graph(graph))["call/head/relu/Relu"]["outputs"][0]["shape"] == "1x2"
    view = tf.views.graph(graph, shapes={"x": (7, 3)})
    assert nodes_of(view)["call/head/relu/Relu"]["outputs"][0]["shape"] == "7x2"
    with pytest.raises(UsageError, match=r"^shapes: the model has no input 'z'$"):
        tf.views.graph(graph, shapes={"z": (1,)})
    with pytest.raises(UsageError, match=r"^shapes: input 'x' is \?x3, which 7x4 does not fit$"):
        tf.views.graph(graph, shapes={"x": (7, 4)})


def test_a_graph_of_unknown_shapes_is_shown_with_the_reason():
    graph = small()
    view = tf.views.graph(graph.with_(inputs=(replace(graph.inputs[0], shape=None),)))
    assert view.data["notes"] == ["shapes are not known: an input has no declared rank"]
    assert nodes_of(view)["call/head/dense/MatMul"]["outputs"][0]["shape"] == ""


def test_functions_are_groups_of_their_own():
    body = Graph((Port("i", "i", (), "int32"),), (Port("o", "n", (), "int32"),), (Node("n", "Identity", ("i",)),))
    view = tf.views.graph(small().with_(functions={"loop/body": body}))
    labels = [g["label"] for g in view.data["groups"]]
    assert "function loop/body" in labels
    assert view.data["nodes"][-2]["name"] == "n"
    assert view.data["nodes"][-2]["group"] == labels.index("function loop/body")


@pytest.mark.parametrize(("count", "name"), [
    (MOST_BOXES, "n{}".format), (2000, "n{}".format), (300, "block_{}_relu".format),
    (700, lambda i: f"block_{i // 9}_{i}x"),
])
def test_no_group_has_more_boxes_than_one_can_look_at_and_every_node_is_in_one(count, name):
    paths, edges = chain(count, name)
    edges += [(i, i + 4) for i in range(0, count - 4, 4)]
    tree = tree_of(paths, edges)
    sizes = [0] * (len(tree.groups) + 1)
    for parent in (*tree.group_of, *(parent for _, parent in tree.groups)):
        sizes[parent] += 1
    assert len(tree.group_of) == len(tree.labels) == count
    assert 1 <= max(sizes) <= MOST_BOXES
    assert sizes[-1] + sum(sizes[g] - 1 for g in tree.opened) <= MOST_BOXES


def test_a_long_level_without_names_is_cut_between_residual_blocks():
    paths, edges = chain(401, "n{}".format)
    edges += [(i, i + 5) for i in range(0, 400, 5)]  # five nodes a block, and a way around them
    tree = tree_of(paths, edges)
    lasts = [int(label.rpartition(" … n")[2]) for label, parent in tree.groups if parent == -1]
    assert len(lasts) == 27
    assert [last % 5 for last in lasts] == [0] * 27  # where the way around ends


def test_weights_have_exact_ranges_and_a_histogram_of_a_part_that_says_how_many_were_counted():
    values = np.linspace(-1, 3, 3 * MOST_COUNTED, dtype=np.float32)
    facts = weight_facts(values)
    assert (facts["min"], facts["max"]) == (-1, 3)
    assert facts["histogram"]["of"] == sum(facts["histogram"]["counts"]) == MOST_COUNTED
    assert len(facts["histogram"]["counts"]) == BINS
    assert np.ptp(facts["histogram"]["counts"]) <= 2
    odd = weight_facts(np.array([np.nan, np.inf, 0, 2], np.float32))
    assert (odd["not_finite"], odd["min"], odd["max"], odd["zeros"]) == (2, 0, 2, 0.25)
    assert weight_facts(np.array([b"a"], object)).keys() == {"shape", "dtype", "bytes"}
    assert "histogram" not in weight_facts(np.zeros(9, np.float32))


def test_a_profile_gives_time_work_and_the_host_with_its_reason_and_says_what_was_fused():
    kernels = (replace(kernel("MatMul+Relu", "call/head/relu/Relu", 2.0, nodes=("call/head/dense/MatMul",
                                                                              "call/head/relu/Relu")),
                       fallback=True, reason="its rank"), kernel("Mul", "elsewhere", 1.0))
    view = tf.views.graph(small(), profile(kernels))
    found = overlays_of(view)
    assert found["time"] == {"call/head/relu/Relu": 2.0}
    assert found["host"] == {"call/head/dense/MatMul": 1.0, "call/head/relu/Relu": 1.0}
    said = dict(map(tuple, nodes_of(view)["call/head/dense/MatMul"]["said"]))
    assert said == {
        "kernel": "MatMul+Relu", "runs on": "the host, because its rank", "fused into": "call/head/relu/Relu"}
    assert view.data["notes"] == ["figures of 1 node that are not in this graph are left out, such as elsewhere"]
    assert view.title == "Graph of net on wasm-simd"


def test_figures_of_nodes_that_a_node_became_are_that_nodes():
    kernels = (kernel("Mul", "call/head/relu/Relu/0/mul", 1.0),
               kernel("Add", "call/head/relu/Relu/1/add", 2.0, fallback=True))
    view = tf.views.graph(small(), profile(kernels))
    assert overlays_of(view)["time"] == {"call/head/relu/Relu": 3.0}
    assert overlays_of(view)["host"] == {"call/head/relu/Relu": 1.0}
    assert ["runs as", "Mul, Add on the host"] in [list(s) for s in nodes_of(view)["call/head/relu/Relu"]["said"]]
    assert view.data["notes"] == []


def test_two_profiles_or_their_difference_give_what_the_second_takes_more():
    a, b = (profile((kernel("Relu", "call/head/relu/Relu", t),)) for t in (1.0, 3.0))
    for view in (tf.views.graph(small(), a, compare=b), tf.views.graph(small(), compare=diff(a, b))):
        assert overlays_of(view)["difference"] == {"call/head/relu/Relu": 2.0}
        assert "difference: net on wasm-simd minus net on wasm-simd" in view.data["notes"]
    with pytest.raises(UsageError, match="there is no other one to compare it with"):
        tf.views.graph(small(), compare=b)


def test_errors_are_those_of_numeric_diff_by_node():
    with Model(small(), "cpu") as model:
        found = tf.numeric_diff(model, None, ("cpu", "wasm-plain"))
    values = overlays_of(tf.views.graph(small(), errors=found))["error"]
    assert values == {d.node: d.relative for d in found.nodes}


def test_errors_of_a_quantized_model_show_on_the_float_graph_and_on_the_integer_one():
    with Model(zoo.build("digits")) as model:
        quantized = tf.quantize(model, kind="int8", calibration=[model.sample(seed=i) for i in range(2)])
        plain, integers = tf.views.graph(model.graph, errors=quantized), tf.views.graph(quantized.model.graph,
                                                                                      errors=quantized)
        quantized.model.dispose()
    noise = overlays_of(plain)["error"]
    assert noise == {n.name: 10 ** (-n.accumulated_db / 20) for n in quantized.report.nodes
                     if n.accumulated_db is not None}
    assert set(overlays_of(integers)["error"]) <= {f"{n}/int8" for n in noise} | set(noise)
    assert any(n.get("quantization", {}).get("out_zero") for n in integers.data["nodes"])


def test_a_model_tells_without_a_profile_what_would_run_on_the_host():
    b = GraphBuilder()
    found = b.value("twice", "UniqueV2", b.value("relu", "Relu", b.input("x", (4,))), axis=[0])
    graph = b.build((Port("y", found, None, "float32"),), {})
    with Model(graph, "wasm-plain") as model:
        found = placements(model, model.sample())
        view = tf.views.graph(model)
    assert (found["relu"].kernel, found["relu"].reason) == ("Relu", "")
    assert found["twice"].reason
    assert overlays_of(view)["host"] == {"relu": 0.0, "twice": 1.0}


def test_what_is_of_another_kind_is_refused_with_where_to_get_it():
    with pytest.raises(InputError, match=r"^model_or_graph is a str; expected a Model, from tf.load_model, "):
        tf.views.graph("model.json")
    with pytest.raises(InputError, match=r"^profile is a dict; expected a Profile, from tf.profile_model$"):
        tf.views.graph(small(), {})
    with pytest.raises(InputError, match=r"^compare is a int; expected a Profile or a ProfileDiff$"):
        tf.views.graph(small(), profile(), compare=1)
    with pytest.raises(InputError, match=r"^errors is a list; expected what tf.numeric_diff or tf.quantize gives$"):
        tf.views.graph(small(), errors=[])


def test_node_data_for_model_explorer_has_results_by_node_and_a_gradient(tmp_path):
    data = tf.views.to_model_explorer(profile())
    assert data["results"] == {"stem/conv": {"value": 2.0}, "stem/relu": {"value": 0.5},
                               "block_1/conv": {"value": 4.0}, "head/cumsum": {"value": 1.0}}
    assert data["name"] == "net on wasm-simd: time (ms)"
    assert [g["stop"] for g in data["gradient"]] == [0.0, 0.5, 1.0]
    written = tf.views.save_node_data(tf.views.graph(small()), tmp_path / "data.json", "bytes")
    assert set(json.loads(written.read_text())["results"]) == {"call/head/dense/MatMul", "call/head/relu/Relu"}
    with pytest.raises(UsageError, match=r"^no overlay 'work' here; there are: time, flops, bytes, host$"):
        tf.views.to_model_explorer(profile(), "work")
    with pytest.raises(UsageError, match="cannot be written"):
        tf.views.save_node_data(profile(), tmp_path / "no" / "data.json")
