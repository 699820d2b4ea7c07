"""Which nodes become one group, and what the group's expression says."""

from __future__ import annotations

import numpy as np
import pytest

import tfjslab.ops  # noqa: F401 - registers all ops
from tfjslab.graph.ir import Node
from tfjslab.ops.expr import evaluate
from tfjslab.ops.registry import Spec
from tfjslab.passes.fusion import Rules, group_nodes

_IMAGE, _CHANNELS = Spec((1, 4, 4, 8), "float32"), Spec((8,), "float32")


def _yes(*_):
    return True


def _is_conv(core):
    return core.op == "Conv2D"


_ALL = Rules(_yes, _is_conv, _yes, _is_conv)


def _groups(nodes, outputs=("out",), rules=_ALL, **specs):
    known = {v: _IMAGE for n in nodes for v in (*n.uses, *n.outputs)} | specs
    return group_nodes(nodes, known, outputs, rules)


def _names(groups):
    return [[n.name for n in g.nodes] for g in groups]


def test_a_convolution_takes_the_whole_chain_behind_it():
    nodes = [
        Node("c", "Conv2D", ("x", "w")), Node("b", "Add", ("c", "bias")), Node("r", "Add", ("x", "b")),
        Node("out", "Relu", ("r",)),
    ]
    (group,) = _groups(nodes, bias=_CHANNELS)
    assert group.core_node.name == "c"
    assert set(group.operands) == {"x", "bias"}
    leaves = {"x": 3.0, "bias": -9.0}
    values = [np.float32(2), *(np.float32(leaves[v]) for v in group.operands)]
    assert evaluate(group.expr, values, {}) == max(2 - 9 + 3, 0)


def test_hard_swish_written_out_reads_the_convolution_twice_and_is_still_one_group():
    nodes = [
        Node("c", "Conv2D", ("x", "w")), Node("a", "Add", ("c", "three")), Node("r", "Relu6", ("a",)),
        Node("out", "Multiply", ("c", "r")),
    ]
    assert _names(_groups(nodes)) == [["c", "a", "r", "out"]]


def test_truth_values_stay_outside_of_what_a_convolution_writes():
    """A condition that is made of floats inside the group is no harm."""
    truths = {"m": Spec(_IMAGE.shape, "bool")}
    conv, choice = Node("c", "Conv2D", ("x", "w")), Node("out", "SelectV2", ("m", "x", "bias"))
    assert _names(_groups([conv, Node("m", "IsNan", ("c",))], ("m",), **truths)) == [["c"], ["m"]]
    assert _names(_groups([conv, Node("out", "SelectV2", ("m", "c", "x"))], **truths)) == [["c"], ["out"]]
    nodes = [conv, Node("m", "Less", ("c", "bias")), choice]
    assert _names(_groups(nodes, bias=_CHANNELS, **truths)) == [["c", "m", "out"]]


def test_what_others_read_or_what_is_an_output_is_not_swallowed():
    nodes = [Node("c", "Conv2D", ("x", "w")), Node("r", "Relu", ("c",)), Node("out", "Neg", ("r",))]
    other = Node("other", "Neg", ("c",))
    assert _names(_groups([*nodes, other], ("out", "other"))) == [["c"], ["r", "out"], ["other"]]
    assert _names(_groups(nodes, ("out", "r"))) == [["c", "r"], ["out"]]


def test_what_the_core_reads_itself_is_not_swallowed_by_the_chain_behind_it():
    nodes = [
        Node("norm", "Relu", ("x",)), Node("c", "Conv2D", ("norm", "w")), Node("b", "Add", ("c", "bias")),
        Node("out", "Add", ("norm", "b")),
    ]
    assert _names(_groups(nodes, bias=_CHANNELS)) == [["norm"], ["c", "b", "out"]]


def test_two_convolutions_added_stay_two_kernels():
    nodes = [Node("a", "Conv2D", ("x", "w")), Node("b", "Conv2D", ("x", "w")), Node("out", "Add", ("a", "b"))]
    groups = _groups(nodes)
    assert sorted(len(g.nodes) for g in groups) == [1, 2]
    assert groups[-1].output == "out"


@pytest.mark.parametrize("core", ["Softmax", "Concat"])
def test_a_core_that_takes_no_epilogue_is_left_alone_even_by_a_chain_without_operands(core):
    nodes = [Node("c", core, ("x",)), Node("out", "Sigmoid", ("c",))]
    assert _names(_groups(nodes)) == [["c"], ["out"]]


def test_a_chain_that_changes_the_shape_is_not_merged():
    nodes = [Node("c", "Conv2D", ("x", "w")), Node("out", "Add", ("c", "big"))]
    groups = _groups(nodes, out=Spec((2, 4, 4, 8), "float32"), big=Spec((2, 4, 4, 8), "float32"))
    assert _names(groups) == [["c"], ["out"]]


def test_a_chain_that_is_too_long_for_a_recursive_walk_is_cut():
    """By the number of nodes, and sooner where each of them is a long expression."""
    names = [f"n{i}" for i in range(99)] + ["out"]
    for op, lengths in (("Neg", [48, 48, 4]), ("Exp", [24, 24, 24, 24, 4])):
        groups = _groups([Node(n, op, (x,)) for n, x in zip(names, ["x", *names], strict=False)])
        assert [len(g.nodes) for g in groups] == lengths


def test_unsupported_nodes_stand_alone():
    rules = Rules(lambda n: n.op != "Relu", _yes, _yes, _is_conv)
    nodes = [Node("c", "Conv2D", ("x", "w")), Node("r", "Relu", ("c",)), Node("out", "Neg", ("r",))]
    assert _names(_groups(nodes, rules=rules)) == [["c"], ["r"], ["out"]]


def _padded(value=0.0, channels=(0, 0)):
    attrs = {"paddings": ((0, 0), (0, 1), (2, 0), channels), "constant_value": value}
    conv = {"padding": "VALID", "strides": (1, 1, 1, 1)}
    return [Node("p", "PadV2", ("x",), attrs), Node("out", "Conv2D", ("p", "w"), conv)]


def test_padding_moves_into_the_convolution():
    (group,) = _groups(_padded())
    assert [n.name for n in group.nodes] == ["p", "out"]
    assert group.core_node.inputs == ("x", "w")
    assert group.core_node.attrs["padding"] == "EXPLICIT"
    assert group.core_node.attrs["explicit_paddings"] == (0, 0, 0, 1, 2, 0, 0, 0)


@pytest.mark.parametrize("kept", [{"value": 1.0}, {"channels": (0, 1)}])
def test_padding_with_other_values_or_of_channels_stays(kept):
    assert _names(_groups(_padded(**kept))) == [["p"], ["out"]]
