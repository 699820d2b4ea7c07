"""Who is to run a model: browsers with their versions and shares, the world's or those of one's own statistics."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfjslab.base.errors import InputError
from tfjslab.base.limits import check_limit
from tfjslab.targets.browsers import browser_facts

_MOST_BYTES, _MOST_ROWS = 16 << 20, 100_000
_COLUMNS = ("browser", "version", "share")
# What statistics call them, beside the names and keys of the data.
_ALIASES = {"chromium": "chrome", "mobile safari": "safari_ios", "ios safari": "safari_ios", "safari ios": "safari_ios",
            "chrome mobile": "chrome_android", "chrome for android": "chrome_android", "android": "webview_android",
            "samsung internet": "samsunginternet_android", "microsoft edge": "edge",
            "firefox mobile": "firefox_android",
            "android webview": "webview_android", "opera mobile": "opera_android"}


@dataclass(frozen=True)
class Visitors:
    """Users of one version of a browser; ``share`` is in percent of the audience."""

    browser: str
    version: str
    share: float


@dataclass(frozen=True)
class Audience:
    """All visitors, and where the figures are from. Their shares sum up to 100 or less: the rest is not known."""

    visitors: tuple[Visitors, ...]
    source: str


Given = str | os.PathLike[str] | Sequence[Mapping[str, Any]] | None


def audience_of(given: Given = None) -> Audience:
    """The audience that a user names.

    Args:
        given: a ``.json`` or ``.csv`` file, or rows, with ``browser``, ``version`` and ``share`` (any numbers; they are
            scaled to percent); None for the whole world's, by the data of this package.

    Raises InputError for what cannot be read.

    """
    if given is None:
        facts = browser_facts()
        source = next(s for s in facts.sources if facts.audience[0].source.startswith(s.package))
        return Audience(tuple(Visitors(u.browser, u.version, u.share) for u in facts.audience),
                        f"all page views of the world, by {source.text}, read on {facts.made_on}")
    if isinstance(given, str | os.PathLike):
        rows, where = _read(Path(given)), Path(given).name
    else:
        rows, where = given, "audience"
    return Audience(_scaled([_visitors(row, f"{where}: row {i + 1}") for i, row in enumerate(rows)], where), where)


def _read(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        check_limit(f"{path.name}: size in bytes", path.stat().st_size, _MOST_BYTES)
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise InputError(f"audience {path.name} cannot be read: {e}") from None
    if path.suffix.lower() == ".csv":
        return list(csv.DictReader(io.StringIO(text)))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise InputError(f"audience {path.name} is no JSON: {e}; a table with commas is named .csv") from None
    if not isinstance(found, list):
        raise InputError(f"audience {path.name} holds a {type(found).__name__}; expected a list of objects with "
                         f"{', '.join(_COLUMNS)}")
    return found


def _visitors(row: Any, where: str) -> Visitors:
    if not isinstance(row, Mapping) or any(row.get(c) is None for c in _COLUMNS):
        raise InputError(f"{where} is {row!r}; expected {', '.join(_COLUMNS)}")
    try:
        share = float(str(row["share"]).removesuffix("%"))
    except ValueError:
        share = math.nan
    if not math.isfinite(share) or share < 0:
        raise InputError(f"{where}: share is {row['share']!r}; expected a number of 0 or more")
    return Visitors(_key(str(row["browser"])), str(row["version"]).strip(), share)


def _key(name: str) -> str:
    """The key of a browser by any of its names; a name that nobody knows stays as it is."""
    plain = " ".join(name.lower().replace("_", " ").split())
    keys = {n.lower(): key for key, n in browser_facts().names.items()}
    known = {key.replace("_", " "): key for key in browser_facts().names} | keys | _ALIASES
    return known.get(plain, name.strip())


def _scaled(found: list[Visitors], where: str) -> tuple[Visitors, ...]:
    check_limit(f"{where}: rows", len(found), _MOST_ROWS)
    total = sum(v.share for v in found)
    if total <= 0:
        raise InputError(f"{where} has no row with a share above 0")
    return tuple(Visitors(v.browser, v.version, 100 * v.share / total) for v in found)
