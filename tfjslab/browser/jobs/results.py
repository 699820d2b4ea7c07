"""From what a browser told to the records that everything else presents: benchmark results and profiles."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.shapes import size_of
from tfjslab.base.text import counted, ms
from tfjslab.bench.comparison import difference
from tfjslab.bench.result import BenchResult, spread
from tfjslab.browser.jobs.job import DeviceJob
from tfjslab.browser.jobs.programs import LITERT, PRODUCTS, DeviceProgram
from tfjslab.browser.jobs.records import DeviceEnvironment, DeviceRun, JobRecord, SideRecord
from tfjslab.export.web.plan import DTYPES
from tfjslab.profiling.runs import join_runs
from tfjslab.records.disturbance import RunState, judge
from tfjslab.records.profile import KernelRecord, Phases, Profile, attribute, stamp_environment
from tfjslab.records.profile import to_json as profile_to_json

CLOCK = "performance.now in a worker, outputs read"
_BROWSERS = (  # the name in a user agent, what people call it; the first that is found
    ("Firefox", "Firefox"), ("Edg", "Edge"), ("OPR", "Opera"), ("HeadlessChrome", "Chromium, headless"),
    ("Chrome", "Chrome"), ("Version", "Safari"),
)
_SYSTEMS = (("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iPadOS"), ("Windows", "Windows"), ("Mac OS", "macOS"),
            ("Linux", "Linux"))


@dataclass(frozen=True, repr=False)
class DeviceResult:
    """One program in one browser. ``bench`` has the keys of every benchmark, ``profile`` is None without kernel times.

    ``difference`` is that of the outputs from those of ``cpu`` here, over the largest value; ``unknown`` are the
    kernels (name, node) that take less than a step of the browser's clock: their time is in the profile's
    ``unattributed_ms``. ``flags`` are those of TensorFlow.js. Programs of one ``job`` took turns in one page.
    """

    bench: BenchResult
    environment: DeviceEnvironment | None
    profile: Profile | None = None
    difference: float | None = None
    unknown: tuple[tuple[str, str], ...] = ()
    flags: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    job: str = ""

    @property
    def device(self) -> str:
        """The browser and its system."""
        return self.bench.device

    def to_json(self) -> dict[str, Any]:
        """Plain values: the keys of a benchmark, and what is known of the browser besides."""
        where = None if self.environment is None else dataclasses.asdict(self.environment)
        clock = self.environment.clock_ms if self.environment else None
        short = f"shorter than a step of the clock ({clock} ms)"
        return {
            **self.bench.to_json(), "device_environment": where, "difference": self.difference,
            "flags": dict(self.flags), "notes": list(self.notes),
            "job": self.job,
            "profile": None if self.profile is None else profile_to_json(self.profile),
            "unknown_kernels": [
                {"name": name, "node": node, "kernel_time_ms": None, "reason": short} for name, node in self.unknown
            ],
        }

    def __repr__(self) -> str:
        b = self.bench
        time = f"{b.median_ms:.3g} ms" if b.median_ms is not None else b.reason or "not measured"
        return f"DeviceResult({b.model} on {b.backend} in {self.device}: {time})"


def results_of(
    programs: Sequence[DeviceProgram], job: DeviceJob, record: JobRecord, expected: Sequence[tuple[str, Array]],
) -> list[DeviceResult]:
    """One result for each program, with the reason where it was refused; ``expected`` are the answers of ``cpu``."""
    sides = dict(zip(job.programs, record.sides, strict=False))
    untried = {p: SideRecord(p.name, reason=job.refused.get(p.name, "")) for p in programs}
    return [_result(job, record, p, sides.get(p, untried[p]), expected) for p in programs]


def device_name(where: DeviceEnvironment | None) -> str:
    """The browser and its system: ``Chromium, headless 156 on Linux``."""
    if where is None:
        return "an unknown browser"
    agent = where.user_agent
    system = next((text for mark, text in _SYSTEMS if mark in agent), "an unknown system")
    for mark, text in _BROWSERS:
        if found := re.search(rf"{mark}/(\d+)", agent):
            return f"{text} {found[1]} on {system}"
    return f"a browser on {system}"


def _result(
    job: DeviceJob, record: JobRecord, program: DeviceProgram, side: SideRecord, expected: Sequence[tuple[str, Array]],
) -> DeviceResult:
    where, opened = record.environment, side.opened
    bench = _bench(job, program, side, where, side.reason or record.reason)
    profile, unknown = _profile(job, bench, side.runs, where.clock_ms if where else None)
    found = list(_outputs(side))
    apart = difference(expected, found) if expected and opened and len(found) == len(expected) else None
    return DeviceResult(bench, where, profile, apart, unknown, side.flags,
                        tuple(_notes(program, side, where, len(unknown))), job.id)


def _bench(
    job: DeviceJob, program: DeviceProgram, side: SideRecord, where: DeviceEnvironment | None, reason: str,
) -> BenchResult:
    opened, times = side.opened, tuple(t for b in side.bursts for t in b.times_ms)
    # A hidden page gets as little time as the browser likes: nothing of such a run counts.
    states = tuple(
        RunState(lost_ms=t if b.hidden else None, reference_ms=b.reference_ms) for b in side.bursts for t in b.times_ms
    )
    s = spread(judge(times, states).of_kept(times))
    run = side.runs[0] if side.runs else None
    software = _renderer(program, where)
    version = f"{PRODUCTS[program.kind]} {opened.version}" if program.kind in PRODUCTS and opened else program.text
    return BenchResult(
        str(job.told["name"]), program.name, opened.threads if opened else 0, opened.load_ms if opened else None, None,
        opened.first_ms if opened else None, s.median, s.minimum, s.p95, s.iqr, len(times), int(job.told["warmup"]),
        run.peak_bytes or None if run else None, None, opened.weight_bytes if opened else None,
        len(run.kernels) if run else None, 0 if run else None, CLOCK, f"{version} in {device_name(where)}", times,
        reason, adapter=software[0], adapter_type=software[1], host_reason="browsers have no host to fall back to",
        states=states, rounds=tuple(len(b.times_ms) for b in side.bursts), device=device_name(where),
    )


def _renderer(program: DeviceProgram, where: DeviceEnvironment | None) -> tuple[str | None, str | None]:
    """The adapter of a GPU backend and its type, which says when it is a program on the processor."""
    found = where.renderer_of(program.backend) if where else None
    return (None, None) if found is None else (found.renderer, "CPU" if found.software else "GPU")


def _outputs(side: SideRecord) -> Iterator[tuple[str, Array]]:
    """The outputs whose bytes fit to what was told of them; others are left out, and so differ."""
    for at, told in sorted(side.outputs.items()):
        shape, dtype, data = told.get("shape"), told.get("dtype"), side.data.get(at)
        if dtype not in DTYPES or data is None or not _is_shape(shape):
            continue
        kind = np.dtype(numpy_dtype(str(dtype)))
        if shape is None:  # our modules tell no shape of an output whose length depends on data
            yield str(told.get("name")), np.frombuffer(data, kind)
        elif len(data) == kind.itemsize * size_of(shape):
            yield str(told.get("name")), np.frombuffer(data, kind).reshape(shape)


def _is_shape(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(type(n) is int and n >= 0 for n in value))


def _profile(
    job: DeviceJob, bench: BenchResult, runs: Sequence[DeviceRun], clock_ms: float | None,
) -> tuple[Profile | None, tuple[tuple[str, str], ...]]:
    """All profiled runs as one, without the kernels that are shorter than a step of the clock, and those."""
    if not runs or not any(r.kernels for r in runs):
        return None, ()
    joined = join_runs([_profile_of_run(run) for run in runs])
    known = tuple(k for k in joined.kernels if k.kernel_time_ms > 0 and k.kernel_time_ms >= (clock_ms or 0))
    unknown = tuple((k.name, k.node) for k in joined.kernels if k not in known)
    wall_ms, rest = attribute(known, joined.wall_ms)
    place = stamp_environment(bench.backend, bench.engine, bench.threads, CLOCK, bench.adapter_type or "")
    phases = Phases(bench.load_ms, None, bench.first_ms, bench.times_ms)
    return dataclasses.replace(
        joined, kernels=known, wall_ms=wall_ms, unattributed_ms=rest, environment=place, phases=phases,
        model=str(job.told["name"]), steady_states=bench.states,
    ), unknown


def _profile_of_run(run: DeviceRun) -> Profile:
    kernels = tuple(
        KernelRecord(
            k.name, k.node, k.ms or 0.0, tuple(s for s in k.input_shapes if s is not None),
            tuple(s for s in k.output_shapes if s is not None), k.bytes_added, k.total_bytes, k.tensors_added,
            k.total_tensors, 0, fallback=False, nodes=(k.node,) if k.node else (),
        )
        for k in run.kernels
    )
    wall_ms, rest = attribute(kernels, run.wall_ms)
    return Profile(kernels, wall_ms, rest, run.peak_bytes, run.new_bytes, run.new_tensors)


def _notes(program: DeviceProgram, side: SideRecord, where: DeviceEnvironment | None, unknown: int) -> Iterator[str]:
    """What has to be said beside the figures."""
    if where is None:
        return
    if program.threaded and where.no_threads:
        yield where.no_threads
    if program.kind == LITERT and side.bursts:
        yield "LiteRT.js has no profiler: no kernels"
    found = where.renderer_of(program.backend)
    if found is not None and found.software:
        yield f"{program.backend} is a program on the processor here: {found.renderer}"
    if any(b.hidden for b in side.bursts):
        yield "the page was in the background for a part of the time; those runs are left out"
    if side.bursts and max(b.batch for b in side.bursts) > 1:
        yield f"each time is the mean of {max(b.batch for b in side.bursts)} runs, as the clock is coarse"
    if unknown:
        yield (f"{counted(unknown, 'kernel')} shorter than a step of the clock ({ms(where.clock_ms)} ms): the time is "
               "in 'unattributed'")
    if where.battery is not None and not where.battery.charging:
        yield "the device ran on its battery, which may slow it down"
