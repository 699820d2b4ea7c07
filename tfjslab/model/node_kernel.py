"""The generated kernels that compute one node of a model, found without running the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tfjslab.backends.base import CommandInfo
from tfjslab.backends.kernels.kernel_texts import HasKernelTexts, KernelText
from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.model.frame import GraphProgram
from tfjslab.model.model import Model
from tfjslab.model.schedule import NodeStep, PlanStep


@dataclass(frozen=True)
class NodeKernel:
    """The functions that compute ``node``, together with the ``nodes`` that are fused with it into ``kernel``."""

    node: str
    kernel: str
    backend: str
    nodes: tuple[str, ...]
    functions: tuple[KernelText, ...]


def node_kernel(model: Model, x: Any, node: str) -> NodeKernel:
    """Compile ``model`` for inputs like ``x`` and render what computes ``node``.

    UsageError with the reason where no kernel does: an unknown node, one that runs on the host, a backend of numpy.
    """
    name = model.backend.name
    known = [n.name for n in model.graph.nodes]
    if node not in known:
        raise UsageError(f"node '{node}' is not in the model{did_you_mean(node, known)}")
    executor, program = model.compiled(x)
    session = executor.session
    if not isinstance(session, HasKernelTexts):
        raise UsageError(f"backend '{name}' runs numpy and has no kernels to show; name another one with --backend")
    for group, command in _commands(program):
        if node in command.nodes:
            if command.fallback:
                raise UsageError(f"node '{node}' has no kernel on '{name}', it runs on the host: {command.reason}")
            texts = session.kernel_texts(group.program, group.outputs, node)
            return NodeKernel(node, command.kernel, name, command.nodes, texts)
    raise UsageError(f"node '{node}' has no kernel on '{name}': {_why_not(program, executor.fallback, node)}")


def _commands(program: GraphProgram) -> Iterator[tuple[PlanStep, CommandInfo]]:
    """The commands of all plans, each with the step that its plan is of."""
    for step, plan in zip(program.schedule.steps, program.plans, strict=True):
        if isinstance(step, PlanStep) and plan is not None:
            yield from ((step, command) for command in plan.info.commands)


def _why_not(program: GraphProgram, host_reason: str, node: str) -> str:
    """Why a node of the graph is in no plan."""
    alone = [s.node for s in program.schedule.steps if isinstance(s, NodeStep) and s.node.name == node]
    if alone and alone[0].definition.control:
        return f"{alone[0].op} decides what runs"
    if alone and any(n.name == node for n in program.schedule.tail.nodes):
        return "its shape depends on data; it is compiled when a run has found the shape"
    if alone:
        return f"it runs on the host, because {host_reason}"
    return "its value is known before the model runs, or nobody reads it"
