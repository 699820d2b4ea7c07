"""A compiled graph in wasmtime: one call a segment, numpy views for what goes in and out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tfjslab.backends.base import Buffer, Described, PlanInfo, downloaded, uploaded
from tfjslab.backends.host import run_node
from tfjslab.backends.kernels.plan import Feeds, KernelPlan
from tfjslab.backends.wasm import faults, plan_cache
from tfjslab.backends.wasm.builder import WasmHostStep, WasmPlace
from tfjslab.backends.wasm.executable import Executable, lower
from tfjslab.backends.wasm.run.engine import Instance, Module, cached_module, find_module
from tfjslab.backends.wasm.text.program import ARENA, BARRIER, FIRST_SLOT, SCRATCH, STAMPS, WAKE
from tfjslab.backends.wasm.tuning import tuner
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import BackendError
from tfjslab.base.interrupts import Heard, Uninterrupted
from tfjslab.base.limits import check_memory, check_run, run_is_limited
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.registry import Spec

if TYPE_CHECKING:
    from tfjslab.backends.wasm.backend import WasmBackend
    from tfjslab.backends.wasm.session import WasmSession

CLOCK_NAME = "WASI monotonic clock, read inside WebAssembly"


def _lowered(
    backend: WasmBackend, program: Specialized, outputs: Sequence[str],
) -> tuple[Executable, Module, bool, bool]:
    """The lowered graph and its module, and whether the module and the lowering came from the disk."""
    if len(program.graph.nodes) < plan_cache.MIN_NODES:
        lowered = lower(backend, program, outputs)
        return lowered, *cached_module(lowered.module_key, lowered.text), False
    key = plan_cache.plan_key(backend, program, outputs)
    kept = plan_cache.load(key, backend, program)
    module = find_module(kept.module_key) if kept else None
    if kept and module:
        return kept, module, True, True
    lowered = lower(backend, program, outputs)
    module, cached = cached_module(lowered.module_key, lowered.text)
    plan_cache.save(key, lowered)
    return lowered, module, cached, False


class WasmPlan(KernelPlan):
    """Owns an arena, scratch for each thread, tables and instances; weights belong to the session."""

    _session: WasmSession

    def __init__(self, session: WasmSession, program: Specialized, outputs: Sequence[str]) -> None:
        self._heap = session.heap
        self._blocks: list[int] = []
        self._instances: list[Instance] = []
        self._addresses: dict[str, int] = {}
        self._views: dict[str, Array] = {}
        self._pointed: dict[str, int] = {}
        self._in_slots = {p.value: f"in:{p.value}" for p in program.graph.inputs}
        self._out_slots = {name: f"out:{name}" for name in outputs}
        super().__init__(session, session.constants, program, outputs)

    def _build(self, program: Specialized, start: float) -> PlanInfo:
        """Lower, compile, lay out, instantiate."""
        lowered, module, cached, kept = _lowered(self._session.backend, program, self._outputs)
        self._program, self._threads, scratch = lowered, lowered.threads, lowered.scratch_bytes * lowered.threads
        self._host_threads = self._session.backend.threads if any(s.host for s in lowered.segments) else 0
        check_memory("what kernels need beside their inputs and outputs", scratch)
        is_long = len(lowered.segments) > 1 or self._host_threads
        self._heard: Callable[[], AbstractContextManager[None]] = Heard if is_long else nullcontext
        weight_bytes = self._place(lowered)
        self._table = self._make_table(scratch, lowered.num_records)
        self._instances += [Instance(module, self._heap.memory) for _ in range(self._threads)]
        with Uninterrupted():
            del module  # the instances have it
        for instance in self._instances:
            for s in lowered.segments:
                if s.export:
                    instance.prepare(s.export, 3)
        compile_ms = (time.perf_counter() - start) * 1e3
        tiles = {kind: str(t) for kind, t in lowered.tiles.items()}
        doubted = tuner(self._session.backend.lanes).doubts(tiles)
        details = {"scratch_bytes": scratch, "tiles": tiles, "doubted_tiles": doubted, "lowering_cached": kept}
        return PlanInfo(
            Described(lowered.describe), weight_bytes, lowered.peak_bytes, lowered.lower_bound_bytes, compile_ms,
            cached=cached, threads=lowered.threads, clock=CLOCK_NAME, details=details,
        )

    # ---- making ------------------------------------------------------------------------------------------------

    def _alloc(self, num_bytes: int) -> int:
        # Padding lanes are computed along; zeros there cannot turn into slow denormals.
        with Uninterrupted(), self._session.lock:
            block = self._heap.alloc_zeroed(num_bytes)
            self._blocks.append(block)
        return block

    def _place(self, lowered: Executable) -> int:
        """Find addresses for the arena's buffers and the constants; gives the bytes of the latter."""
        arena = self._addresses["arena"] = self._alloc(lowered.peak_bytes)
        self._addresses.update({f"arena:{n}": arena + o for n, o in lowered.offsets.items()})
        weight_bytes = 0
        for slot, constant in lowered.constants.items():
            self._addresses[slot], num_bytes = self._hold(constant)
            weight_bytes += num_bytes
        return weight_bytes

    def _make_table(self, scratch: int, records: int) -> int:
        self._stamps = self._alloc(16 * (records + 1))
        barrier = self._alloc(64)
        self._barrier = self._heap.view(barrier, (3,), np.dtype(np.int32))
        fixed = {
            ARENA: self._addresses["arena"], SCRATCH: self._alloc(scratch), STAMPS: self._stamps,
            BARRIER: barrier, WAKE: self._session.workers().word if self._threads > 1 else 0,
        }
        slots = self._program.slots
        entries = [fixed[i] for i in range(FIRST_SLOT)] + [self._addresses.get(s, 0) for s in slots]
        table = self._alloc(4 * len(entries))
        self._table_view = self._heap.view(table, (len(entries),), np.dtype(np.uint32))
        self._table_view[...] = entries
        self._entries = {s: i for i, s in enumerate(slots, start=FIRST_SLOT)}
        return table

    # ---- running -----------------------------------------------------------------------------------------------

    def _run(self, feeds: Feeds, stamps: list[float] | None) -> dict[str, Array | Buffer]:
        views = [self._own(slot) for slot in self._out_slots.values()]
        self._run_segments(feeds, stamps)
        began = time.perf_counter()
        found: dict[str, Array | Buffer] = {name: view.copy() for name, view in zip(self._outputs, views, strict=True)}
        downloaded(stamps, began)
        return found

    def _run_into(self, kept: Mapping[str, Buffer], feeds: Feeds, stamps: list[float] | None) -> None:
        for name, buffer in kept.items():
            self._point(self._out_slots[name], buffer.native)
        self._run_segments(feeds, stamps)

    def _feed(self, name: str, feed: Array | Buffer) -> None:
        slot = self._in_slots[name]
        if isinstance(feed, Buffer):
            self._point(slot, self._session.native(feed))
            return
        self._own(slot)[...] = feed

    def _own(self, slot: str) -> Array:
        """The plan's own block for an input or output, as what the kernels are to use in this run.

        It is made when it is first wanted: eager plans never want one.
        """
        if slot not in self._views:
            spec = self._specs[slot.split(":", 1)[1]]
            if slot not in self._addresses:
                self._addresses[slot] = self._alloc(spec.num_bytes)
            self._views[slot] = self._heap.view(self._addresses[slot], spec.known_shape, numpy_dtype(spec.dtype))
        self._point(slot, self._addresses[slot])
        return self._views[slot]

    def _point(self, slot: str, address: int) -> None:
        """Let the kernels find an input or output at ``address``."""
        if self._pointed.get(slot) != address:
            self._pointed[slot] = address
            if slot in self._entries:
                self._table_view[self._entries[slot]] = address

    def _run_segments(self, feeds: Feeds, stamps: list[float] | None) -> None:
        try:
            self._run_all(feeds, stamps)
        except BackendError:
            self._raise_fault()
            raise

    def _raise_fault(self) -> None:
        """The error of the reference where a kernel has ended the run; the next one is as if it had not been."""
        words = self._heap.view(faults.ADDRESS, (faults.NUM_WORDS,), np.dtype(np.int32))
        if words[0]:
            faults.raise_fault(words)

    def _run_all(self, feeds: Feeds, stamps: list[float] | None) -> None:
        began = time.perf_counter()
        for name in self._inputs:
            self._feed(name, feeds[name])
        uploaded(stamps, began)
        stamped, alone, host_ms = int(stamps is not None), self._threads == 1, {}
        limited = run_is_limited()
        with self._heard():
            for segment in self._program.segments:
                if limited:
                    check_run(f"node '{self.info.commands[segment.records[0]].node}'")
                if segment.host is not None:
                    start = time.perf_counter()
                    self._host(segment.host)
                    host_ms[segment.records[0]] = (time.perf_counter() - start) * 1e3
                elif alone:
                    self._instances[0].call(segment.export, self._table, 0, stamped)
                else:
                    self._run_together(segment.export, stamped)
        if stamps is not None:
            stamps += self._read_stamps(host_ms)

    def _run_together(self, export: str, stamped: int) -> None:
        """Run a segment on all threads; after an error, when all are back, the next run is as if this had not been."""
        with self._session.run_lock:
            try:
                self._session.workers().run(partial(self._share, export, stamped))
            except BaseException:
                self._barrier[...] = 0
                raise

    def _share(self, export: str, stamped: int, tid: int) -> None:
        try:
            self._instances[tid].call(export, self._table, tid, stamped if tid == 0 else 0)
        except BaseException:
            self._barrier[2] = 1  # nobody must wait for this thread at a barrier
            raise

    def _host(self, step: WasmHostStep) -> None:
        inputs = [self._at(*i) if isinstance(i, tuple) else i for i in step.inputs]
        for (place, spec), value in zip(step.outputs, run_node(step.node, inputs, step.node.attrs), strict=True):
            self._at(place, spec)[...] = value

    def _at(self, p: WasmPlace, spec: Spec) -> Array:
        base = self._pointed.get(p.slot) or self._addresses[p.slot]
        return self._heap.view(base + p.offset, spec.known_shape, numpy_dtype(spec.dtype))

    def _read_stamps(self, host_ms: Mapping[int, float]) -> list[float]:
        """Milliseconds of each record: to its end from its start, or from the end of the record before."""
        count = self._program.num_records
        raw = self._heap.view(self._stamps, (2 * count,), np.dtype(np.uint64)).astype(np.float64) / 1e6
        ms = [host_ms.get(i, 0.0) for i in range(count)]
        for segment in self._program.segments:
            first, last = segment.records
            if segment.host is None:
                for i in range(first, last):
                    ms[i] += raw[2 * i + 1] - raw[2 * i if i == first else 2 * i - 1]
        return ms

    def _release(self) -> None:
        if len(self._instances) > 1:
            self._session.workers().settle()
        for instance in self._instances:
            instance.close()
        with self._session.lock:
            for block in self._blocks:
                self._heap.free(block)
