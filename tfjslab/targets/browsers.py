"""Which browsers have which features, by version, and how many people use them: the dated data beside this file.

``tools/refresh_browsers.py`` writes them anew; every row names the package it was read from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from tfjslab.base.plain import from_plain
from tfjslab.targets.features import FEATURES

T = TypeVar("T")
# How a version has a feature. SOME: on a part of the systems that it runs on.
YES, SOME, NO, UNKNOWN = "yes", "some", "no", "unknown"
_DATA = Path(__file__).with_name("browsers.json")
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True)
class SupportRow:
    """A browser has a feature since a version, up to ``until`` if there is one; ``partial``: not on all systems."""

    browser: str
    feature: str
    source: str
    since: str
    until: str | None
    partial: bool
    note: str

    def holds_for(self, version: tuple[int, ...]) -> bool:
        """Whether this row speaks of a version."""
        return version_of(self.since) <= version and (self.until is None or version < version_of(self.until))


@dataclass(frozen=True)
class UseRow:
    """The share of page views of a version, in percent."""

    browser: str
    version: str
    share: float
    source: str


@dataclass(frozen=True)
class DataSource:
    """A package that rows were read from; ``as_of`` is its own date, None where it tells none."""

    package: str
    version: str
    licence: str
    attribution: str
    as_of: str | None

    @property
    def text(self) -> str:
        """With the licence, which asks for the attribution."""
        return f"{self.package} {self.version} ({self.attribution}; {self.licence})"


@dataclass(frozen=True)
class BrowserFacts:
    """All of the data. ``names`` are what people call the browsers, by the keys of the rows."""

    made_on: str
    sources: tuple[DataSource, ...]
    names: Mapping[str, str]
    support: tuple[SupportRow, ...]
    audience: tuple[UseRow, ...]

    def rows_of(self, browser: str, feature: str) -> tuple[SupportRow, ...]:
        """What the data say of one browser and feature."""
        return tuple(r for r in self.support if r.browser == browser and r.feature == feature)

    @property
    def known(self) -> frozenset[str]:
        """The browsers whose features are known."""
        return frozenset(r.browser for r in self.support)


@cache
def browser_facts() -> BrowserFacts:
    """The data, read once."""
    found = json.loads(_DATA.read_text(encoding="utf-8"))

    return BrowserFacts(found["made_on"], _rows(DataSource, found, "sources"), found["names"],
                        _rows(SupportRow, found, "support"), _rows(UseRow, found, "audience"))


def _rows(kind: type[T], found: Mapping[str, Any], key: str) -> tuple[T, ...]:
    return tuple(from_plain(kind, row, f"{_DATA.name}: {key}[{i}]") for i, row in enumerate(found[key]))


def version_of(text: str) -> tuple[int, ...]:
    """A version for comparing: the first of a range (``18.5-18.7``); empty for one without numbers (``all``)."""
    return tuple(int(n) for n in _NUMBERS.findall(text.partition("-")[0]))


@cache
def supports(browser: str, version: str, feature: str) -> str:
    """How a version of a browser has a feature: ``yes``, ``some``, ``no``, or ``unknown`` for other browsers."""
    facts, number = browser_facts(), version_of(version)
    if browser not in facts.known or not number:
        return UNKNOWN
    found = [_by_path(facts.rows_of(browser, feature), path, number) for path in FEATURES[feature].paths]
    return _least(found)


def _by_path(rows: tuple[SupportRow, ...], path: str, version: tuple[int, ...]) -> str:
    holding = [r for r in rows if r.source.endswith(f": {path}") and r.holds_for(version)]
    if not holding:
        return NO
    return SOME if all(r.partial for r in holding) else YES


def supports_all(browser: str, version: str, features: Iterable[str]) -> str:
    """The same for several features together."""
    return _least([supports(browser, version, f) for f in features]) if browser in browser_facts().known else UNKNOWN


def _least(found: list[str]) -> str:
    return next((kind for kind in (UNKNOWN, NO, SOME) if kind in found), YES)
