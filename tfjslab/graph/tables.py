"""How large the integers are that a graph's inputs may hold: those that look up rows of a table stay inside of it.

Whoever makes up inputs (``Model.sample``, ``generated_inputs``) reads the result from the ports. An id that is computed
with is not followed.
"""

from __future__ import annotations

from dataclasses import replace

from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.ops.facts import LIKE_FIRST

# What passes elements on besides the ops whose facts say so.
_MOVES = ("Cast", "Transpose", "Concat")


def with_table_lengths(graph: Graph) -> Graph:
    """The graph with ``below`` told of its integer inputs, where a table with a known length is indexed by them."""
    consumers = graph.consumers()
    return graph.with_(inputs=tuple(
        replace(p, below=_below(graph, p, consumers)) if p.dtype == "int32" else p for p in graph.inputs
    ))


def _below(graph: Graph, port: Port, consumers: dict[str, list[Node]]) -> int:
    """The length of the shortest table that is indexed by the values of an input; 0 when none is."""
    limits: list[int] = []
    seen: set[str] = set()
    todo = [port.value]
    while todo:
        value = todo.pop()
        if value in seen:
            continue
        seen.add(value)
        for node in consumers.get(value, ()):
            if (length := _indexed(graph, node, value)) is not None:
                limits.append(length)
            elif _moves(node, value):
                todo += node.outputs
    return min(limits, default=0)


def _indexed(graph: Graph, node: Node, value: str) -> int | None:
    """How many entries a node looks the value up in; None when it does not."""
    if node.op == "OneHot" and "depth" in node.attrs:
        return int(node.attrs["depth"])
    table = graph.constants.get(node.inputs[0]) if node.op == "GatherV2" and node.inputs[1] == value else None
    axis = node.attrs.get("axis")
    if table is None or axis is None or not -table.ndim <= axis < table.ndim:
        return None
    return int(table.shape[axis])


def _moves(node: Node, value: str) -> bool:
    """Whether the elements of the value come out as they are."""
    facts = node.definition.facts
    moves = facts.passes_on or facts.shares_bytes or facts == LIKE_FIRST or node.op in _MOVES
    return moves and (node.op != "GatherV2" or node.inputs[0] == value)
