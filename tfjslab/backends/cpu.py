"""The ``cpu`` backend: numpy, node by node. It is the reference that every other backend is compared with."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.backends.base import Availability, Buffer, Plan, PlanInfo, Session
from tfjslab.backends.host import check_promise, describe, lifetimes, live_at, lives, own_array, run_node
from tfjslab.backends.kernels.memory_plan import plan_memory
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import BackendError
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


class CpuBackend:
    """numpy as a backend. ``memory()`` counts what its sessions hold."""

    name = "cpu"
    adapter_type = kernel_clock = ""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self.clock = clock
        self.engine = f"numpy {np.__version__}"
        self.threads = _blas_threads()
        self.sessions: set[CpuSession] = set()
        self.lock = threading.Lock()

    def open_session(self) -> Session:
        """A new session."""
        session = CpuSession(self)
        with self.lock:
            self.sessions.add(session)
        return session

    def memory(self) -> dict[str, int]:
        """Open sessions, plans and buffers, and the bytes of the buffers."""
        with self.lock:
            buffers = [b.native for s in self.sessions for b in s.buffers.values()]
            return {
                "sessions": len(self.sessions), "plans": sum(len(s.plans) for s in self.sessions),
                "buffers": len(buffers), "buffer_bytes": sum(b.nbytes for b in buffers),
            }

    def dispose(self) -> None:
        """Close all sessions."""
        for session in tuple(self.sessions):
            session.dispose()


class CpuSession:
    """Buffers are arrays that nobody else can reach and nobody changes, so results may be views of them."""

    def __init__(self, backend: CpuBackend) -> None:
        self.backend = backend
        self.plans: set[CpuPlan] = set()
        self.buffers: dict[int, Buffer] = {}

    def compile(self, program: Specialized, outputs: Sequence[str]) -> Plan:
        """Prepare the nodes for running one after the other."""
        plan = CpuPlan(self, program, tuple(outputs))
        with self.backend.lock:
            self.plans.add(plan)
        return plan

    def forget(self, plan: CpuPlan) -> None:
        """A plan of this session was disposed."""
        with self.backend.lock:
            self.plans.discard(plan)

    def put(self, array: Array, dtype: str) -> Buffer:
        """Copy an array in."""
        return self.adopt(np.array(array, dtype=numpy_dtype(dtype), order="C", copy=True), dtype)

    def adopt(self, array: Array, dtype: str) -> Buffer:
        """Make a buffer of an array that nobody else will change."""
        buffer = Buffer(array.shape, dtype, array)
        with self.backend.lock:
            self.buffers[id(buffer)] = buffer
        return buffer

    def get(self, buffer: Buffer) -> Array:
        """Copy a buffer out."""
        return np.array(self.native(buffer), order="C", copy=True)

    def free(self, buffer: Buffer) -> None:
        """Give a buffer back; BackendError when it is not this session's or was given back before."""
        self.native(buffer)
        with self.backend.lock:
            del self.buffers[id(buffer)]

    def native(self, buffer: Buffer) -> Array:
        """The array of a live buffer of this session."""
        if self.buffers.get(id(buffer)) is not buffer:
            raise BackendError(f"cpu: a buffer of shape {list(buffer.shape)} is not live in this session")
        found: Array = buffer.native
        return found

    def dispose(self) -> None:
        """Drop everything."""
        with self.backend.lock:
            self.plans.clear()
            self.buffers.clear()
            self.backend.sessions.discard(self)


@dataclass(frozen=True)
class _Step:
    """One node with its values as slot numbers; slot 0 holds None, for optional inputs that are absent."""

    node: Node
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    promised: tuple[Spec, ...]
    last_uses: tuple[int, ...]


class CpuPlan:
    """A list of nodes whose values live in numbered slots."""

    def __init__(self, session: CpuSession, program: Specialized, outputs: tuple[str, ...]) -> None:
        clock = session.backend.clock
        start = clock()
        self._session = session
        graph, specs = program.graph, program.specs
        made = [v for n in graph.nodes for v in n.outputs]
        slots = {v: i for i, v in enumerate(("", *graph.constants, *(p.value for p in graph.inputs), *made))}
        self._initial: list[Any] = [None, *graph.constants.values()] + [None] * (len(slots) - 1 - len(graph.constants))
        self._feeds = [(p.value, slots[p.value], specs[p.value].known_shape) for p in graph.inputs]
        self._outputs = [(v, slots[v], specs[v].dtype) for v in outputs]
        buffers = lifetimes(graph.nodes, specs, outputs)
        last_uses: dict[int, list[int]] = {}
        for b in buffers:
            last_uses.setdefault(b.last_use, []).append(slots[b.name])
        kept = {slots[v] for v in outputs}
        self._steps = [
            _Step(
                n, tuple(slots[v] for v in n.inputs), tuple(slots[v] for v in n.outputs),
                tuple(specs[v] for v in n.outputs), tuple(s for s in last_uses.get(i, ()) if s not in kept),
            )
            for i, n in enumerate(graph.nodes)
        ]
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

    def run(
        self, feeds: Mapping[str, Array | Buffer], *, stamps: list[float] | None = None, keep: bool = False,
    ) -> dict[str, Array | Buffer]:
        """Compute the outputs by value name; see ``tfjslab.backends.base.Plan``."""
        clock = self._session.backend.clock
        values = self._initial.copy()
        for name, slot, shape in self._feeds:
            feed = feeds[name]
            values[slot] = self._session.native(feed).reshape(shape) if isinstance(feed, Buffer) else feed
        before = clock() if stamps is not None else 0.0
        for step in self._steps:
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
        return self._collect(values, feeds, keep=keep)

    def _collect(
        self, values: list[Any], feeds: Mapping[str, Array | Buffer], *, keep: bool,
    ) -> dict[str, Array | Buffer]:
        foreign = [*self._initial, *feeds.values()]
        found: dict[str, Array | Buffer] = {}
        for name, slot, dtype in self._outputs:
            array = own_array(values[slot], foreign)
            foreign.append(array)
            found[name] = self._session.adopt(array, dtype) if keep else array
        return found

    def dispose(self) -> None:
        """Let go of weights."""
        self._session.forget(self)
        self._initial, self._steps = [], []
