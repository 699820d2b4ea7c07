"""One run of a compiled graph of several steps: the values between the steps, and when they are freed.

A value is a numpy array, a ``Buffer`` of the session, a handle (a Python object such as a TensorList) or ``DEAD``.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

from tfjslab.backends.base import Buffer, Plan, RunStamps, downloaded
from tfjslab.backends.host import Live, check_promise, describe, run_promoted, spec_of
from tfjslab.base.limits import check_run, run_is_limited
from tfjslab.graph.ir import Node
from tfjslab.graph.suppression import cut
from tfjslab.model.control import DEAD, run_control
from tfjslab.model.run import GraphRunner, Run
from tfjslab.model.schedule import MERGE, NodeStep, PlanStep, Schedule
from tfjslab.ops.registry import Spec


@dataclass(eq=False)
class GraphProgram:
    """A schedule with its plans, and the shapes that it is for as a ``key``."""

    key: Hashable
    schedule: Schedule
    plans: tuple[Plan | None, ...]

    @property
    def single_plan(self) -> Plan | None:
        """The plan that does everything, when there is one."""
        return self.plans[0] if len(self.plans) == 1 else None

    @cached_property
    def complete_plan(self) -> Plan | None:
        """That plan where it also makes all that the outputs are cut from; every prediction asks."""
        made = {v for step in self.schedule.steps if isinstance(step, PlanStep) for v in step.outputs}
        return self.single_plan if made.issuperset(self.schedule.outputs) else None

    @property
    def arena_bytes(self) -> int:
        """What the plans take beside weights."""
        return sum(plan.info.peak_bytes for plan in self.plans if plan is not None)

    def dispose(self) -> None:
        """Give the plans back."""
        for plan in self.plans:
            if plan is not None:
                plan.dispose()


def spec_of_value(value: Any) -> Spec:
    """Shape and dtype of an array, a buffer or a handle."""
    return Spec(value.shape, value.dtype) if isinstance(value, Buffer) else spec_of(value)


def run_plan(plan: Plan, feeds: Mapping[str, Any], run: Run, *, keep: bool) -> dict[str, Any]:
    """Run a plan, telling the recorder about each of its commands."""
    if run.recorder is None:
        return plan.run(feeds, keep=keep)
    stamps = RunStamps()
    results = plan.run(feeds, stamps=stamps, keep=keep)
    run.recorder.add(lambda: plan.info.commands, stamps, run.held)
    return results


class TailRunner(GraphRunner, Protocol):
    """Runs a graph, and knows programs for the tails of its programs: an ``Executor``."""

    def follow(self, program: GraphProgram, feeds: Mapping[str, Spec], outputs: tuple[str, ...]) -> GraphProgram | None:
        """The program for the tail of ``program`` now that its inputs have shapes; None: it is to run node by node."""
        ...


class Frame:
    """The values of one run of a program with several steps."""

    def __init__(self, executor: TailRunner, program: GraphProgram, feeds: Mapping[str, Any], run: Run) -> None:
        self.executor = executor
        self.session = executor.session
        self.program = program
        self.feeds = feeds
        self.call = run
        self.constants: dict[str, object] = dict(program.schedule.constants)
        self.values: dict[str, Any] = {**self.constants, **feeds}
        self.cuts: dict[str, tuple[str, str]] = {}
        self.own: dict[str, int] = {}  # bytes of each value made here and still held

    def run(self, outputs: tuple[str, ...]) -> list[Any]:
        """Run all steps and return the outputs; all other buffers are freed, after an error as well."""
        try:
            program: GraphProgram | None = self.program
            while program is not None:
                self.cuts.update(program.schedule.cuts)
                program = self._run_program(program)
            return [self._result(v) for v in outputs]
        finally:
            for value in tuple(self.own):
                self._drop(value)

    def _run_program(self, program: GraphProgram) -> GraphProgram | None:
        """Run the steps of a program; where another one takes over its tail, leave that and return the other one."""
        schedule = program.schedule
        start = len(schedule.steps) - len(schedule.tail.nodes)
        limited = run_is_limited()
        for i, (step, plan, last) in enumerate(zip(schedule.steps, program.plans, schedule.last_uses, strict=True)):
            following = self._following(program) if i == start else None
            if following is not None:
                return following
            if limited:
                check_run(step.name)
            if isinstance(step, PlanStep) and plan is not None:
                self._run_plan_step(step, plan)
            elif isinstance(step, NodeStep):
                self._run_node_step(step)
            for value in last:
                self._drop(value)
        return None

    def _following(self, program: GraphProgram) -> GraphProgram | None:
        """The program for the tail and the shapes that there are now; none where branches have left dead values."""
        tail = {p.value: self.values[p.value] for p in program.schedule.tail.inputs}
        if any(value is DEAD for value in tail.values()):
            return None
        shapes = {v: spec_of_value(value) for v, value in tail.items()}
        found = self.executor.follow(program, shapes, program.schedule.outputs)
        if found is not None:
            self.constants.update(found.schedule.constants)
            self.values.update(found.schedule.constants)
        return found

    def context(self) -> Run:
        """The call as a step sees it: with what this frame holds, where a recorder reads that."""
        if self.call.recorder is None:
            return self.call
        held = self.call.held
        live = Live(held.num_bytes + sum(self.own.values()), held.num_tensors + len(self.own))
        return replace(self.call, held=live)

    def host(self, name: str) -> Any:
        """A value as an array (or handle, or DEAD), fetched once."""
        value = self.values[name]
        if isinstance(value, Buffer):
            array = self._fetched(value)
            if name in self.own:
                self.session.free(value)
            self.values[name] = array
            return array
        return value

    def _fetched(self, buffer: Buffer) -> Any:
        """The array of a buffer; a recorder is told what copying it took."""
        if self.call.recorder is None:
            return self.session.get(buffer)
        stamps, began = RunStamps(), time.perf_counter()
        array = self.session.get(buffer)
        downloaded(stamps, began)
        self.call.recorder.add(tuple, stamps, self.call.held)
        return array

    def keep(self, name: str, value: Any) -> None:
        """Store a value made by a step."""
        self.values[name] = value
        self.own[name] = 0 if value is DEAD else spec_of_value(value).num_bytes

    def _drop(self, name: str) -> None:
        if self.own.pop(name, None) is None:
            return
        value = self.values.pop(name, None)
        if isinstance(value, Buffer):
            self.session.free(value)

    def _result(self, name: str) -> Any:
        if name in self.cuts:
            how = self.cuts[name]
            return DEAD if self.values[how[0]] is DEAD else cut(self.host, how)
        value = self.host(name)
        given = value is self.feeds.get(name) or value is self.constants.get(name)
        return value.copy() if given and hasattr(value, "copy") else value

    def _run_plan_step(self, step: PlanStep, plan: Plan) -> None:
        feeds = {v: self.values[v] for v in step.inputs}
        if any(v is DEAD for v in feeds.values()):
            for v in step.outputs:
                self.keep(v, DEAD)
            return
        for v, value in run_plan(plan, feeds, self.context(), keep=True).items():
            self.keep(v, value)

    def _run_node_step(self, step: NodeStep) -> None:
        node = step.node
        inputs = [self.host(v) if v else None for v in node.inputs]
        if node.op != MERGE and any(self.values[v] is DEAD for v in node.uses):
            results: Sequence[Any] = [DEAD] * node.num_outputs
        elif node.definition.control:
            results = run_control(self.executor, node, inputs, self.context())
        else:
            results = self._run_on_host(node, inputs, step.promised)
        for name, value in zip(node.outputs, results, strict=True):
            self.keep(name, value)

    def _run_on_host(self, node: Node, inputs: Sequence[Any], promised: Sequence[Spec]) -> list[Any]:
        node = self._with_attrs(node)
        run = self.context()
        before = run.recorder.clock() if run.recorder else 0.0
        results = run_promoted(node, inputs, node.attrs)
        if run.recorder:
            elapsed = (run.recorder.clock() - before) * 1e3
            ins, outs = ([spec_of_value(v) for v in vs if v is not None] for vs in (inputs, results))
            made, reason = Live(sum(s.num_bytes for s in outs), len(outs)), self.executor.fallback
            run.recorder.add(lambda: [describe(node, ins, outs, made, fallback=reason)], [elapsed], run.held)
        check_promise(node, promised, results)
        return results

    def _with_attrs(self, node: Node) -> Node:
        """The node with the attributes that other nodes computed."""
        if not node.attr_inputs:
            return node
        given = {**node.attrs, **{attr: self.host(value) for attr, value in node.attr_inputs.items()}}
        return replace(node, attrs=node.definition.resolve_attrs(given, f"node '{node.name}'"), attr_inputs={})
