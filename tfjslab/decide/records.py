"""Records that were measured before, here, in browsers or on phones, as candidates."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from tfjslab.base.errors import InputError
from tfjslab.base.limits import check_limit
from tfjslab.base.plain import from_plain
from tfjslab.bench.result import BenchResult
from tfjslab.browser.jobs.results import DeviceResult
from tfjslab.decide.candidate import HERE, Candidate, Taken
from tfjslab.decide.precision import FLOAT32

_MOST_BYTES = 512 << 20
_UNTYPED = {"precision"}  # a dictionary, which is kept as it is
Record = BenchResult | DeviceResult
# Results, files of them that `--json` wrote, or both in a list; by precision where there are several.
Records = str | os.PathLike[str] | Record | Sequence[Any] | Mapping[str, Any]


def candidates_of(records: Records, precision: str = FLOAT32) -> list[Candidate]:
    """A candidate for each record; those of one file or list took turns where they were measured together.

    Raises InputError for what is no record.
    """
    if isinstance(records, Mapping):
        return [c for name, some in records.items() for c in candidates_of(some, str(name))]
    if isinstance(records, str | os.PathLike):
        return _of_file(Path(records), precision)
    listed = [records] if isinstance(records, BenchResult | DeviceResult) else list(records)
    results = [r for r in listed if isinstance(r, BenchResult | DeviceResult)]
    files = [c for r in listed if isinstance(r, str | os.PathLike) for c in _of_file(Path(r), precision)]
    if len(results) + len(files) < len(listed) and not files:
        wrong = next(r for r in listed if not isinstance(r, BenchResult | DeviceResult))
        raise InputError(f"records hold a {type(wrong).__name__}; expected results of tf.bench_models or "
                         "tf.browser.bench, or files that --json wrote")
    return [*_of_results(results, precision, f"list {id(records)}"), *files]


def _of_results(results: Iterable[Record], precision: str, origin: str) -> list[Candidate]:
    return [_of_device(r, precision, origin) if isinstance(r, DeviceResult) else of_bench(r, precision, origin)
            for r in results]


def of_bench(r: BenchResult, precision: str, group: str, difference: float | None = None) -> Candidate:
    """A benchmark as a candidate; ``group`` is what took turns with it."""
    mobile = any(name in r.device for name in ("Android", "iOS", "iPadOS"))
    return Candidate(r.backend, precision, r.device or HERE, (Taken(r, group),), mobile, r.weight_bytes,
                     difference=difference)


def _of_device(r: DeviceResult, precision: str, origin: str) -> Candidate:
    return of_bench(r.bench, precision, f"{origin} {r.job}", r.difference)


def _of_file(path: Path, precision: str) -> list[Candidate]:
    try:
        check_limit(f"{path.name}: size in bytes", path.stat().st_size, _MOST_BYTES)
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as e:
        raise InputError(f"records {path.name} cannot be read: {e}") from None
    if not isinstance(found, list):
        raise InputError(f"records {path.name} hold a {type(found).__name__}; expected the list that 'tfjslab bench "
                         "--json' writes")
    return [_of_json(row, f"{path.name}[{i}]", path, precision) for i, row in enumerate(found)]


def _of_json(row: Any, where: str, path: Path, precision: str) -> Candidate:
    result = bench_result_of(row, where)
    difference, job, batch = (row.get(key) for key in ("difference", "job", "batch"))
    together = f"{path} {job}" if job or not result.device else ""
    found = of_bench(result, precision, together, difference if isinstance(difference, float) else None)
    return replace(found, batch=batch if type(batch) is int else None)


def bench_result_of(row: Any, where: str) -> BenchResult:
    """The result whose ``to_json`` that is; keys of others are left out. InputError with the place of a wrong field."""
    if not isinstance(row, Mapping):
        raise InputError(f"{where} is a {type(row).__name__}; expected an object as 'tfjslab bench --json' writes it")
    known = {f.name for f in fields(BenchResult)} - _UNTYPED
    found = from_plain(BenchResult, {k: v for k, v in row.items() if k in known}, where)
    precision = row.get("precision")
    return replace(found, precision=dict(precision)) if isinstance(precision, Mapping) else found
