"""A batch: what a page or a program tells of its predictions at once, and the only form that a collector takes.

Nothing in it is about a person: no address, no page, no user agent, no version, no time of day, no input or output.
The id is made anew for each batch; a collector counts an id once.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfjslab.base.errors import InputError, TfjslabError
from tfjslab.formats.strict_json import each, member, parse_object, typed
from tfjslab.monitoring.histogram import FIRST_BUCKET, LAST_BUCKET, MOST_MS

SCHEMA = 1
MOST_BYTES = 64 << 10  # of a body; a histogram with every bucket takes 20 kB
MOST_NAME, MOST_MESSAGE, MOST_KINDS = 64, 120, 16
MOST_COUNT = 10_000_000  # of predictions in a bucket, and of errors of a kind
MOST_MEMORY = 1 << 40
PROGRAMS = ("chrome", "edge", "firefox", "opera", "safari", "samsung", "bun", "deno", "node", "python", "other")
BROWSERS = (*PROGRAMS, *(f"{name} mobile" for name in PROGRAMS))
_ID = re.compile(r"[0-9a-f]{32}")
_WORD = re.compile(r"[a-z][a-z0-9._-]{0,31}")
_QUERY, _FOLDERS, _ODD = re.compile(r"\b[?#]\S*", re.ASCII), re.compile(r"\S*[/\\]"), re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True)
class ErrorCount:
    """Errors of one kind, with the message of the last one."""

    kind: str
    count: int
    message: str = ""


@dataclass(frozen=True)
class Batch:
    """See ``docs/guide/monitor.md`` for each field, word for word.

    ``predict`` are pairs of a bucket and its count; ``memory`` and ``heap`` are bytes at the start and now, ``heap`` is
    None where it cannot be known. ``load_ms`` and ``first_ms`` are in the first batch only.
    """

    model: str
    variant: str
    browser: str
    load_ms: float | None = None
    first_ms: float | None = None
    predict: Sequence[Sequence[int]] = ()
    memory: tuple[int, int] | None = None
    heap: tuple[int, int] | None = None
    errors: Sequence[ErrorCount] = ()
    fallbacks: int = 0
    id: str = field(default_factory=lambda: secrets.token_hex(16))

    def to_json(self) -> dict[str, Any]:
        """As it is sent."""
        return {"schema": SCHEMA, "id": self.id, "model": self.model, "variant": self.variant, "browser": self.browser,
                "load_ms": self.load_ms, "first_ms": self.first_ms, "predict": [list(p) for p in self.predict],
                "memory": self.memory, "heap": self.heap, "errors": [vars(e) for e in self.errors],
                "fallbacks": self.fallbacks}

    def body(self) -> bytes:
        """The bytes that are sent."""
        return json.dumps(self.to_json(), separators=(",", ":")).encode()


FIELDS = frozenset(Batch("", "", "").to_json())


def read_batch(body: bytes) -> Batch:
    """A batch from what somebody sent. InputError (``monitor.batch``) says what is wrong with it."""
    try:
        return _batch(parse_object(body, "body"))
    except TfjslabError as e:
        raise InputError(str(e), code="monitor.batch") from None


def _batch(found: dict[str, Any]) -> Batch:
    if (schema := member(found, "schema", int, "body")) != SCHEMA:
        raise InputError(f"body: 'schema' is {schema}; this collector knows {SCHEMA}")
    if odd := sorted(FIELDS ^ found.keys()):
        what = "is unknown" if odd[0] in found else "is missing"
        raise InputError(f"body: '{odd[0][:MOST_NAME]}' {what}; expected {', '.join(sorted(FIELDS))}")
    return Batch(
        model_name(found["model"]), _word(found["variant"], "variant"), _one_of(found["browser"], BROWSERS, "browser"),
        _time(found["load_ms"], "load_ms"), _time(found["first_ms"], "first_ms"), _pairs(found["predict"]),
        _bytes(found["memory"], "memory"), _bytes(found["heap"], "heap"), _errors(found["errors"]),
        _whole(found["fallbacks"], "fallbacks", 0, MOST_KINDS), _matching(_ID, found["id"], "id", "32 hex digits"),
    )


def message_of(text: str) -> str:
    """A message as it is sent: without folders and queries of paths and addresses, which may tell of a person."""
    found = _FOLDERS.sub("", _QUERY.sub("", text))
    return _ODD.sub(" ", found)[:MOST_MESSAGE]


def kind_of(code: str) -> str:
    """A kind of error as it is sent."""
    return code if _WORD.fullmatch(code) else "error"


def model_name(value: object) -> str:
    """A model's name, if it is printable and short; InputError otherwise."""
    name = typed(value, str, "body: 'model'")
    if not name.isprintable() or not 0 < len(name) <= MOST_NAME:
        raise InputError(f"body: 'model' is {len(name)} characters; expected 1 to {MOST_NAME} printable ones")
    return name


def _matching(pattern: re.Pattern[str], value: object, name: str, expected: str) -> str:
    if not pattern.fullmatch(text := typed(value, str, f"body: '{name}'")):
        raise InputError(f"body: '{name}': found {text[:MOST_NAME]!r}, expected {expected}")
    return text


def _word(value: object, name: str) -> str:
    return _matching(_WORD, value, name, "at most 32 of a-z 0-9 . _ -")


def _one_of(value: object, known: Sequence[str], name: str) -> str:
    if (text := typed(value, str, f"body: '{name}'")) not in known:
        raise InputError(f"body: '{name}': found {text[:MOST_NAME]!r}, expected one of {', '.join(known)}")
    return text


def _time(value: object, name: str) -> float | None:
    if value is None:
        return None
    ms = float(value) if type(value) is int and 0 <= value <= MOST_MS else typed(value, float, f"body: '{name}'")
    if not 0 <= ms <= MOST_MS:
        raise InputError(f"body: '{name}' is {ms:g}; expected 0 to {MOST_MS:g} ms")
    return ms


def _whole(value: object, name: str, least: int, most: int) -> int:
    if not least <= (number := typed(value, int, f"body: '{name}'")) <= most:
        raise InputError(f"body: '{name}' is out of range; expected {least} to {most}")
    return number


def _pairs(value: object) -> tuple[tuple[int, int], ...]:
    """Buckets in order, each once, with what is in them."""
    found, last = [], FIRST_BUCKET - 1
    for i, pair in enumerate(each(typed(value, list, "body: 'predict'"), list, "body: 'predict'")):
        name = f"predict[{i}]"
        if len(pair) != 2:  # noqa: PLR2004 - a pair
            raise InputError(f"body: '{name}' has {len(pair)} members; expected a bucket and its count")
        last = _whole(pair[0], f"{name}[0]", last + 1, LAST_BUCKET)
        found.append((last, _whole(pair[1], f"{name}[1]", 1, MOST_COUNT)))
    return tuple(found)


def _bytes(value: object, name: str) -> tuple[int, int] | None:
    if value is None:
        return None
    both = typed(value, list, f"body: '{name}'")
    if len(both) != 2:  # noqa: PLR2004 - a pair
        raise InputError(f"body: '{name}' has {len(both)} members; expected bytes at the start and now")
    return _whole(both[0], f"{name}[0]", 0, MOST_MEMORY), _whole(both[1], f"{name}[1]", 0, MOST_MEMORY)


def _errors(value: object) -> tuple[ErrorCount, ...]:
    rows = each(typed(value, list, "body: 'errors'"), dict, "body: 'errors'")
    if len(rows) > MOST_KINDS:
        raise InputError(f"body: 'errors' has {len(rows)} kinds; at most {MOST_KINDS} are taken")
    return tuple(_error(row, f"errors[{i}]") for i, row in enumerate(rows))


def _error(row: Mapping[str, Any], name: str) -> ErrorCount:
    if row.keys() != {"kind", "count", "message"}:
        raise InputError(f"body: '{name}': expected kind, count and message")
    message = typed(row["message"], str, f"body: '{name}.message'")
    if len(message) > MOST_MESSAGE or not message.isprintable():
        raise InputError(f"body: '{name}.message' is {len(message)} characters; expected {MOST_MESSAGE} printable ones "
                         "at most")
    return ErrorCount(_word(row["kind"], f"{name}.kind"), _whole(row["count"], f"{name}.count", 1, MOST_COUNT), message)
