"""The text dump, the order of things that need each other, and the builder."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfjslab.base.errors import UnknownOpError, UsageError
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port
from tfjslab.graph.order import CycleError, depth_first
from tfjslab.graph.text import dump


def test_a_dump_has_one_line_for_each_value():
    inner, outer = GraphBuilder(), GraphBuilder()
    inner_value = inner.value("n", "Neg", inner.input("v", None))
    outer.functions["f"] = inner.build([Port("w", inner_value, None, "")], {})
    x = outer.input("x", (None, 3))
    total = outer.value("total", "AddV2", x, outer.constant("bias", np.float32([1, 2, 3])))
    top = outer.node("top", "TopKV2", [total], k=2)
    called = outer.value("called", "PartitionedCall", top.outputs[0], f="f", Tout=["float32"])
    graph = outer.build([Port("called", called, None, ""), Port("which", "top:1", (None, 2), "int32")], {})
    assert dump(graph).splitlines() == [
        "input x: float32 [?, 3]",
        "const bias: float32 [3]",
        "total = Add(x, bias)",
        "top, top:1 = TopK(total) {k=2, sorted=True}",
        "called = Call(top) {f='f', Tout=('float32',)}",
        "output called: ? [...]",
        "output which: int32 [?, 2] = top:1",
        "function f {",
        "  input v: float32 [...]",
        "  n = Neg(v)",
        "  output w: ? [...] = n",
        "}",
    ]


def test_long_attributes_are_cut():
    builder = GraphBuilder()
    y = builder.value("y", "Tile", builder.input("x", None), reps=[1] * 20)
    assert "{reps=<20 items>}" in dump(builder.build([Port("y", y, None, "")], {}))


def test_depth_first_gives_needs_before_what_needs_them():
    needs = {"d": ["b", "c"], "b": ["a"], "c": ["a"], "a": [], "e": []}
    assert depth_first(["d"], needs.__getitem__) == ["a", "b", "c", "d"]
    assert depth_first(["b", "d", "e"], needs.__getitem__) == ["a", "b", "c", "d", "e"]


def test_depth_first_needs_no_recursion():
    assert depth_first([100_000], lambda n: [n - 1] if n else []) == list(range(100_001))


@pytest.mark.parametrize("needs", [{"a": ["a"]}, {"a": ["b"], "b": ["c"], "c": ["b"]}])
def test_cycles_are_told(needs):
    with pytest.raises(CycleError):
        depth_first(["a"], needs.__getitem__)


@given(st.dictionaries(st.integers(0, 12), st.lists(st.integers(0, 12), max_size=4)))
def test_depth_first_on_any_graph_without_cycles(edges):
    """Edges only go down, so there is no cycle; shared needs must not look like one."""
    order = depth_first(list(edges), lambda n: [m for m in edges.get(n, []) if m < n])
    place = {n: i for i, n in enumerate(order)}
    assert Counter(order).most_common(1)[0][1] == 1 if order else True
    assert all(place[m] < place[n] for n in order for m in edges.get(n, []) if m < n)


def test_builder_names_are_unique_and_constants_shared():
    builder = GraphBuilder()
    x, w = builder.input("x", (2,)), np.float32([1, 2])
    assert builder.constant("w", w) == builder.constant("w", w) == "w"
    assert builder.constant("w", w.copy()) == "w_1"
    assert builder.value("y", "AddV2", x, "w") == "y"
    assert builder.value("y", "AddV2", x, "w") == "y_1"


def test_builder_spells_ops_as_files_do():
    builder = GraphBuilder(layer="norm")
    values = [builder.constant(n, np.ones(3, np.float32)) for n in ("scale", "offset", "mean", "variance")]
    node = builder.node("n", "FusedBatchNormV3", [builder.input("x", (2, 3)), *values], epsilon=0.5)
    assert node.inputs == ("x", "mean", "variance", "offset", "scale"), "the order of TF.js's kernel"
    assert node.layer == "norm"
    squeeze = builder.node("s", "Squeeze", ["n"], squeeze_dims=[0])
    assert squeeze.attrs == {"axis": (0,)}


def test_builder_refuses_what_does_not_exist():
    builder = GraphBuilder()
    x = builder.input("x", (2,))
    with pytest.raises(UnknownOpError, match="TensorFlow op 'Zap' is not in the registry"):
        builder.node("y", "Zap", [x])
    with pytest.raises(UsageError, match="node 'y': Relu has no attribute 'alpha'"):
        builder.node("y", "Relu", [x], alpha=1)


def test_builder_drops_constants_that_nothing_uses():
    builder = GraphBuilder()
    builder.constant("unused", np.float32([1]))
    y = builder.value("y", "Relu", builder.input("x", (2,)))
    assert builder.build([Port("y", y, None, "")], {}).constants == {}
