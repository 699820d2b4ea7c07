"""Running a graph on a session: programs by input shapes, plans for what is static, the host for the rest.

An executor has no lock; the ``Model`` that owns it has one around every call.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from tfjslab.backends.base import Plan, Session
from tfjslab.backends.host_threads import host_threads
from tfjslab.base.collector import collector_paused
from tfjslab.base.errors import GraphError, did_you_mean
from tfjslab.graph.ir import Graph, Node
from tfjslab.graph.suppression import cut
from tfjslab.model.frame import Frame, GraphProgram, run_plan, spec_of_value
from tfjslab.model.run import Run
from tfjslab.model.schedule import PlanStep, Schedule, schedule
from tfjslab.ops.registry import Spec

MAX_PROGRAMS = 16  # that one graph keeps compiled, for distinct shapes of inputs and of what depends on data
MAX_PROGRAM_BYTES = 128 << 20  # of their arenas together
MIN_PROGRAMS = 4  # that stay whatever they take: one call may need a program and those of its tails
# Tails that are compiled when their shapes are met for the first time; later ones must be met a second time, so that
# a model whose shapes change with every call does not compile in every call.
COMPILED_AT_ONCE = 8
MAX_MET = 256  # shapes of tails that are remembered for that


class Executor:
    """Runs one graph.

    ``library`` are the functions that it may call; their executors share the session. ``fallback`` is the reason
    noted for nodes that run on the host, empty where the host is the backend. ``threads`` are for those nodes; 0 lets
    numpy have what it takes.
    """

    def __init__(
        self, graph: Graph, session: Session, fallback: str, library: Mapping[str, Graph] | None = None, *,
        threads: int = 0,
    ) -> None:
        self.graph = graph
        self.session = session
        self.fallback = fallback
        self.programs: OrderedDict[Hashable, GraphProgram] = OrderedDict()
        self.threads = threads
        self._library = {**(library or {}), **graph.functions}
        self._functions: dict[str, Executor] = {}
        self._met: OrderedDict[Hashable, None] = OrderedDict()  # shapes of tails, the latest last
        self._tails = 0  # compiled so far

    def function(self, name: str) -> Executor:
        """The executor of a function of the library; GraphError when there is none."""
        if name not in self._functions:
            if name not in self._library:
                raise GraphError(f"function '{name}' is not in the model{did_you_mean(name, self._library)}")
            self._functions[name] = Executor(
                self._library[name], self.session, self.fallback, self._library, threads=self.threads,
            )
        return self._functions[name]

    def called_by(self, node: Node) -> list[str]:
        """The functions of the library that a control node names in its attributes."""
        return [v for v in node.attrs.values() if isinstance(v, str) and v in self._library]

    def prepare(self, feeds: Mapping[str, Spec], outputs: tuple[str, ...]) -> GraphProgram:
        """The compiled program for these shapes, from the cache or new."""
        key = (outputs, _shapes_of(feeds))
        return self._cached(key) or self._add(key, self.graph, feeds, outputs)

    def is_prepared(self, feeds: Mapping[str, Spec], outputs: tuple[str, ...]) -> bool:
        """Whether the program for these shapes is in the cache."""
        return (outputs, _shapes_of(feeds)) in self.programs

    def follow(self, program: GraphProgram, feeds: Mapping[str, Spec], outputs: tuple[str, ...]) -> GraphProgram | None:
        """The program for the tail of ``program`` now that its inputs have shapes.

        None where it is to run node by node: new shapes that may never be met again.
        """
        key = (program.key, _shapes_of(feeds))
        found = self._cached(key)
        if found is not None or not self._worth_compiling(key):
            return found
        self._tails += 1
        return self._add(key, program.schedule.tail, feeds, outputs)

    def _worth_compiling(self, key: Hashable) -> bool:
        if self._tails < COMPILED_AT_ONCE or key in self._met:
            self._met.pop(key, None)
            return True
        self._met[key] = None
        if len(self._met) > MAX_MET:
            self._met.popitem(last=False)
        return False

    def _cached(self, key: Hashable) -> GraphProgram | None:
        if key in self.programs:
            self.programs.move_to_end(key)
        return self.programs.get(key)

    def _add(self, key: Hashable, graph: Graph, feeds: Mapping[str, Spec], outputs: tuple[str, ...]) -> GraphProgram:
        # Known values would be compiled in, and the next call with these shapes may bring other ones.
        shapes = {name: Spec(spec.shape, spec.dtype) for name, spec in feeds.items()}
        with collector_paused(), np.errstate(all="ignore"):
            program = self.programs[key] = self._compile(key, schedule(graph, shapes, outputs, self._library))
        held = sum(p.arena_bytes for p in self.programs.values())
        while len(self.programs) > (MIN_PROGRAMS if held > MAX_PROGRAM_BYTES else MAX_PROGRAMS):
            oldest = self.programs.popitem(last=False)[1]
            held -= oldest.arena_bytes
            oldest.dispose()
        return program

    def _compile(self, key: Hashable, steps: Schedule) -> GraphProgram:
        plans: list[Plan | None] = []
        try:
            for step in steps.steps:
                plan = self.session.compile(step.program, step.outputs) if isinstance(step, PlanStep) else None
                plans.append(plan)
        except BaseException:
            GraphProgram(key, steps, tuple(plans)).dispose()
            raise
        return GraphProgram(key, steps, tuple(plans))

    def run(self, feeds: Mapping[str, Any], outputs: tuple[str, ...], run: Run) -> list[Any]:
        """Compute ``outputs`` from ``feeds`` (by value name). Buffers among the feeds stay the caller's.

        Results are arrays, handles or DEAD, in the order of ``outputs``.
        """
        program = self.prepare({name: spec_of_value(v) for name, v in feeds.items()}, outputs)
        made = program.schedule
        if program.complete_plan is not None:
            results = run_plan(program.complete_plan, feeds, run, keep=False)
            return [results[v] if v not in made.cuts else cut(results.__getitem__, made.cuts[v]) for v in outputs]
        with host_threads(self.threads):
            return Frame(self, program, feeds, run).run(outputs)

    def dispose(self) -> None:
        """Give back all plans, those of functions too."""
        for program in self.programs.values():
            program.dispose()
        self.programs.clear()
        for function in self._functions.values():
            function.dispose()


def _shapes_of(feeds: Mapping[str, Spec]) -> Hashable:
    return tuple((name, spec.shape, spec.dtype) for name, spec in feeds.items())
