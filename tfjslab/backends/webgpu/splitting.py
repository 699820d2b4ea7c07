"""Weights that are larger than an adapter binds: the node is cut into nodes for some of its output columns each.

A rewriting of the graph before it is lowered, so no kernel knows of it: ``y = x * w`` becomes products with slices of
the columns of ``w`` (and of what has a value for each column), and their concatenation. What cannot be cut, because an
activation is too large or weights are not constant, is left to the host with the numbers.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, MutableMapping
from dataclasses import dataclass, replace

from tfjslab.backends.webgpu.storage import Storage
from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import Specialized
from tfjslab.ops import registry
from tfjslab.ops.decompose import unfused
from tfjslab.ops.registry import Spec

_PRODUCT, _CONVOLUTION = "BatchMatMul", "Conv2D"  # alone or with something fused to them
_COLUMNS = 64  # parts are multiples of this, so that every tile fits
Slices = MutableMapping[Hashable, Array]


@dataclass(frozen=True)
class Limit:
    """The most bytes that an adapter binds, its name, and how values are stored."""

    num_bytes: int
    adapter: str
    storage: Storage

    def holds(self, spec: Spec) -> bool:
        """Whether a value can be bound."""
        return self.storage.stored_bytes(spec.size, spec.dtype) <= self.num_bytes

    def refusal(self, node: Node, specs: Mapping[str, Spec]) -> str:
        """Why a kernel could not be given the values of a node; empty when it could."""
        if node.definition.facts.shares_bytes:
            return ""
        for value in (*node.inputs, *node.outputs):
            if value and not self.holds(specs[value]):
                stored = self.storage.stored_bytes(specs[value].size, specs[value].dtype)
                return f"value '{value}' takes {stored} bytes; {self.adapter} binds at most {self.num_bytes} bytes"
        return ""


def split_large(program: Specialized, limit: Limit, slices: Slices) -> Specialized:
    """The program with nodes cut whose weights are above the limit; the very same one when there are none.

    ``slices`` keeps the parts of weights, so that all plans of a session share them.
    """
    constants = program.graph.constants
    if all(limit.holds(program.specs[v]) for v in constants if v in program.specs):
        return program
    cutter = _Cutter(program, limit, slices)
    nodes = [part for node in program.graph.nodes for part in cutter.cut(node)]
    graph = program.graph.with_(nodes=tuple(nodes), constants={**constants, **cutter.constants})
    return Specialized(graph, {**program.specs, **cutter.specs}, program.static | {n.name for n in nodes})


class _Cutter:
    """What cutting adds to a program."""

    def __init__(self, program: Specialized, limit: Limit, slices: Slices) -> None:
        self.constants: dict[str, Array] = {}
        self.specs: dict[str, Spec] = {}
        self._program = program
        self._limit = limit
        self._slices = slices

    def cut(self, node: Node) -> list[Node]:
        """The node, or its parts and their concatenation."""
        spec = self._program.specs
        if unfused(node.op) not in (_PRODUCT, _CONVOLUTION) or self._limit.holds(spec[node.inputs[1]]):
            return [node]
        width = self._width(node)
        n = spec[node.name].known_shape[-1]
        if not width or any(v not in self._program.graph.constants for v in node.inputs[1:]):
            return [node]
        parts = [self._part(node, at, min(at + width, n)) for at in range(0, n, width)]
        attrs = registry.get("Concat").resolve_attrs({"axis": -1}, node.name)
        whole = Node(node.name, "Concat", tuple(p.name for p in parts), attrs, layer=node.layer)
        return [*parts, whole]

    def _axis(self, node: Node) -> int:
        """The axis of the weights that are output columns."""
        return -2 if node.attrs.get("transpose_b") else -1

    def _width(self, node: Node) -> int:
        """Columns of a part; 0 when the weights cannot be cut."""
        x, shape = (self._program.specs[v].known_shape for v in node.inputs[:2])
        if unfused(node.op) == _CONVOLUTION and x[3] != shape[2]:  # groups of columns have channels of their own
            return 0
        if unfused(node.op) == _PRODUCT and len(shape) != 2:  # noqa: PLR2004 - a batch of matrices is another matter
            return 0
        columns = shape[self._axis(node)]
        column_bytes = self._limit.storage.stored_bytes(-(-self._program.specs[node.inputs[1]].size // columns))
        return self._limit.num_bytes // column_bytes // _COLUMNS * _COLUMNS

    def _part(self, node: Node, begin: int, end: int) -> Node:
        spec, n = self._program.specs, self._program.specs[node.name].known_shape[-1]
        weights = self._slice(node.inputs[1], self._axis(node), begin, end)
        others = tuple(
            self._slice(v, -1, begin, end) if spec[v].known_shape[-1:] == (n,) else v for v in node.inputs[2:]
        )
        name = f"{node.name} columns {begin} to {end - 1}"
        self.specs[name] = Spec((*spec[node.name].known_shape[:-1], end - begin), spec[node.name].dtype)
        return replace(node, name=name, inputs=(node.inputs[0], weights, *others))

    def _slice(self, value: str, axis: int, begin: int, end: int) -> str:
        """The name of a constant's columns."""
        array = self._program.graph.constants[value]
        key = (id(array), axis, begin, end)
        if key not in self._slices:  # a view: it keeps the whole array alive, and so the identity in the key
            self._slices[key] = array[(..., slice(begin, end)) if axis == -1 else (slice(begin, end), ...)]
        name = f"{value} columns {begin} to {end - 1}"
        self.constants[name] = self._slices[key]
        self.specs[name] = Spec(self._slices[key].shape, self._program.specs[value].dtype)
        return name
