"""Profiles for other tools: a Chrome trace, which Perfetto and the browser's own viewer open, and a pandas table."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.base.extras import install
from tfjslab.profiling.memory import timeline
from tfjslab.profiling.runs import single_run
from tfjslab.records.profile import KernelRecord, Profile

_PROCESS, _PHASES, _COUNTERS = 1, 1, 0
Event = dict[str, Any]


def to_chrome_trace(profile: Profile) -> dict[str, Any]:
    """A trace in the JSON form of the Trace Event Format: load, compile, first, steady runs, then the profiled run.

    In the profiled run kernels are nested in the layer that they belong to, and counters show live bytes and tensors.
    Of several profiled runs it is the one whose wall is nearest to the median. A profile holds durations, not starts:
    phases are laid end to end, kernels in order, and what no kernel accounts for comes at the end of its run. Times are
    whole nanoseconds within, so that nesting survives rounding.
    """
    phases = _phases(profile)
    profile = single_run(profile)
    track = _Track()
    for name, ms in phases:
        track.leaf(name, ms, {})
    start = track.now
    spans = [*_profiled_run(track, profile), *track.events]
    spans.sort(key=lambda e: (e["ts"], -e["dur"]))  # of two that start together the outer one has to come first
    environment = asdict(profile.environment) if profile.environment else {}
    return {
        "traceEvents": [*_names(profile), *spans, *_counters(profile, start)],
        "displayTimeUnit": "ms",
        "otherData": {"model": profile.model, "starts": "laid end to end; only durations were measured", **environment},
    }


def _names(profile: Profile) -> Iterator[Event]:
    for kind, tid, text in (
        ("process_name", _COUNTERS, f"tfjslab: {profile.label}"), ("thread_name", _PHASES, "phases, layers, kernels"),
    ):
        yield {"name": kind, "ph": "M", "pid": _PROCESS, "tid": tid, "args": {"name": text}}


def _phases(profile: Profile) -> Iterator[tuple[str, float]]:
    p = profile.phases
    named = (("load", p.load_ms), ("compile", p.compile_ms), ("first run", p.first_ms))
    yield from ((name, ms) for name, ms in named if ms is not None)
    yield from ((f"run {i}", ms) for i, ms in enumerate(p.steady_ms, start=1))


class _Track:
    """Complete events one after the other; ``now`` is in nanoseconds."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.now = 0

    def leaf(self, name: str, ms: float, args: Event, category: str = "phase") -> None:
        """An event from now on; a negative time, which only rounding makes, counts as none."""
        start, self.now = self.now, self.now + max(0, round(ms * 1e6))
        self.events.append(self.span(name, start, args, category))

    def span(self, name: str, start: int, args: Event, category: str) -> Event:
        """A complete event from ``start`` to now."""
        return {
            "name": name, "cat": category, "ph": "X", "ts": start / 1e3, "dur": (self.now - start) / 1e3,
            "pid": _PROCESS, "tid": _PHASES, "args": args,
        }


def _profiled_run(track: _Track, profile: Profile) -> list[Event]:
    """The run and its layers, as events that hold the kernels that are put on ``track``."""
    around: list[Event] = []
    start = track.now
    for layer, group in groupby(profile.kernels, key=lambda k: k.layer):
        begin = track.now
        for k in group:
            track.leaf(k.name, k.kernel_time_ms, _event_args(k), "kernel")
        if layer:
            around.append(track.span(layer, begin, {}, "layer"))
    if profile.unattributed_ms > 0:
        track.leaf("unattributed", profile.unattributed_ms, {}, "unattributed")
    return [track.span("profiled run", start, {"wall_ms": profile.wall_ms}, "phase"), *around]


def _event_args(k: KernelRecord) -> Event:
    gflops = k.flops / k.kernel_time_ms / 1e6 if k.kernel_time_ms > 0 else None
    return {
        "node": k.node, "nodes": list(k.nodes), "inputs": [list(s) for s in k.input_shapes],
        "outputs": [list(s) for s in k.output_shapes], "flops": k.flops, "gflops_per_s": gflops,
        "bytes_moved": k.bytes_moved, "fallback": k.reason or k.fallback,
    }


def _counters(profile: Profile, start: int) -> Iterator[Event]:
    """Live bytes and tensors while each kernel runs, from its start on."""
    points = timeline(profile)
    times = [start]
    for k in profile.kernels:  # the same rounding as the kernels themselves
        times.append(times[-1] + max(0, round(k.kernel_time_ms * 1e6)))
    for at, p in zip(times, points, strict=False):  # there is one time more than points: the end
        for name, value in (("live bytes", p.bytes_live), ("live tensors", p.tensors_live)):
            yield {"name": name, "ph": "C", "ts": at / 1e3, "pid": _PROCESS, "tid": _COUNTERS, "args": {name: value}}


def to_dataframe(profile: Profile) -> Any:
    """A pandas ``DataFrame`` with a row for each kernel in the order they ran, and the wall and places in ``attrs``.

    UsageError when pandas is not installed.
    """
    try:
        pandas = importlib.import_module("pandas")
    except ImportError:
        raise UsageError(
            f"to_dataframe needs pandas, which is not installed; run pip install pandas (or {install('test')})",
            code="usage.missing_extra",
        ) from None
    frame = pandas.DataFrame(rows(profile.kernels))
    environment = asdict(profile.environment) if profile.environment else {}
    frame.attrs.update(
        model=profile.model, wall_ms=profile.wall_ms, unattributed_ms=profile.unattributed_ms, **environment,
    )
    return frame


_NESTED = frozenset({"buffers", "times_ms"})  # have no place in a cell


def rows(kernels: Sequence[KernelRecord]) -> list[dict[str, Any]]:
    """One flat row for each kernel; the columns are the fields of a ``KernelRecord``."""
    return [{name: value for name, value in vars(k).items() if name not in _NESTED} for k in kernels]
