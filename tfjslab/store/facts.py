"""From a result to the row of the store: where and when it was measured, of which model, and its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from typing import Any

from tfjslab.base.errors import InputError
from tfjslab.records import profile as profiles
from tfjslab.records.profile import Profile, stamp_environment
from tfjslab.store.kinds import kind_of
from tfjslab.store.stored import StoredFigure, in_utc


@dataclass(frozen=True)
class ResultFacts:
    """What the columns of a row say; see ``StoredResult``. Empty fields are found in the record."""

    kind: str = ""
    model: str = ""
    digest: str = ""
    backend: str = ""
    threads: int = 0
    machine: str = ""
    at: str = ""
    figures: tuple[StoredFigure, ...] = ()
    record: str = ""


def facts_of(record: Any, given: ResultFacts) -> ResultFacts:
    """All fields of a result, of which ``given`` names some.

    ``record`` is anything with ``to_json``, a profile, a dataclass, or the JSON itself. InputError for what is no
    result, or has numbers that JSON cannot hold.
    """
    data = plain_record(record)
    first = _first_result(data)
    where = data.get("environment") or first.get("environment") or {}
    kind = kind_of(data, given.kind)
    return ResultFacts(
        kind.name, given.model or str(data.get("model") or ""),
        given.digest or str(data.get("model_digest") or first.get("model_digest") or ""),
        given.backend or str(data.get("backend") or first.get("backend") or where.get("backend") or ""),
        given.threads or int(data.get("threads") or first.get("threads") or where.get("threads") or 0),
        given.machine or machine_name(str(data.get("device") or ""), where),
        in_utc(given.at or str(where.get("date") or "")) or datetime.now(UTC).isoformat(timespec="seconds"),
        given.figures or tuple(kind.figures(data)), _as_json(data),
    )


def plain_record(record: Any) -> dict[str, Any]:
    """The JSON object of a result."""
    if isinstance(record, Profile):
        return profiles.to_json(record)
    found = record.to_json() if hasattr(record, "to_json") else record
    if is_dataclass(found) and not isinstance(found, type):
        return asdict(found)
    if not isinstance(found, Mapping):
        raise InputError(f"a result to keep is a {type(record).__name__}; expected what tf.bench_model, "
                         "tf.profile_model, tf.sweep or --json give", code="store.record")
    return dict(found)


def _first_result(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first of the measurements that a report holds, as of a sweep; empty where it is one itself."""
    results = data.get("results")
    found = results[0] if isinstance(results, Sequence) and results else {}
    return found if isinstance(found, Mapping) else {}


def machine_name(device: str, where: Mapping[str, Any]) -> str:
    """What the machine is called: the browser, else its own name where one is known, and the processor."""
    if device:
        return device
    here = where or asdict(stamp_environment("", "", 0, ""))
    return ", ".join(filter(None, (str(here.get("host") or ""), str(here["cpu"]), f"{here['cores']} cores")))


def _as_json(data: Mapping[str, Any]) -> str:
    try:
        return json.dumps(data, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as e:
        raise InputError(f"a result to keep cannot be written as JSON ({e}); None stands for what was not measured",
                         code="store.record") from None
