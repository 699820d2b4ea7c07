"""Profiles as files: one JSON object each, as ``tfjslab profile --json`` writes it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NoReturn

from tfjslab.base.errors import InputError, UsageError
from tfjslab.base.files import write_whole
from tfjslab.records.profile import Profile, from_json, to_json


def save(profile: Profile, path: str | os.PathLike[str]) -> Path:
    """Write a profile. UsageError when the file cannot be written."""
    target = Path(path)
    text = json.dumps(to_json(profile), indent=1, allow_nan=False) + "\n"
    try:
        write_whole(target, text)
    except OSError as e:
        raise UsageError(f"{target}: cannot be written ({e.strerror})") from None
    return target


def load(path: str | os.PathLike[str]) -> Profile:
    """Read what ``save`` or ``tfjslab profile --json`` wrote. InputError names the file and what is wrong with it."""
    source = Path(path)
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as e:
        raise InputError(f"{source}: cannot be read ({e.strerror})", code="input.profile") from None
    except UnicodeDecodeError:
        raise InputError(f"{source}: not text in UTF-8; expected a profile as JSON", code="input.profile") from None
    return from_text(text, str(source))


def from_text(text: str, source: str) -> Profile:
    """The same of text that is in memory; ``source`` names it in messages."""
    try:
        data = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as e:
        raise InputError(f"{source}: not JSON: {e or 'nested too deep'}", code="input.profile") from None
    try:
        return from_json(data)
    except InputError as e:
        raise InputError(f"{source}: {e}", code=e.code) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is no number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are given once each: Python would take the last of two, other readers the first."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [k for k, _ in pairs]
        raise ValueError(f"'{next(k for k in keys if keys.count(k) > 1)}' is given twice in one object")
    return found
