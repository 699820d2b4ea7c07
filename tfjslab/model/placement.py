"""Where each node of a model runs on a backend and in which kernel, found without running the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfjslab.model.model import Model
from tfjslab.model.schedule import NodeStep


@dataclass(frozen=True)
class Placement:
    """The kernel that computes a node, the node that this kernel is named by, and why it runs on the host if it does.

    ``reason`` is empty for a kernel of the backend.
    """

    kernel: str
    main: str
    reason: str = ""


def placements(model: Model, x: Any) -> Mapping[str, Placement]:
    """Compile ``model`` for inputs like ``x``; by node of its graph.

    Nodes are missing that nothing runs for: values known before, loops and branches, and what is compiled only when a
    run has found the shapes.
    """
    executor, program = model.compiled(x)
    found: dict[str, Placement] = {}
    for plan in program.plans:
        for command in plan.info.commands if plan else ():
            reason = command.reason or "no kernel" if command.fallback else ""
            found.update(dict.fromkeys(command.nodes, Placement(command.kernel, command.node, reason)))
    tail = {n.name for n in program.schedule.tail.nodes}
    for step in program.schedule.steps:
        if isinstance(step, NodeStep) and not step.node.definition.control and step.node.name not in tail:
            found[step.node.name] = Placement(step.node.op, step.node.name, executor.fallback)
    return found
