"""Takes out what no output needs: nodes, constants and functions."""

from __future__ import annotations

from tfjslab.passes.base import Pass, Target
from tfjslab.passes.draft import Draft


def _run(draft: Draft, _target: Target) -> None:
    needed = {p.value for p in draft.outputs}
    for node in reversed(list(draft.nodes.values())):
        if needed.isdisjoint(node.outputs):
            draft.remove(node.name)
            draft.done(f"no output needs {node.name} ({node.op})")
        else:
            needed.update(node.uses)


PASS = Pass("dead_code", "removes nodes that no output needs", _run)
