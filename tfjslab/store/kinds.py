"""What kinds of results there are, and which figures each of them has: one row each.

They are read from the JSON that every command writes with ``--json``; its keys are a contract, so that this needs to
know no classes, and results of other programs that write the same keys can be kept, too.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfjslab.base.errors import InputError
from tfjslab.records.disturbance import RunState, by_others
from tfjslab.records.statistics import figure_of
from tfjslab.store.stored import StoredFigure

Record = Mapping[str, Any]
_UNITS = {"ms": "ms", "bytes": "B"}
_STEADY = ("median_ms", "min_ms", "p95_ms")
_ONCE = ("load_ms", "compile_ms", "first_ms", "peak_bytes", "arena_bytes", "weight_bytes", "fallback_kernels")
_OF_PROFILE = ("wall_ms", "unattributed_ms", "peak_bytes", "new_bytes", "new_tensors")
_OF_SWEEP = ("weight_bytes", "peak_bytes", "top1", "agreement", "sqnr_db")
_OF_GROUP = ("p50_ms", "p95_ms", "p99_ms", "first_p95_ms", "load_p95_ms", "error_rate")
_LARGE = frozenset({"top1", "agreement", "sqnr_db", "speed_ratio", "peer_ratio"})
_OF_QUANTIZATION = ("weight_bytes_before", "weight_bytes_after")


@dataclass(frozen=True)
class ResultKind:
    """A kind of results. ``keys`` are those by which its JSON is known, ``figures`` what it says in numbers."""

    name: str
    keys: frozenset[str]
    figures: Callable[[Record], Iterator[StoredFigure]]


def unit_of(name: str) -> str:
    """The unit that a figure's name ends with: ``ms``, ``B`` for bytes, or none."""
    return _UNITS.get(name.rpartition("_")[2], "")


def larger_is_better(name: str) -> bool:
    """Whether a figure is one that is to be large, such as accuracy; times, bytes and counts are to be small."""
    return name.rpartition("/")[2] in _LARGE


def plain(record: Record, names: Sequence[str], prefix: str = "") -> Iterator[StoredFigure]:
    """Those of the fields that are numbers, as figures of one value each."""
    for name in names:
        value = record.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            yield StoredFigure(prefix + name, float(value), unit_of(name))


def _of_bench(record: Record) -> Iterator[StoredFigure]:
    yield from _steady(record)
    yield from plain(record, _ONCE)
    if peer := record.get("peer"):
        yield from plain(peer, ("median_ms", "ratio"), "peer_")


def _steady(record: Record, prefix: str = "") -> Iterator[StoredFigure]:
    """The times of steady runs, with what disturbed them."""
    told = record.get("disturbance") or {}
    used = len(told.get("kept", ())) or record.get("runs") or 1
    disturbed = _disturbed(record, record.get("times_ms", ()), "states")
    for f in plain(record, _STEADY, prefix):
        yield StoredFigure(f.name, f.value, f.unit, record.get("iqr_ms"), used, disturbed, told.get("reference_ms"))


def _disturbed(record: Record, times: Sequence[float], states: str) -> float | None:
    """The part of the runs that others disturbed; None where nobody watched."""
    found = [RunState(**s) for s in record.get(states) or ()]
    return by_others(times, found, record.get("steal_share")) if found else None


def _of_profile(record: Record) -> Iterator[StoredFigure]:
    yield from plain(record, _OF_PROFILE)
    phases = record.get("phases") or {}
    yield from plain(phases, ("load_ms", "compile_ms", "first_ms"))
    times = phases.get("steady_ms") or ()
    if times:
        found = figure_of(times, [RunState(**s) for s in record.get("steady_states", ())])
        spread = statistics.quantiles(times, n=4) if len(times) > 1 else None
        yield StoredFigure("steady_ms", found.median_ms, "ms", spread[2] - spread[0] if spread else None, found.runs,
                           _disturbed(record, times, "steady_states"), found.reference_ms)


def _of_sweep(record: Record) -> Iterator[StoredFigure]:
    """Those of each setting, with its name in front: ``int8 minmax/median_ms``."""
    results = {r["model"]: r for r in record.get("results", ())}
    for row in record["rows"]:
        prefix = f"{row['setting']}/"
        yield from plain(row, _OF_SWEEP, prefix)
        yield from _steady(results.get(row["setting"], {}), prefix)


def _of_ops(record: Record) -> Iterator[StoredFigure]:
    """The time of each op on each backend: ``wasm-simd/Conv2D 1x14x14x96/ms``."""
    for row in record["rows"]:
        if row["ms"] is not None:
            yield StoredFigure(f"{row['backend']}/{row['op']} {row['text']}/ms", row["ms"], "ms", n=row["rounds"])


def _of_quantization(record: Record) -> Iterator[StoredFigure]:
    yield from plain(record, _OF_QUANTIZATION)
    yield from plain(record.get("speed") or {}, ("before_ms", "after_ms", "speed_ratio"))


def _of_monitor(record: Record) -> Iterator[StoredFigure]:
    """Those of each group of pages: ``digits, simd, chrome on windows/p95_ms``."""
    for group in record["groups"]:
        prefix = f"{group['model']}, {group['variant']}, {group['browser']}/"
        for f in plain(group, _OF_GROUP, prefix):
            yield StoredFigure(f.name, f.value, f.unit, n=group["predictions"])


# The first whose keys are all there.
KINDS = (
    ResultKind("sweep", frozenset({"rows", "recommended", "measure"}), _of_sweep),
    ResultKind("ops", frozenset({"rows", "summaries"}), _of_ops),
    ResultKind("profile", frozenset({"kernels", "wall_ms", "phases"}), _of_profile),
    ResultKind("browser", frozenset({"median_ms", "times_ms", "device_environment"}), _of_bench),
    ResultKind("bench", frozenset({"median_ms", "times_ms"}), _of_bench),
    ResultKind("monitor", frozenset({"groups", "lines", "alarms", "rules"}), _of_monitor),
    ResultKind("quantize", frozenset({"weight_bytes_before", "weight_bytes_after", "execution"}), _of_quantization),
)


def kind_of(record: Record, name: str = "") -> ResultKind:
    """The kind of a result by its ``name``, else by its keys; InputError where those are of none that is known here.

    A name that is not known here is that of a kind whose figures are given with its results.
    """
    if name:
        own = (k for k in KINDS if k.name == name and k.keys <= set(record))
        return next(own, ResultKind(name, frozenset(), lambda _record: iter(())))
    found = next((k for k in KINDS if k.keys <= set(record)), None)
    if found is None:
        some = ", ".join(sorted(map(str, record))[:8])
        raise InputError(f"this is no result of a kind that the store knows ({', '.join(k.name for k in KINDS)}): its "
                         f"keys are {some or 'none'}; name its kind to keep it all the same", code="store.kind")
    return found
