"""What a rule looks at, and what it says: inert data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tfjslab.base.errors import ModelError, TfjslabError
from tfjslab.base.text import counted
from tfjslab.graph.ir import Graph, Node
from tfjslab.graph.specialize import specialize
from tfjslab.graph.unroll_recurrent import unroll
from tfjslab.ops.registry import Spec

_MOST_NAMED = 3


@dataclass(frozen=True)
class TargetRefusal:
    """A node that a target would not run, or would compute wrongly, and why."""

    node: str
    op: str
    reason: str


@dataclass(frozen=True, eq=False)
class Use:
    """A node as a target meets it; ``inputs`` are None as far as nothing is known of them."""

    node: Node
    inputs: tuple[Spec | None, ...]

    def rank(self, index: int = 0) -> int | None:
        """The rank of an input; None when that is not known."""
        shape = self.shape(index)
        return None if shape is None else len(shape)

    def shape(self, index: int) -> tuple[int, ...] | None:
        """The shape of an input; None when that is not known."""
        spec = self.inputs[index] if index < len(self.inputs) else None
        return None if spec is None else spec.shape

    def dtype(self, index: int) -> str:
        """The dtype of an input; empty when that is not known."""
        spec = self.inputs[index] if index < len(self.inputs) else None
        return "" if spec is None else spec.dtype


Refuses = Callable[[Use], str]


@dataclass(frozen=True)
class Rule:
    """Why nodes with these ops (None: with any) are refused on these backends (none named: on all); "" if not."""

    ops: frozenset[str] | None
    refuses: Refuses
    backends: frozenset[str] = frozenset()


def rule(ops: str, refuses: Refuses, backends: str = "") -> Rule:
    """A rule with names in a text."""
    return Rule(frozenset(ops.split()) or None, refuses, frozenset(backends.split()))


def uses(graph: Graph) -> Iterator[Use]:
    """Every node as it is written: recurrent layers in steps, functions too. Open lengths of inputs are taken as 1."""
    for where, part in _named(_written_out(graph), ""):
        known = _specs(part) if not where else {}
        for node in part.nodes:
            shown = node if not where else Node(f"{where}{node.name}", node.op, node.inputs, node.attrs)
            yield Use(shown, tuple(known.get(v) or _constant(part, v) for v in node.inputs))


def _written_out(graph: Graph) -> Graph:
    """Recurrent layers in steps, by the shapes of inputs where the file leaves open how many; else as they are."""
    try:
        return unroll(graph)
    except ModelError:
        known = _specs(graph)
    try:
        return unroll(graph, known) if known else graph
    except TfjslabError:
        return graph


def _named(graph: Graph, where: str) -> Iterator[tuple[str, Graph]]:
    yield where, graph
    for name, function in graph.functions.items():
        yield from _named(function, f"{where}{name}: ")


def _specs(graph: Graph) -> dict[str, Spec]:
    """What is known of values when the model runs on one example; nothing where that does not fit."""
    if any(p.shape is None for p in graph.inputs):
        return {}
    feeds = {p.value: Spec(tuple(1 if d is None or d < 0 else d for d in p.shape or ()), p.dtype) for p in graph.inputs}
    try:
        return dict(specialize(graph, feeds).specs)
    except TfjslabError:
        return {}


def _constant(graph: Graph, value: str) -> Spec | None:
    array = graph.constants.get(value)
    return None if array is None else Spec(array.shape, str(array.dtype))


def told(refusals: Iterable[TargetRefusal]) -> list[str]:
    """One line for each op and reason, with how many nodes and the first of their names."""
    found: dict[tuple[str, str], list[str]] = {}
    for r in refusals:
        found.setdefault((r.op, r.reason), []).append(r.node)
    return [f"{op}: {reason} ({counted(len(nodes), 'node')}: {_listed(nodes)})"
            for (op, reason), nodes in found.items()]


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
