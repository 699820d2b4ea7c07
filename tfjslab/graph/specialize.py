"""What is known of every value once the shapes of the inputs are: the step before a plan is made.

Shape arithmetic (Shape, Pack, StridedSlice, ... on known values) is evaluated here, so that a reshape to a computed
shape is as static as one to a constant. Values that depend on data keep ``shape=None``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tfjslab.base import dtypes
from tfjslab.base.errors import GraphError, TfjslabError
from tfjslab.base.limits import RUN_LIMITS, check_memory
from tfjslab.base.names import reserve
from tfjslab.graph.ir import Graph, Node
from tfjslab.graph.promote import promoted
from tfjslab.ops.registry import Spec

# Only shape-like values are computed while planning; weights are left to the passes, which report what they fold.
MAX_FOLDED_ELEMENTS = 4096


@dataclass(frozen=True, eq=False)
class Specialized:
    """A graph with specs for its values, and nodes whose attributes are resolved where they can be.

    ``static`` names the nodes whose attributes and shapes are all known: these can be compiled.
    ``graph.nodes`` lacks the nodes whose outputs have known values; those stand in ``graph.constants``.
    """

    graph: Graph
    specs: Mapping[str, Spec]
    static: frozenset[str]


class Specializer:
    """Takes nodes one by one, each behind the makers of what it reads."""

    def __init__(self, graph: Graph, feeds: Mapping[str, Spec]) -> None:
        self.specs: dict[str, Spec] = dict(feeds)
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}
        self._graph = graph
        self._names = {v for n in graph.nodes for v in (n.name, *n.outputs)} | {*graph.constants, *feeds}
        self._static: set[str] = set()
        for name, array in graph.constants.items():
            self.constant(name, array)

    def constant(self, name: str, array: np.ndarray) -> None:
        """Take a value that is known, though not by looking into large ones."""
        self.constants[name] = array
        known = array if array.size <= MAX_FOLDED_ELEMENTS else None
        self.specs[name] = Spec(array.shape, dtypes.of_value(array), known)

    def add(self, node: Node) -> None:
        """Take a node, with the casts that it needs."""
        for part in promoted(node, [self.specs[v].dtype for v in node.inputs if v], self._fresh):
            self._take(part)

    def _fresh(self, name: str) -> str:
        return reserve(name, self._names)

    def _take(self, node: Node) -> None:
        """Compute a node where its inputs are known, else resolve its attributes and infer its outputs."""
        resolved = _resolve_attrs(node, self.specs)
        outs = _infer(resolved, self.specs)
        values = _fold(resolved, self.specs, outs)
        if values is not None:
            outs = [Spec(v.shape, o.dtype, v) for v, o in zip(values, outs, strict=True)]
            self.constants.update(zip(node.outputs, values, strict=True))
        else:
            self.nodes.append(resolved)
            if _is_static(resolved, self.specs, outs):
                self._static.add(node.name)
        self.specs.update(zip(node.outputs, outs, strict=True))

    def finish(self) -> Specialized:
        """What was taken."""
        graph = self._graph.with_(nodes=tuple(self.nodes), constants=self.constants)
        return Specialized(graph, self.specs, frozenset(self._static))


def specialize(graph: Graph, feeds: Mapping[str, Spec]) -> Specialized:
    """Propagate shapes and known values from ``feeds`` (by value name) through ``graph``.

    Raises the typed error of the op's shape rule, with the node's name in front, when shapes do not fit.
    """
    found = Specializer(graph, feeds)
    for node in graph.nodes:
        found.add(node)
    return found.finish()


def _resolve_attrs(node: Node, specs: Mapping[str, Spec]) -> Node:
    """Move attributes whose supplying value is known from ``attr_inputs`` to ``attrs``."""
    known = {a: specs[v].value for a, v in node.attr_inputs.items() if specs[v].value is not None}
    if not known:
        return node
    given = {**node.attrs, **known}
    rest = {a: v for a, v in node.attr_inputs.items() if a not in known}
    if not rest:
        given = node.definition.resolve_attrs(given, f"node '{node.name}'")
    return replace(node, attrs=given, attr_inputs=rest)


def _unknown(node: Node) -> list[Spec]:
    """Specs of outputs that only running the node can tell; dtype "" is filled in by the executor."""
    return [Spec(None, "")] * node.num_outputs


def _infer(node: Node, specs: Mapping[str, Spec]) -> list[Spec]:
    ins = [specs[v] for v in node.inputs if v]
    if node.attr_inputs or any(s.shape is None for s in ins):
        return _unknown(node)
    try:
        outs = list(node.definition.infer(ins, node.attrs))
    except TfjslabError as e:
        raise type(e)(f"node '{node.name}' ({node.op}): {e}", code=e.code) from None
    if len(outs) != node.num_outputs:
        raise GraphError(
            f"node '{node.name}' ({node.op}) has {len(outs)} outputs by its shape rule, "
            f"{node.num_outputs} in the graph",
        )
    check_made(node, outs)
    return outs


def check_made(node: Node, outs: Sequence[Spec]) -> None:
    """LimitError when what a node would make is more than a run may take."""
    surely = RUN_LIMITS.memory_bytes // dtypes.MOST_BYTES_PER_ELEMENT
    for spec in outs:
        # This is asked for every node, so the usual answer is found first.
        if spec.shape is not None and math.prod(spec.shape) > surely and spec.dtype not in dtypes.ON_HOST:
            check_memory(f"node '{node.name}' ({node.op}) of shape {list(spec.shape)}", spec.num_bytes)


def _fold(node: Node, specs: Mapping[str, Spec], outs: list[Spec]) -> list[np.ndarray] | None:
    """The node's output values if they follow from known values, else None."""
    if all(o.value is not None for o in outs) and outs:
        return [o.value for o in outs if o.value is not None]
    d = node.definition
    values = [specs[v].value if v else None for v in node.inputs]
    if d.stateful or node.attr_inputs or any(x is None for x, v in zip(values, node.inputs, strict=True) if v):
        return None
    if any(o.dtype == "variant" or o.shape is None or o.size > MAX_FOLDED_ELEMENTS for o in outs):
        return None
    return d.run(values, node.attrs)


def _is_static(node: Node, specs: Mapping[str, Spec], outs: list[Spec]) -> bool:
    ins = [specs[v] for v in node.inputs if v]
    known = all(s.shape is not None and s.dtype not in dtypes.ON_HOST for s in (*ins, *outs))
    return known and not node.definition.control and not node.attr_inputs
