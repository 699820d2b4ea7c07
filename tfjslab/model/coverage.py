"""Which ops of a model a backend runs as kernels and which run on the host, found without running the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfjslab.base.errors import TfjslabError
from tfjslab.graph.ir import Graph, Node
from tfjslab.model.executor import Executor
from tfjslab.model.frame import GraphProgram
from tfjslab.model.model import Model
from tfjslab.model.schedule import NodeStep
from tfjslab.ops.registry import Spec


@dataclass(frozen=True)
class LeftToHost:
    """A node that a backend leaves to the host, and why."""

    node: str
    op: str
    reason: str


@dataclass(frozen=True)
class Coverage:
    """How many commands are kernels; how many fall back, by op, and why (the first reason found for each op).

    ``later`` counts by op what is compiled when a run has found the shapes, of which nothing is known before. ``host``
    are the steps that fall back, one by one. ``in_kernels`` counts by op the nodes that kernels compute, several in one
    where they are fused; ``control`` the loops, branches and calls that the executor runs.
    """

    kernels: int
    fallback: Mapping[str, int]
    reasons: Mapping[str, str]
    later: Mapping[str, int]
    host: tuple[LeftToHost, ...] = ()
    in_kernels: Mapping[str, int] = field(default_factory=dict)
    control: Mapping[str, int] = field(default_factory=dict)


def coverage(model: Model, x: Any) -> Coverage:
    """Lower ``model`` for inputs like ``x`` and count. Bodies of loops and branches count once."""
    counts = _Counts()
    executor, program = model.compiled(x, look=True)
    counts.program(executor, program)
    fallback, later = (dict(sorted(found.items())) for found in (counts.fallback, counts.later))
    return Coverage(counts.kernels, fallback, counts.reasons, later, tuple(counts.host), counts.in_kernels,
                    counts.control)


class _Counts:
    """Running totals over a model and the functions it calls."""

    def __init__(self) -> None:
        self.kernels = 0
        self.fallback: Counter[str] = Counter()
        self.later: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}
        self.host: list[LeftToHost] = []
        self.in_kernels: Counter[str] = Counter()
        self.control: Counter[str] = Counter()
        self.seen: set[int] = set()

    def program(self, executor: Executor, program: GraphProgram) -> None:
        """Count a program, and the functions that its control nodes name."""
        op_of = {n.name: n.op for n in executor.graph.nodes}
        for plan in program.plans:
            for command in plan.info.commands if plan else ():
                if not command.fallback:
                    self.in_kernels.update(op_of[n] for n in command.nodes if n in op_of)
                reason = command.reason or "no kernel" if command.fallback else ""
                self._one(command.node, command.kernel, reason)
        tail = {n.name for n in program.schedule.tail.nodes}
        for step in program.schedule.steps:
            if isinstance(step, NodeStep) and step.node.definition.control:
                self.control[step.node.op] += 1
                self._functions(executor, step.node, program.schedule.specs)
            elif isinstance(step, NodeStep) and executor.fallback and step.node.name in tail:
                self.later[step.node.op] += 1
            elif isinstance(step, NodeStep):
                self.in_kernels.update([] if executor.fallback else [step.node.op])
                self._one(step.node.name, step.node.op, executor.fallback)

    def _one(self, node: str, op: str, reason: str) -> None:
        if not reason:
            self.kernels += 1
            return
        self.fallback[op] += 1
        self.reasons.setdefault(op, reason)
        self.host.append(LeftToHost(node, op, reason))

    def _functions(self, executor: Executor, node: Node, specs: Mapping[str, Spec]) -> None:
        arguments = [specs[v] for v in node.inputs if v]
        if node.op == "If":
            arguments = arguments[1:]
        for name in executor.called_by(node):
            function = executor.function(name)
            if id(function) in self.seen:
                continue
            self.seen.add(id(function))
            self._function(function, function.graph, arguments)

    def _function(self, function: Executor, graph: Graph, arguments: list[Spec]) -> None:
        """Count a function for the specs it is first called with; all of it is host work when these are not known."""
        feeds = {p.value: s for p, s in zip(graph.inputs, arguments, strict=False)}
        known = len(feeds) == len(graph.inputs) and all(s.dtype for s in feeds.values())
        try:
            if known:
                self.program(function, function.prepare(feeds, tuple(p.value for p in graph.outputs)))
                return
        except TfjslabError:
            known = False  # shapes that are valid only after the loop has run, which are unknown here
        for node in graph.nodes:
            if not node.definition.control:
                self._one(node.name, node.op, _unknown_shapes(function))


def _unknown_shapes(executor: Executor) -> str:
    """Why nodes of unknown shapes run on the host; empty where the host is the backend."""
    return executor.fallback and "the shapes of its loop or branch are only known while it runs"
