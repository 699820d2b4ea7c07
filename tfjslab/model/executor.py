"""Running a graph on a session: programs by input shapes, plans for what is static, the host for the rest.

A value between steps is a numpy array, a ``Buffer`` of the session, a handle (a Python object such as a TensorList)
or ``DEAD``. Loops and branches are in ``tfjslab.model.control``. Not thread safe: a ``Model`` holds a lock around it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from tfjslab.backends.base import Buffer, CommandInfo, Plan, Session
from tfjslab.backends.host import Live, check_promise, describe, run_node, spec_of
from tfjslab.base.collector import collector_paused
from tfjslab.base.errors import GraphError, ModelError, did_you_mean
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.graph.ir import Graph, Node
from tfjslab.model.control import DEAD, run_control
from tfjslab.model.schedule import MERGE, NodeStep, PlanStep, Schedule, schedule
from tfjslab.ops.registry import Spec

MAX_PROGRAMS = 16  # distinct input shapes that one graph keeps compiled


Values = dict[str, Any]


class Recorder(Protocol):
    """Who wants to know what ran: a profile."""

    @property
    def clock(self) -> Callable[[], float]:
        """Gives seconds."""
        ...

    def add(self, describe: Callable[[], Sequence[CommandInfo]], times_ms: Sequence[float], held: Live) -> None:
        """Commands ran; ``describe`` tells what they are when somebody wants to know."""
        ...


@dataclass
class Run:
    """What one call carries along: who records it, how deep functions are nested, bytes and tensors held by callers."""

    recorder: Recorder | None = None
    depth: int = 0
    held: Live = field(default_factory=Live)

    def deeper(self) -> Run:
        """For a function called from here; LimitError when they nest too deep."""
        check_limit("nesting of function calls", self.depth + 1, LIMITS.function_depth)
        return replace(self, depth=self.depth + 1)


@dataclass(eq=False)
class GraphProgram:
    """A schedule with its plans."""

    schedule: Schedule
    plans: tuple[Plan | None, ...]

    @property
    def whole(self) -> Plan | None:
        """The plan that does everything, when there is one."""
        return self.plans[0] if len(self.plans) == 1 else None

    def dispose(self) -> None:
        """Give the plans back."""
        for plan in self.plans:
            if plan is not None:
                plan.dispose()


class Executor:
    """Runs one graph.

    ``library`` are the functions that it may call; their executors share the session. ``fallback`` is the reason
    noted for nodes that run on the host, empty where the host is the backend.
    """

    def __init__(
        self, graph: Graph, session: Session, fallback: str, library: Mapping[str, Graph] | None = None,
    ) -> None:
        self.graph = graph
        self.session = session
        self.fallback = fallback
        self.programs: OrderedDict[Any, GraphProgram] = OrderedDict()
        self._library = {**(library or {}), **graph.functions}
        self._functions: dict[str, Executor] = {}

    def function(self, name: str) -> Executor:
        """The executor of a function of the library; GraphError when there is none."""
        if name not in self._functions:
            if name not in self._library:
                raise GraphError(f"function '{name}' is not in the model{did_you_mean(name, self._library)}")
            self._functions[name] = Executor(self._library[name], self.session, self.fallback, self._library)
        return self._functions[name]

    def called_by(self, node: Node) -> list[str]:
        """The functions of the library that a control node names in its attributes."""
        return [v for v in node.attrs.values() if isinstance(v, str) and v in self._library]

    def prepare(self, feeds: Mapping[str, Spec], outputs: tuple[str, ...]) -> GraphProgram:
        """The compiled program for these shapes, from the cache or new."""
        key = (outputs, tuple((name, spec.shape, spec.dtype) for name, spec in feeds.items()))
        program = self.programs.get(key)
        if program is None:
            # Known values would be compiled in, and the next call with these shapes may bring other ones.
            shapes = {name: Spec(spec.shape, spec.dtype) for name, spec in feeds.items()}
            with collector_paused():
                program = self._compile(schedule(self.graph, shapes, outputs))
            self.programs[key] = program
            while len(self.programs) > MAX_PROGRAMS:
                self.programs.popitem(last=False)[1].dispose()
        else:
            self.programs.move_to_end(key)
        return program

    def _compile(self, steps: Schedule) -> GraphProgram:
        plans: list[Plan | None] = []
        try:
            for step in steps.steps:
                plan = self.session.compile(step.program, step.outputs) if isinstance(step, PlanStep) else None
                plans.append(plan)
        except BaseException:
            GraphProgram(steps, tuple(plans)).dispose()
            raise
        return GraphProgram(steps, tuple(plans))

    def run(self, feeds: Values, outputs: tuple[str, ...], run: Run) -> list[Any]:
        """Compute ``outputs`` from ``feeds`` (by value name). Buffers among the feeds stay the caller's.

        Results are arrays, handles or DEAD, in the order of ``outputs``.
        """
        program = self.prepare({name: _spec(v) for name, v in feeds.items()}, outputs)
        if program.whole is not None and set(outputs) <= set(program.schedule.steps[0].outputs):  # type: ignore[union-attr]
            results = _run_plan(program.whole, feeds, run, keep=False)
            return [results[v] for v in outputs]
        return _Frame(self, program, feeds, run).run(outputs)

    def dispose(self) -> None:
        """Give back all plans, those of functions too."""
        for program in self.programs.values():
            program.dispose()
        self.programs.clear()
        for function in self._functions.values():
            function.dispose()


def _spec(value: Any) -> Spec:
    return Spec(value.shape, value.dtype) if isinstance(value, Buffer) else spec_of(value)


def _run_plan(plan: Plan, feeds: Values, run: Run, *, keep: bool) -> dict[str, Any]:
    """Run a plan, telling the recorder about each of its commands."""
    if run.recorder is None:
        return plan.run(feeds, keep=keep)
    stamps: list[float] = []
    results = plan.run(feeds, stamps=stamps, keep=keep)
    run.recorder.add(lambda: plan.info.commands, stamps, run.held)
    return results


class _Frame:
    """The values of one run of a program with several steps."""

    def __init__(self, executor: Executor, program: GraphProgram, feeds: Values, run: Run) -> None:
        self.executor = executor
        self.session = executor.session
        self.program = program
        self.feeds = feeds
        self.outside = run
        self.values: Values = {**program.schedule.constants, **feeds}
        self.own: dict[str, int] = {}  # bytes of each value made here and still held

    def run(self, outputs: Sequence[str]) -> list[Any]:
        """Run all steps and hand the outputs over; whatever happens, nothing stays behind on the session."""
        try:
            for step, plan, last in zip(
                self.program.schedule.steps, self.program.plans, self.program.schedule.last_uses, strict=True,
            ):
                if isinstance(step, PlanStep) and plan is not None:
                    self._run_group(step, plan)
                elif isinstance(step, NodeStep):
                    self._run_single(step)
                for value in last:
                    self._drop(value)
            return [self._result(v) for v in outputs]
        finally:
            for value in tuple(self.own):
                self._drop(value)

    def context(self) -> Run:
        """The run as seen by a step: with what this frame holds, if anyone wants to know."""
        if self.outside.recorder is None:
            return self.outside
        held = self.outside.held
        live = Live(held.num_bytes + sum(self.own.values()), held.num_tensors + len(self.own))
        return replace(self.outside, held=live)

    def host(self, name: str) -> Any:
        """A value as an array (or handle, or DEAD), fetched once."""
        value = self.values[name]
        if isinstance(value, Buffer):
            array = self.session.get(value)
            if name in self.own:
                self.session.free(value)
            self.values[name] = array
            return array
        return value

    def keep(self, name: str, value: Any) -> None:
        """Store a value made by a step."""
        self.values[name] = value
        self.own[name] = 0 if value is DEAD else _spec(value).num_bytes

    def _drop(self, name: str) -> None:
        if self.own.pop(name, None) is None:
            return
        value = self.values.pop(name, None)
        if isinstance(value, Buffer):
            self.session.free(value)

    def _result(self, name: str) -> Any:
        value = self.host(name)
        given = value is self.feeds.get(name) or value is self.program.schedule.constants.get(name)
        return value.copy() if given and hasattr(value, "copy") else value

    def _run_group(self, step: PlanStep, plan: Plan) -> None:
        feeds = {v: self.values[v] for v in step.inputs}
        if any(v is DEAD for v in feeds.values()):
            for v in step.outputs:
                self.keep(v, DEAD)
            return
        for v, value in _run_plan(plan, feeds, self.context(), keep=True).items():
            self.keep(v, value)

    def _run_single(self, step: NodeStep) -> None:
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
        results = run_node(node, inputs, node.attrs)
        if run.recorder:
            elapsed = (run.recorder.clock() - before) * 1e3
            ins, outs = ([_spec(v) for v in vs if v is not None] for vs in (inputs, results))
            made, reason = Live(sum(s.num_bytes for s in outs), len(outs)), self.executor.fallback
            run.recorder.add(lambda: [describe(node, ins, outs, made, fallback=reason)], [elapsed], run.held)
        check_promise(node, promised, results)
        return results

    def _with_attrs(self, node: Node) -> Node:
        """The node with the attributes that other nodes computed."""
        if not node.attr_inputs:
            return node
        given = dict(node.attrs)
        for attr, value in node.attr_inputs.items():
            array = self.host(value)
            given[attr] = array.item() if getattr(array, "ndim", 1) == 0 else array
        return replace(node, attrs=node.definition.resolve_attrs(given, f"node '{node.name}'"), attr_inputs={})


def resolve_value(graph: Graph, name: str) -> str:
    """The value that ``name`` stands for: an output's name, a node's name or TF.js's ``name:index``.

    Raises ModelError with a suggestion when there is none.
    """
    for port in graph.outputs:
        if port.name == name:
            return port.value
    plain = name.removesuffix(":0")
    known = {*(p.value for p in graph.inputs), *graph.constants, *(v for n in graph.nodes for v in n.outputs)}
    if plain in known:
        return plain
    names = [*(p.name for p in graph.outputs), *known]
    raise ModelError(f"'{name}' is not an output or node of the model{did_you_mean(name, names)}", code="model.no_node")
