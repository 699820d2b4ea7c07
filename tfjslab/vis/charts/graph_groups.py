"""Making a graph small enough to look at: nodes become layers, layers become blocks, a chain becomes one box.

Grouping never makes a cycle, so that the result can be drawn from top to bottom.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfjslab.graph.blocks import block_of, part_of
from tfjslab.graph.ir import Graph, Node


@dataclass(frozen=True)
class NodeGroup:
    """Nodes that are drawn as one box, in order."""

    name: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Grouping:
    """Boxes in an order in which every one follows those it reads from, and the pairs that are connected."""

    groups: tuple[NodeGroup, ...]
    edges: tuple[tuple[int, int], ...]
    by: str


def grouping_of(graph: Graph, limit: int) -> Grouping:
    """The finest grouping with at most ``limit`` boxes: nodes, layers, blocks by name, chains, or equal parts."""
    grouping = Grouping(tuple(NodeGroup(n.name, (n,)) for n in graph.nodes), (), "node")
    grouping = _with_edges(grouping, graph)
    for by, key in _KEYS.items():
        if len(grouping.groups) <= limit:
            return grouping
        grouping = _with_edges(_keyed(graph, key, by), graph)
    if len(grouping.groups) > limit:
        grouping = _with_edges(_chains(grouping), graph)
    if len(grouping.groups) > limit:
        grouping = _with_edges(_parts(grouping, limit), graph)
    return grouping


def _layer(node: Node) -> str:
    return node.layer or node.name


_KEYS: dict[str, Callable[[Node], str]] = {
    "layer": _layer, "block": lambda n: block_of(_layer(n)), "part": lambda n: part_of(_layer(n)),
}


def _keyed(graph: Graph, key: Callable[[Node], str], by: str) -> Grouping:
    """Nodes with one key together; where that makes a cycle, only those that follow each other directly."""
    together: dict[str, list[Node]] = {}
    for node in graph.nodes:
        together.setdefault(key(node), []).append(node)
    ordered = _sorted([NodeGroup(name, tuple(nodes)) for name, nodes in together.items()], graph)
    if ordered is None:
        runs: list[tuple[str, list[Node]]] = []
        for node in graph.nodes:
            if not runs or runs[-1][0] != key(node):
                runs.append((key(node), []))
            runs[-1][1].append(node)
        ordered = [NodeGroup(name, tuple(nodes)) for name, nodes in runs]  # runs of an ordered list cannot make a cycle
    return Grouping(tuple(ordered), (), by)


def _sorted(groups: Sequence[NodeGroup], graph: Graph) -> list[NodeGroup] | None:
    """The groups in an order that their edges allow, or None."""
    edges = _edges(groups, graph)
    waits = {i: {a for a, b in edges if b == i} for i in range(len(groups))}
    order: list[int] = []
    while waits:
        ready = [i for i, before in waits.items() if not before]
        if not ready:
            return None
        order.append(ready[0])
        del waits[ready[0]]
        for before in waits.values():
            before.discard(ready[0])
    return [groups[i] for i in order]


def _edges(groups: Sequence[NodeGroup], graph: Graph) -> tuple[tuple[int, int], ...]:
    owner = {n.name: i for i, g in enumerate(groups) for n in g.nodes}
    makers = graph.producers()
    pairs = {
        (owner[makers[v].name], i): None
        for i, g in enumerate(groups) for n in g.nodes for v in n.uses if v in makers
    }
    return tuple((a, b) for a, b in pairs if a != b)


def _with_edges(grouping: Grouping, graph: Graph) -> Grouping:
    return Grouping(grouping.groups, _edges(grouping.groups, graph), grouping.by)


def _chains(grouping: Grouping) -> Grouping:
    """Boxes that follow each other with nothing else in between become one."""
    before: dict[int, list[int]] = {i: [] for i in range(len(grouping.groups))}
    after: dict[int, list[int]] = {i: [] for i in range(len(grouping.groups))}
    for a, b in grouping.edges:
        before[b].append(a)
        after[a].append(b)
    chains: list[list[int]] = []
    place: dict[int, list[int]] = {}
    for i in range(len(grouping.groups)):
        feeds = before[i]
        if len(feeds) == 1 and len(after[feeds[0]]) == 1:
            place[i] = place[feeds[0]]
        else:
            place[i] = []
            chains.append(place[i])
        place[i].append(i)
    # By their ends: whatever feeds a chain feeds its first box, and that came earlier than the chain's last one.
    chains.sort(key=lambda c: c[0])
    return Grouping(tuple(_merged([grouping.groups[i] for i in c]) for c in chains), (), "chain")


def _parts(grouping: Grouping, limit: int) -> Grouping:
    """At most ``limit`` runs of boxes of nearly equal length: the last resort, for graphs of thousands of nodes."""
    n = len(grouping.groups)
    cuts = [n * i // limit for i in range(limit + 1)]
    runs = [grouping.groups[a:b] for a, b in itertools.pairwise(cuts)]
    return Grouping(tuple(_merged(r) for r in runs if r), (), "part")


def _merged(groups: Sequence[NodeGroup]) -> NodeGroup:
    if len(groups) == 1:
        return groups[0]
    names = (groups[0].name.partition(" → ")[0], groups[-1].name.rpartition(" → ")[2])
    return NodeGroup(" → ".join(names), tuple(n for g in groups for n in g.nodes))
