"""The ``cpu`` backend: numpy, node by node. It is the reference that every other backend is compared with."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.backends.base import Availability, Buffer, Plan, PlanInfo
from tfjslab.backends.host import (
    check_commands,
    check_promise,
    describe,
    lifetimes,
    live_at,
    lives,
    own_array,
    run_node,
)
from tfjslab.backends.kernels.backend import KernelBackend
from tfjslab.backends.kernels.memory_plan import plan_memory
from tfjslab.backends.kernels.session import KernelSession
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import BackendError
from tfjslab.base.interrupts import Heard
from tfjslab.base.limits import check_run, run_is_limited
from tfjslab.base.out_of_memory import backend_out_of_memory
from tfjslab.base.shapes import Shape
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.registry import Spec

CLOCK_NAME = "time.perf_counter around each numpy call"
Clock = Callable[[], float]


def availability(_variant: str = "") -> Availability:
    """Say that it is always there: numpy is a dependency."""
    return Availability(available=True)


def create(_variant: str = "", _threads: int = 1, clock: Clock = time.perf_counter) -> CpuBackend:
    """Make the backend; ``clock`` gives seconds. The thread count is BLAS's own and set by its environment."""
    return CpuBackend(clock)


def _blas_threads() -> int:
    """What OpenBLAS decides at start: its variables in their order, else the cores this process may use."""
    for name in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            return int(value)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class CpuBackend(KernelBackend["CpuSession"]):
    """numpy as a backend. ``memory()`` counts what its sessions hold."""

    counters = ("plans", "buffers", "buffer_bytes")

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        super().__init__("cpu", f"numpy {np.__version__}", _blas_threads())
        self.clock = clock

    def _open(self) -> CpuSession:
        return CpuSession(self)


class CpuSession(KernelSession[Array]):
    """Buffers are arrays that nobody else can reach and nobody changes, so results may be views of them."""

    backend: CpuBackend
    stores_strings = True

    def counters(self) -> dict[str, int]:
        """What this session holds."""
        with self.lock:
            return super().counters() | {"buffer_bytes": sum(b.native.nbytes for b in self._buffers.values())}

    def adopt(self, array: Array, dtype: str) -> Buffer:
        """Make a buffer of an array that nobody else will change."""
        buffer = Buffer(array.shape, dtype, array)
        with self.lock:
            self._buffers[id(buffer)] = buffer
        return buffer

    def _plan(self, program: Specialized, outputs: Sequence[str]) -> Plan:
        return CpuPlan(self, program, tuple(outputs))

    def _alloc(self, spec: Spec) -> Array:
        return np.empty(spec.known_shape, numpy_dtype(spec.dtype))

    def _write(self, native: Array, array: Array, dtype: str) -> None:  # noqa: ARG002 - it has that dtype
        native[...] = array

    def _read(self, native: Array, shape: Shape, dtype: str) -> Array:  # noqa: ARG002 - it has these
        return np.array(native, order="C", copy=True)


@dataclass(frozen=True)
class _Step:
    """One node with its values as slot numbers; slot 0 holds None, for optional inputs that are absent."""

    node: Node
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    promised: tuple[Spec, ...]
    last_uses: tuple[int, ...]


@dataclass(frozen=True)
class _Program:
    """Nodes in order, and the values of the slots that they start from."""

    steps: tuple[_Step, ...]
    initial: tuple[Any, ...]


class CpuPlan:
    """A list of nodes whose values live in numbered slots. Runs may overlap: each has slots of its own."""

    def __init__(self, session: CpuSession, program: Specialized, outputs: tuple[str, ...]) -> None:
        clock = session.backend.clock
        start = clock()
        self._session = session
        graph, specs = program.graph, program.specs
        made = [v for n in graph.nodes for v in n.outputs]
        slots = {v: i for i, v in enumerate(("", *graph.constants, *(p.value for p in graph.inputs), *made))}
        initial = (None, *graph.constants.values(), *[None] * (len(slots) - 1 - len(graph.constants)))
        self._feeds = [(p.value, slots[p.value], specs[p.value].known_shape) for p in graph.inputs]
        self._outputs = [(v, slots[v], specs[v].dtype) for v in outputs]
        buffers = lifetimes(graph.nodes, specs, outputs)
        last_uses: dict[int, list[int]] = {}
        for b in buffers:
            last_uses.setdefault(b.last_use, []).append(slots[b.name])
        kept = {slots[v] for v in outputs}
        steps = tuple(
            _Step(
                n, tuple(slots[v] for v in n.inputs), tuple(slots[v] for v in n.outputs),
                tuple(specs[v] for v in n.outputs), tuple(s for s in last_uses.get(i, ()) if s not in kept),
            )
            for i, n in enumerate(graph.nodes)
        )
        self._program: _Program | None = _Program(steps, initial)  # None when it was disposed
        live = live_at(buffers, len(graph.nodes))
        begun = lives(buffers, [n.name for n in graph.nodes], specs, outputs)
        arena = plan_memory(buffers)
        self.info = PlanInfo(
            tuple(
                describe(n, [specs[v] for v in n.inputs if v], [specs[v] for v in n.outputs], at, buffers=new)
                for n, at, new in zip(graph.nodes, live, begun, strict=True)
            ),
            sum(c.nbytes for c in graph.constants.values()), arena.peak_bytes, arena.lower_bound_bytes,
            (clock() - start) * 1e3, cached=False, threads=session.backend.threads, clock=CLOCK_NAME,
        )
        check_commands(self.info.commands)

    def run(
        self, feeds: Mapping[str, Array | Buffer], *, stamps: list[float] | None = None, keep: bool = False,
    ) -> dict[str, Array | Buffer]:
        """Compute the outputs by value name; see ``tfjslab.backends.base.Plan``."""
        try:
            return self._run(feeds, stamps, keep=keep)
        except MemoryError as e:
            raise backend_out_of_memory(f"{self._session.backend.name}: a run of a plan", e) from e

    def _run(
        self, feeds: Mapping[str, Array | Buffer], stamps: list[float] | None, *, keep: bool,
    ) -> dict[str, Array | Buffer]:
        program, clock = self._program, self._session.backend.clock
        if program is None:
            raise BackendError(f"this {self._session.backend.name} plan has been disposed")
        values = list(program.initial)
        for name, slot, shape in self._feeds:
            feed = feeds[name]
            values[slot] = self._session.native(feed).reshape(shape) if isinstance(feed, Buffer) else feed
        before, limited = clock() if stamps is not None else 0.0, run_is_limited()
        with Heard():
            for step in program.steps:
                if limited:
                    check_run(f"node '{step.node.name}' ({step.node.op})")
                outs = run_node(step.node, [values[i] for i in step.inputs], step.node.attrs)
                check_promise(step.node, step.promised, outs)
                for slot, value in zip(step.outputs, outs, strict=True):
                    values[slot] = value
                for slot in step.last_uses:
                    values[slot] = None
                if stamps is not None:
                    now = clock()
                    stamps.append((now - before) * 1e3)
                    before = now
        return self._collect(values, [*program.initial, *feeds.values()], keep=keep)

    def _collect(
        self, values: Sequence[Any], foreign: list[Any], *, keep: bool,
    ) -> dict[str, Array | Buffer]:
        """The outputs; they share no memory with ``foreign`` arrays or each other."""
        found: dict[str, tuple[Array, str]] = {}
        for name, slot, dtype in self._outputs:
            array = own_array(values[slot], foreign)
            foreign.append(array)
            found[name] = (array, dtype)
        # The session counts them when all are there.
        return {name: self._session.adopt(*made) if keep else made[0] for name, made in found.items()}

    def dispose(self) -> None:
        """Let go of weights."""
        self._program = None
        self._session.forget(self)
