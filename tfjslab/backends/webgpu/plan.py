"""A compiled graph on a device: pipelines and bind groups are made once, a run records and submits all at once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tfjslab.backends.base import Buffer, PlanInfo, RunStamps, downloaded, uploaded
from tfjslab.backends.host import check_commands, of_node, run_node
from tfjslab.backends.kernels.describe import describe_records
from tfjslab.backends.kernels.lowering import lower_program
from tfjslab.backends.kernels.memory_plan import plan_memory
from tfjslab.backends.kernels.plan import Feeds, KernelPlan
from tfjslab.backends.kernels.rewrites import RULES, rewritten
from tfjslab.backends.webgpu import lower as _families  # noqa: F401 - fills the table
from tfjslab.backends.webgpu.builder import CHECKS, GpuBuilder, GpuCall, GpuHostStep, GpuRecord
from tfjslab.backends.webgpu.capabilities import Capabilities
from tfjslab.backends.webgpu.lower.registry import TABLE
from tfjslab.backends.webgpu.run.device import ALIGNMENT, Range
from tfjslab.backends.webgpu.run.recording import Dispatch, Stamps, dispatch_all
from tfjslab.backends.webgpu.splitting import Limit, split_large
from tfjslab.backends.webgpu.text.templates import render
from tfjslab.backends.webgpu.tuning import GpuTuner
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import BackendError, TfjslabError
from tfjslab.base.interrupts import Heard, Uninterrupted
from tfjslab.base.limits import check_run, run_is_limited
from tfjslab.graph.specialize import Specialized
from tfjslab.graph.unroll_recurrent import unrolled
from tfjslab.ops.registry import Spec

if TYPE_CHECKING:
    from tfjslab.backends.webgpu.session import GpuSession


_READINGS = 3  # of outputs, to find how long one takes


def lowered(session: GpuSession, program: Specialized, outputs: Sequence[str]) -> tuple[GpuBuilder, GpuTuner]:
    """The kernels of ``program``, and the tuner that chose their tiles."""
    device = session.device
    limit = Limit(device.max_binding, str(device.adapter), session.storage)
    program = split_large(rewritten(unrolled(program), RULES), limit, session.slices)
    tuner = GpuTuner(device)
    builder = GpuBuilder(program, outputs, tuner, Capabilities(device), session.storage)
    lower_program(builder, program, TABLE, also_refuses=limit.refusal)
    return builder, tuner


class GpuPlan(KernelPlan):
    """Owns an arena, a buffer for inputs and outputs, and one of uniforms; weights belong to the session."""

    _session: GpuSession

    def __init__(self, session: GpuSession, program: Specialized, outputs: Sequence[str]) -> None:
        self._device = session.device
        self._storage = session.storage
        self._owned: list[tuple[Any, str]] = []
        self._slots: dict[str, Range] = {}
        self._stamps: Stamps | None = None
        self._read_ms: float | None = None  # of the outputs, once somebody asked
        self._passes: dict[range, list[Dispatch]] = {}  # of commands that are dispatched in one pass
        super().__init__(session, session.constants, program, outputs)

    def _build(self, program: Specialized, start: float) -> PlanInfo:
        """Lower, lay out, make pipelines and bind groups."""
        device = self._device
        before = device.counters["pipelines"], device.compile_ms
        builder, tuner = lowered(self._session, program, self._outputs)
        self._specs = builder.specs
        buffers = builder.finish()
        commands = describe_records(builder, buffers)
        check_commands(commands)
        memory = plan_memory(buffers, ALIGNMENT)
        arena = self._own(memory.peak_bytes, "the arena of a plan") if memory.peak_bytes else None
        self._slots.update({f"arena:{b.name}": (arena, memory.offsets[b.name], b.size_bytes) for b in buffers})
        self._place_ports(builder)
        weight_bytes = self._place_constants(builder)
        self._place_checks(builder)
        self._results = [self._words(builder, v) for v in self._outputs]
        self.records = builder.records
        self._host_threads = self._session.backend.threads if any(r.host for r in self.records) else 0
        self._dispatches = self._bind(builder.records)
        made, compile_ms = device.counters["pipelines"] - before[0], device.compile_ms - before[1]
        return PlanInfo(
            commands, weight_bytes, memory.peak_bytes, memory.lower_bound_bytes,
            (time.perf_counter() - start) * 1e3, cached=made == 0, threads=1, clock=Stamps.clock(device),
            details={
                "adapter": device.adapter.name, "adapter_type": device.adapter.kind, "pipelines_made": made,
                "pipeline_compile_ms": compile_ms, "num_bytes_allocated": sum(b.size for b, _ in self._owned),
                "dispatches": sum(map(len, self._dispatches)), "tiles": builder.tiles,
                "doubted_tiles": tuner.doubts(builder.tiles),
            },
        )

    # ---- making ------------------------------------------------------------------------------------------------

    def _own(self, num_bytes: int, what: str, usage: str = "storage") -> Any:
        with Uninterrupted():
            made = self._device.buffer(num_bytes, usage, what=what)
            self._owned.append((made, usage))
        return made

    def _place_ports(self, builder: GpuBuilder) -> None:
        """Inputs, and outputs that a kernel or the host makes, lie one after the other in one buffer."""
        ports = [*(builder.place(v) for v in self._inputs), *(builder.place(v) for v in self._outputs)]
        wanted = {p.slot: p.num_bytes for p in ports if p.slot.partition(":")[0] in ("in", "out")}
        # An output that numpy or a kernel makes may be read again further on; its slot is the same.
        offsets, total = {}, 0
        for slot, num_bytes in wanted.items():
            offsets[slot] = total
            total += -(-num_bytes // ALIGNMENT) * ALIGNMENT
        if total:
            buffer = self._own(total, "the inputs and outputs of a plan")
            self._slots.update({s: (buffer, offsets[s], n) for s, n in wanted.items()})

    def _place_constants(self, builder: GpuBuilder) -> int:
        total = 0
        for slot, constant in builder.constants.items():
            buffer, num_bytes = self._hold(constant)
            self._slots[slot] = (buffer, 0, num_bytes)
            total += num_bytes
        return total

    def _place_checks(self, builder: GpuBuilder) -> None:
        """Two words for each check, all 0 as long as nothing is wrong."""
        self._checks = builder.checks
        if self._checks:
            nothing = np.zeros(2 * len(self._checks), np.uint32)
            buffer = self._own(nothing.nbytes, "what is wrong with the inputs of a plan")
            self._slots[CHECKS] = (buffer, 0, nothing.nbytes)
            self._device.write(buffer, 0, nothing)

    def _bind(self, records: Sequence[GpuRecord]) -> list[list[Dispatch]]:
        """For each record what it dispatches; equal sizes share a slice of the uniform buffer."""
        calls = [c for r in records for c in r.calls]
        distinct = {sizes: i * ALIGNMENT for i, sizes in enumerate(dict.fromkeys(c.sizes for c in calls))}
        if not distinct:
            return [[] for _ in records]
        table = np.zeros((len(distinct), ALIGNMENT // 4), np.uint32)
        for row, sizes in zip(table, distinct, strict=True):
            row[: len(sizes)] = sizes
        uniforms = self._own(table.nbytes, "the sizes of a plan", "uniform")
        self._device.write(uniforms, 0, table)
        return [[self._dispatch(c, (uniforms, distinct[c.sizes], ALIGNMENT), r) for c in r.calls] for r in records]

    def _dispatch(self, c: GpuCall, sizes: Range, r: GpuRecord) -> Dispatch:
        device, name = self._device, r.group.nodes[-1].name
        ranges = [*(self._slots[p.slot] for p in c.args), sizes]
        largest = max(n for _, _, n in ranges)
        if largest > device.max_binding:
            raise BackendError(
                f"node '{name}' binds a buffer of {largest} bytes; "
                f"{device.adapter} binds at most {device.max_binding} bytes", code="backend.limit",
            )
        if max(c.groups) > device.max_groups:
            raise BackendError(
                f"node '{name}' needs {' x '.join(map(str, c.groups))} workgroups; "
                f"{device.adapter} starts at most {device.max_groups} along a dimension", code="backend.limit",
            )
        pipeline = device.pipeline(render(c.kernel, float16=self._storage.float16), c.kernel.source)
        return pipeline, device.bind(pipeline, ranges, f"node '{name}'"), c.groups

    def _words(self, builder: GpuBuilder, value: str) -> Range:
        """Where an output's words lie, without the rest of the last vector."""
        buffer, offset, _ = self._slots[builder.place(value).slot]
        return buffer, offset, self._bytes(self._specs[value])

    # ---- running -----------------------------------------------------------------------------------------------

    def _run(self, feeds: Feeds, stamps: list[float] | None) -> dict[str, Array | Buffer]:
        found = zip(self._outputs, self._execute(feeds, stamps, self._results), strict=True)
        specs, unpack = self._specs, self._storage.unpack
        return {v: unpack(w, specs[v].known_shape, specs[v].dtype) for v, w in found}

    def _run_into(self, kept: Mapping[str, Buffer], feeds: Feeds, stamps: list[float] | None) -> None:
        found = zip(self._outputs, self._results, strict=True)
        self._execute(feeds, stamps, [], [(where, kept[v].native) for v, where in found])

    def _bytes(self, spec: Spec) -> int:
        return self._storage.copied_bytes(spec.size, spec.dtype)

    def _execute(
        self, feeds: Feeds, stamps: list[float] | None, ranges: Sequence[Range],
        copies: Sequence[tuple[Range, Any]] = (),
    ) -> list[Array]:
        """Run everything, copy outputs into buffers, and give the words of ``ranges``."""
        recorder = None
        if stamps is not None:
            self._stamps = self._stamps or Stamps(self._device, self._dispatches)
            recorder = self._stamps
        encoder = self._device.encoder()
        began = time.perf_counter()
        for name in self._inputs:
            self._feed(encoder, name, feeds[name])
        uploaded(stamps, began)
        first, limited = 0, run_is_limited()
        for i, r in enumerate(self.records):
            if r.host is not None:
                if limited:
                    check_run(f"node '{r.host.node.name}' ({r.host.node.op})")
                self._record(encoder, range(first, i), recorder)
                encoder, first = self._host(encoder, r.host, i, stamps), i + 1
        self._record(encoder, range(first, len(self.records)), recorder)
        for (source, offset, count), target in copies:
            if count:
                encoder.copy_buffer_to_buffer(source, offset, target, 0, count)
        if recorder is None or stamps is None:
            return self._submit(encoder, ranges)
        found = self._submit(encoder, [*ranges, recorder.resolve(encoder)])
        stamps += recorder.take(found[-1])
        if isinstance(stamps, RunStamps) and ranges:
            stamps.download_ms = (stamps.download_ms or 0.0) + self._reading_ms(ranges)
        return found[:-1]

    def _reading_ms(self, ranges: Sequence[Range]) -> float:
        """How long reading the outputs takes when all is done, the least of a few times: measured once for a plan."""
        if self._read_ms is None:
            began = [time.perf_counter()]
            for _ in range(_READINGS):
                self._device.submit(self._device.encoder(), ranges)
                began.append(time.perf_counter())
            self._read_ms = min(after - before for before, after in pairwise(began)) * 1e3
        return self._read_ms

    def _submit(self, encoder: Any, ranges: Sequence[Range]) -> list[Array]:
        """The words of ranges. The typed error of an op whose kernel found its inputs wrong; the next run is clean."""
        if not self._checks:
            return self._device.submit(encoder, ranges)
        *found, words = self._device.submit(encoder, [*ranges, self._slots[CHECKS]])
        for check, (axis, value) in zip(self._checks, words.view(np.int32).reshape(-1, 2).tolist(), strict=True):
            if axis:
                self._device.write(self._slots[CHECKS][0], 0, np.zeros_like(words))
                try:
                    check.complain(axis - 1, value)
                except TfjslabError as e:
                    raise of_node(check.node, e) from None
        return found

    def _feed(self, encoder: Any, name: str, feed: Array | Buffer) -> None:
        buffer, offset, _ = self._slots[f"in:{name}"]
        spec = self._specs[name]
        if not isinstance(feed, Buffer):
            self._device.write(buffer, offset, self._storage.pack(feed, spec.dtype))
        elif spec.size:
            encoder.copy_buffer_to_buffer(self._session.native(feed), 0, buffer, offset, self._bytes(spec))

    def _record(self, encoder: Any, records: range, stamps: Stamps | None) -> None:
        """Dispatch some records: in one pass, or stamped in one pass each."""
        if stamps is not None:
            for i in records:
                stamps.around(encoder, i, self._dispatches[i])
        else:
            if records not in self._passes:
                self._passes[records] = [d for i in records for d in self._dispatches[i]]
            dispatch_all(encoder, self._passes[records])

    def _host(self, encoder: Any, step: GpuHostStep, index: int, stamps: list[float] | None) -> Any:
        """Finish what was recorded, run a node with numpy, and start recording again."""
        present = [i for i in step.inputs if isinstance(i, tuple)]
        read = [(*self._slots[p.slot][:2], self._bytes(s)) for p, s in present]
        if stamps is not None:  # what was recorded before has stamps of its own, and is no time of the host's
            self._device.submit(encoder)
            self._device.wait()
            encoder = self._device.encoder()
        before = time.perf_counter()
        found = iter(self._submit(encoder, read))
        downloaded(stamps, before)
        unpack = self._storage.unpack
        inputs = [
            unpack(next(found), i[1].known_shape, i[1].dtype) if isinstance(i, tuple) else i for i in step.inputs
        ]
        with Heard():
            results = run_node(step.node, inputs, step.node.attrs)
        began = time.perf_counter()
        for (place, spec), value in zip(step.outputs, results, strict=True):
            buffer, offset, _ = self._slots[place.slot]
            self._device.write(buffer, offset, self._storage.pack(value, spec.dtype))
        uploaded(stamps, began)
        if self._stamps is not None and stamps is not None:
            self._stamps.on_host(index, (time.perf_counter() - before) * 1e3)
        return self._device.encoder()

    def _release(self) -> None:
        if self._stamps is not None:
            self._stamps.dispose()
        for buffer, usage in self._owned:
            self._device.release(buffer, usage)
        self._dispatches = []
        self._passes.clear()
