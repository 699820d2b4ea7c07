"""What a pass did and what it left alone: inert data, and the check that the graph shows exactly what is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tfjslab.base.errors import GraphError
from tfjslab.graph.ir import Graph


@dataclass(frozen=True)
class Change:
    """One rewrite. ``removed`` nodes are gone, ``changed`` nodes differ, ``constants`` are new.

    No pass adds nodes: what is fused takes the name of the last of its parts.
    """

    what: str
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    constants: tuple[str, ...]


@dataclass(frozen=True)
class Refusal:
    """Nodes that look as if the pass could do something with them, and why it did not."""

    nodes: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class PassReport:
    """All changes of one pass over a graph and the functions in it, with the number of nodes before and after."""

    name: str
    changes: tuple[Change, ...]
    refusals: tuple[Refusal, ...]
    nodes_before: int
    nodes_after: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


def check_claims(before: Graph, after: Graph, name: str, changes: Sequence[Change]) -> None:
    """GraphError unless ``changes`` tell exactly how ``after`` differs from ``before``; functions are not looked at."""
    old, new = ({n.name: n for n in g.nodes} for g in (before, after))
    gone = {v for c in changes for v in c.removed}
    told = {
        "removed": gone, "changed": {v for c in changes for v in c.changed} - gone, "added": set(),
        "constants": {v for c in changes for v in c.constants if v in after.constants},
    }
    found = {
        "removed": set(old) - set(new), "changed": {k for k in set(old) & set(new) if old[k] is not new[k]},
        "added": set(new) - set(old), "constants": set(after.constants) - set(before.constants),
    }
    for kind, names in found.items():
        if wrong := sorted(names ^ told[kind]):
            raise GraphError(f"pass '{name}': its report and the graph differ in {kind} '{wrong[0]}'")
