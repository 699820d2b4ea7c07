"""Moving data: what is all of its input in its order is not copied."""

from __future__ import annotations

import numpy as np
import pytest
from support.wasm import graph_of

from tfjslab.backends.kernels.reads import Read
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.executable import collect_calls
from tfjslab.backends.wasm.text.emit import SIMD
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import specialize
from tfjslab.ops.registry import Spec, get

X = np.arange(24, dtype=np.float32).reshape(1, 4, 6)
WHOLE = [
    ("Unpack", {"axis": 0, "num": 1}), ("Pack", {"axis": 0}), ("Concat", {"axis": 1}), ("Tile", {"reps": (1, 1, 1)}),
    ("Slice", {"begin": (0, 0, 0), "size": (-1, 4, 6)}), ("Transpose", {"perm": (1, 0, 2)}),
    ("Reverse", {"axis": (0,)}),
]
PARTS = [
    ("Slice", {"begin": (0, 0, 0), "size": (1, 4, 5)}), ("Transpose", {"perm": (0, 2, 1)}), ("Reverse", {"axis": (1,)}),
    ("Tile", {"reps": (2, 1, 1)}),
]


def calls(op, attrs):
    """Kernel calls of one node between two that compute."""
    node = Node("n", op, ("a",), get(op).resolve_attrs(attrs, "test"))
    nodes = [Node("a", "Relu", ("x",)), node, Node("b", "Neg", ("n",))]
    program = specialize(graph_of(nodes, {"x": X}, {}, ("b",)), {"x": Spec(X.shape, "float32")})
    builder = collect_calls(WasmBuilder(program, ("b",), SIMD), program)
    return [len(r.calls) for r in builder.records if r.group.output == "n"]


@pytest.mark.parametrize(("op", "attrs"), WHOLE)
def test_all_of_a_value_is_that_value(op, attrs):
    assert calls(op, attrs) == [0]


@pytest.mark.parametrize(("op", "attrs"), PARTS)
def test_a_part_is_copied(op, attrs):
    assert calls(op, attrs) == [1]


@pytest.mark.parametrize(("read", "shape", "expected"), [
    (Read((2, 3), (3, 1)), (6,), True), (Read((), ()), (1,), True), (Read((2, 0), (0, 1)), (0, 2), False),
    (Read((2, 3), (1, 2)), (3, 2), False), (Read((2, 3), (3, 1), 1), (6,), False), (Read((3,), (-1,), 2), (3,), False),
])
def test_what_is_all_of_a_tensor(read, shape, expected):
    assert read.is_all_of(shape) is expected
