"""Groups in groups for a graph that people open step by step, none with more boxes than one can look at.

Groups are those of names: scopes and layers, then blocks (``block_12`` of ``block_12_expand``). Where names do not
tell, a level is cut where a single value passes, which is between the residual blocks of a network, else into equal
parts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tfjslab.graph.blocks import block_of, part_of
from tfjslab.graph.ir import Node

MOST_BOXES = 40  # of one level, and of the whole as it is first shown
_WORTH = 0.6  # blocks are groups when they leave fewer boxes than this part
_ROOT = -1


@dataclass(frozen=True)
class GraphTree:
    """For each node its label and the group it is in; for each group its label and its parent; -1 is the whole.

    ``opened`` are the groups to show open at first.
    """

    labels: tuple[str, ...]
    group_of: tuple[int, ...]
    groups: tuple[tuple[str, int], ...]
    opened: tuple[int, ...]


@dataclass
class _Box:
    """A node (with its index) or a group (with what is in it)."""

    label: str
    node: int = -1
    inside: list[_Box] = field(default_factory=list)

    @property
    def first(self) -> int:
        """The first node in it."""
        return self.node if self.node >= 0 else self.inside[0].first

    def nodes(self) -> Iterable[int]:
        """All nodes in it."""
        return (self.node,) if self.node >= 0 else itertools.chain.from_iterable(b.nodes() for b in self.inside)


def scope_path(node: Node) -> tuple[str, ...]:
    """Scopes from the outermost, then the name in them, as reports show layers: without the scopes of an export."""
    name = node.name
    if node.layer and f"{node.layer}/" in name:
        name = name[name.index(f"{node.layer}/"):]
    elif node.layer and name.endswith(node.layer):
        name = node.layer
    return tuple(filter(None, name.split("/"))) or (node.name,)


def tree_of(paths: Sequence[Sequence[str]], edges: Sequence[tuple[int, int]]) -> GraphTree:
    """The groups of nodes with these paths of names; an edge goes from a node to one that reads it."""
    root = _Box("", inside=_nested(paths))
    root.inside = _limited([_merged(b) for b in root.inside], edges)
    return _numbered(root, len(paths))


def _nested(paths: Sequence[Sequence[str]]) -> list[_Box]:
    top: list[_Box] = []
    scopes: dict[tuple[str, ...], list[_Box]] = {(): top}
    for node, path in enumerate(paths):
        for depth in range(1, len(path)):
            scope = tuple(path[:depth])
            if scope not in scopes:
                made = _Box(scope[-1])
                scopes[scope[:-1]].append(made)
                scopes[scope] = made.inside
        scopes[tuple(path[:-1])].append(_Box(path[-1], node))
    return top


def _merged(box: _Box) -> _Box:
    """A group of one is that one, with both names."""
    box.inside = [_merged(b) for b in box.inside]
    if len(box.inside) != 1:
        return box
    (only,) = box.inside
    return _Box(f"{box.label}/{only.label}", only.node, only.inside)


def _limited(boxes: list[_Box], edges: Sequence[tuple[int, int]]) -> list[_Box]:
    """The same nodes in at most ``MOST_BOXES`` boxes, on this level and on those inside."""
    for key in (block_of, part_of):
        if len(boxes) > MOST_BOXES:
            boxes = _blocks(boxes, key)
    if len(boxes) > MOST_BOXES:
        boxes = _runs(sorted(boxes, key=lambda b: b.first), edges)
    for box in boxes:
        if box.inside:
            box.inside = _limited(box.inside, edges)
    return boxes


def _blocks(boxes: list[_Box], key: Callable[[str], str]) -> list[_Box]:
    blocks: dict[str, list[_Box]] = {}
    for box in boxes:
        blocks.setdefault(key(box.label.partition("/")[0]), []).append(box)
    if len(blocks) < 2 or len(blocks) > _WORTH * len(boxes):  # noqa: PLR2004 - one block is no grouping
        return boxes
    return [found[0] if len(found) == 1 else _Box(name, inside=found) for name, found in blocks.items()]


def _runs(boxes: list[_Box], edges: Sequence[tuple[int, int]]) -> list[_Box]:
    """Boxes that follow each other, cut where few values pass, at most ``MOST_BOXES`` of about equal length."""
    parts = _residual_blocks(boxes, edges)
    if len(parts) < 2:  # noqa: PLR2004 - no cut was found
        parts = [[b] for b in boxes]
    size = -(-len(parts) // MOST_BOXES)
    together = (list(itertools.chain(*parts[at : at + size])) for at in range(0, len(parts), size))
    return [t[0] if len(t) == 1 else _Box(_span(t[0].label, t[-1].label), inside=t) for t in together]


def _span(first: str, last: str) -> str:
    """From where to where a run goes, by layer where that tells the two apart."""
    a, b = (label.partition("/")[0] for label in (first, last))
    return f"{a} … {b}" if a != b else f"{first} … {last}"


def _residual_blocks(boxes: list[_Box], edges: Sequence[tuple[int, int]]) -> list[list[_Box]]:
    """The boxes cut wherever all that comes later reads at most one of those before."""
    place = {node: i for i, box in enumerate(boxes) for node in box.nodes()}
    last = list(range(len(boxes)))  # the last box that reads each
    for a, b in edges:
        if a in place and b in place:
            last[place[a]] = max(last[place[a]], place[b])
    parts: list[list[_Box]] = [[]]
    alive: list[int] = []
    for i, box in enumerate(boxes):
        parts[-1].append(box)
        alive = [end for end in (*alive, last[i]) if end > i]
        if len(alive) <= 1:
            parts.append([])
    return [p for p in parts if p]


def _numbered(root: _Box, count: int) -> GraphTree:
    labels, group_of = [""] * count, [_ROOT] * count
    groups: list[tuple[str, int]] = []
    sizes: list[int] = []

    def visit(box: _Box, parent: int) -> None:
        if box.node >= 0:
            labels[box.node], group_of[box.node] = box.label, parent
            return
        own = len(groups)
        groups.append((box.label, parent))
        sizes.append(len(box.inside))
        for inner in box.inside:
            visit(inner, own)

    for box in root.inside:
        visit(box, _ROOT)
    return GraphTree(tuple(labels), tuple(group_of), tuple(groups), _first_opened(groups, sizes, len(root.inside)))


def _first_opened(groups: Sequence[tuple[str, int]], sizes: Sequence[int], shown: int) -> tuple[int, ...]:
    """All groups of a depth or none, as long as no more than ``MOST_BOXES`` boxes are to be seen."""
    children: Mapping[int, list[int]] = {i: [] for i in range(_ROOT, len(groups))}
    for i, (_, parent) in enumerate(groups):
        children[parent].append(i)
    opened: list[int] = []
    level = children[_ROOT]
    while level and shown + sum(sizes[g] - 1 for g in level) <= MOST_BOXES:
        shown += sum(sizes[g] - 1 for g in level)
        opened += level
        level = [inner for g in level for inner in children[g]]
    return tuple(opened)
