"""Sides of earlier measurements: records of ``tfjslab bench``, profiles, runs of the dashboard, as dicts or files.

A record is what some program wrote, so every field that is used is checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from tfjslab.base.errors import InputError, TfjslabError
from tfjslab.base.limits import check_limit
from tfjslab.base.plain import from_plain
from tfjslab.base.text import counted
from tfjslab.bench.result import BenchResult
from tfjslab.records.profile import Profile
from tfjslab.records.profile import from_json as profile_from_json
from tfjslab.reports.side import ReportSide
from tfjslab.store.results_store import open_store
from tfjslab.store.stored import StoredResult

SESSION = "tfjslab-session"
MOST_BYTES = 512 << 20
_STORE = ".sqlite"
_FIELDS = frozenset(f.name for f in fields(BenchResult)) - {"precision"}
_NO_START = "the record tells no whole start"
_NO_SIZE = "records of measurements tell nothing of files"


@dataclass(frozen=True)
class Recorded:
    """A record with the place that it came from, for messages."""

    data: Any
    where: str


def is_record(given: Any) -> bool:
    """Whether something is a record as an object: a dict, a result, a profile, a run of the dashboard or a session."""
    if isinstance(given, Mapping | BenchResult | Profile | StoredResult):
        return True
    return hasattr(given, "result") or hasattr(given, "bench") or (hasattr(given, "runs") and hasattr(given, "notes"))


def read_file(text: str) -> Recorded | None:
    """The record that ``FILE.json``, ``FILE.json#NUMBER`` or a results store, ``FILE.sqlite#ID``, holds.

    None for what is no such file, or a model.
    """
    name, _, number = text.partition("#")
    path = Path(name)
    if path.suffix == _STORE and path.is_file():
        return Recorded(_stored(path, number), text)
    if path.suffix != ".json" or not path.is_file():
        return None
    check_limit("bytes of a record", path.stat().st_size, MOST_BYTES)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as e:
        raise InputError(f"{name}: not JSON ({e})", code="input.record") from None
    if isinstance(data, Mapping) and ("modelTopology" in data or "weightsManifest" in data):
        return None
    return Recorded(_numbered(data, number, name), name)


def _stored(path: Path, number: str) -> Any:
    if not number.isdecimal():
        raise InputError(f"{path}: which result? write {path}#ID with an id that 'tfjslab history' lists",
                         code="input.record")
    with open_store(path, make=False) as store:
        return store.get(int(number)).record


def _numbered(data: Any, number: str, name: str) -> Any:
    """One of several records: that of the number, from 0 in lists; runs of a session have numbers of their own."""
    if isinstance(data, Mapping) and data.get("format") == SESSION:
        runs = {str(r.get("number")): r for r in data.get("runs", ()) if isinstance(r, Mapping)}
        return _chosen(runs, number or next(reversed(runs), ""), name, "run")
    if isinstance(data, list):
        return _chosen({str(i): r for i, r in enumerate(data)}, number or "0", name, "record")
    return data


def _chosen(found: Mapping[str, Any], number: str, name: str, what: str) -> Any:
    if number not in found:
        raise InputError(f"{name} has no {what} '{number}'; it has: {', '.join(found) or 'none'}", code="input.record")
    return found[number]


def side_of(given: Recorded) -> ReportSide:
    """The side that a record tells of; InputError names what is missing or wrong in it."""
    data = _plain(given.data)
    try:
        if isinstance(data, Profile):
            return _of_profile(data)
        if isinstance(data, BenchResult):
            return _of_bench(data, None)
        if "result" in data:  # a run of the dashboard
            profile = data.get("profile")
            return _of_bench(_bench(data["result"]), profile and profile_of(profile))
        if "kernels" in data and "wall_ms" in data:
            return _of_profile(profile_of(data))
        return _of_bench(_bench(data), data.get("profile") and profile_of(data["profile"]))
    except TfjslabError as e:
        raise InputError(f"{given.where}: {e}", code="input.record") from None


def _plain(data: Any) -> Any:
    """A result object as the record that it stands for; of a whole session, the last run."""
    if hasattr(data, "runs") and hasattr(data, "notes") and not isinstance(data, Mapping):
        if not data.runs:
            raise InputError("the session has no runs", code="input.record")
        data = data.runs[-1]
    if isinstance(data, StoredResult):
        return data.record
    if hasattr(data, "result"):
        return {"result": data.result, "profile": data.profile}
    if hasattr(data, "bench"):
        return {"result": data.bench, "profile": data.profile}
    if not isinstance(data, Mapping | BenchResult | Profile):
        raise InputError(f"a record is a {type(data).__name__}; expected an object of 'tfjslab bench --json', 'tfjslab "
                         "profile --json' or a run of the dashboard", code="input.record")
    return data


def _bench(data: Any) -> BenchResult:
    if isinstance(data, BenchResult):
        return data
    if not isinstance(data, Mapping):
        raise InputError(f"a result is a {type(data).__name__}; expected an object")
    known = json.loads(json.dumps({k: v for k, v in data.items() if k in _FIELDS}))
    return from_plain(BenchResult, known, "the record")


def profile_of(data: Any) -> Profile:
    """A profile of a record, whole or as part of another."""
    return data if isinstance(data, Profile) else profile_from_json(data)


def _of_bench(r: BenchResult, profile: Profile | None) -> ReportSide:
    if not r.times_ms:
        raise InputError(f"the record of '{r.model}' on {r.backend} has no times_ms{r.reason and f' ({r.reason})'}; "
                         "write it with --json")
    start = [v for v in (r.load_ms, r.compile_ms, r.first_ms) if v is not None]
    whole = r.load_ms is not None and r.first_ms is not None
    return ReportSide(
        f"{r.model} on {r.where}", r.model, _runtime(r), r.undisturbed_rounds,
        (sum(start),) if whole else (), () if r.peak_bytes is None else (r.peak_bytes,),
        start_text="load, compile and first prediction", profile=profile, processes=(r.figure,) if r.figure else (),
        reasons={"start": _NO_START, "size": _NO_SIZE}, notes=tuple(filter(None, [r.disturbance.text, r.reason])),
        disturbed=r.disturbance.is_makeshift,
    )


def _runtime(r: BenchResult) -> str:
    where = r.environment
    date = f"; {where.cpu}, {where.date}" if where else ""
    return f"{r.engine}, {r.where}, {counted(r.threads, 'thread')}{date}"


def _of_profile(p: Profile) -> ReportSide:
    start = (p.phases.load_ms, p.phases.first_ms)
    known = [v for v in (p.phases.load_ms, p.phases.compile_ms, p.phases.first_ms) if v is not None]
    steady = p.phases.steady_ms or p.profiled_ms or (p.wall_ms,)
    where = p.environment
    return ReportSide(
        p.label, p.model or "code", f"{where.engine}, {where.cpu}, {where.date}" if where else "unknown",
        (steady,), (sum(known),) if None not in start else (), (p.peak_bytes,), profile=p, processes=p.figures,
        start_text="load, compile and first prediction", reasons={"start": _NO_START, "size": _NO_SIZE},
    )


def interleaved(sides: Sequence[ReportSide], given: Sequence[Recorded]) -> list[ReportSide]:
    """Sides of one file took turns in one process: there the rounds tell more than what is known of processes."""
    same_file = len({g.where for g in given}) == 1 and all(len(s.latency_ms) > 1 for s in sides)
    return [replace(s, processes=()) for s in sides] if same_file and given[0].where.endswith(".json") else list(sides)
