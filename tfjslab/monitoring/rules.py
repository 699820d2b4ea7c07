"""Rules: when a figure is an alarm, and when a page shall fall back. Defined once; page, Prometheus and CLI read them.

An alarm is written ``p95_ms>50 browser=safari minutes=10``. A file of rules is JSON, with alarms in that form::

    {"alarms": ["p95_ms>50", "error_rate>1%"],
     "fallback": [{"model": "pose", "after": 30, "p95_ms": 60, "to": {"variant": "simd"}}]}
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfjslab.base.errors import TfjslabError, UsageError, did_you_mean
from tfjslab.base.text import ms, percent
from tfjslab.formats.strict_json import each, member, optional, parse_object, typed
from tfjslab.monitoring.batch import SCHEMA, model_name
from tfjslab.monitoring.totals import FIGURES, PageGroup, Totals

ANY = "*"
FEWEST_PREDICTIONS = 5  # before a page may fall back: fewer say nothing of a percentile
_RULE = re.compile(r"\s*([a-z0-9_]+)\s*>\s*([0-9.]+)(%?)((?:\s+[a-z_]+=\S+)*)\s*")
_NUMBERS = ("minutes", "at_least")


@dataclass(frozen=True)
class AlarmRule:
    """An alarm is on for each group of pages of which ``figure`` is above ``above`` in the last ``minutes``.

    Groups with fewer than ``at_least`` predictions and errors are not judged. ``*`` is every model, variant or browser.
    """

    figure: str
    above: float
    model: str = ANY
    variant: str = ANY
    browser: str = ANY
    minutes: int = 5
    at_least: int = 20

    def fits(self, group: PageGroup) -> bool:
        """Whether a group is meant."""
        wanted = (self.model, self.variant, self.browser)
        return all(w in {ANY, found} for w, found in zip(wanted, group, strict=True))

    def judged(self, totals: Totals) -> float | None:
        """The figure of a group, which is an alarm where it is above the limit; None where there is too little."""
        enough = totals.predictions + totals.failed >= self.at_least
        return FIGURES[self.figure](totals) if enough else None

    def shown(self, value: float) -> str:
        """A value of this figure as people read it."""
        return f"{ms(value)} ms" if self.figure.endswith("_ms") else percent(value)

    @property
    def text(self) -> str:
        """The rule as it is written."""
        limit = f"{self.above:g}" if self.figure.endswith("_ms") else f"{100 * self.above:g}%"
        names = {"model": self.model, "variant": self.variant, "browser": self.browser}
        selected = (f"{k}={v.replace(' ', '-')}" for k, v in names.items() if v != ANY)
        return " ".join((f"{self.figure}>{limit}", *selected, f"minutes={self.minutes}", f"at_least={self.at_least}"))


@dataclass(frozen=True)
class Alarm:
    """A rule that is broken by a group, with the value."""

    rule: AlarmRule
    group: PageGroup
    value: float

    @property
    def text(self) -> str:
        """In one line."""
        figure, limit = self.rule.figure.removesuffix("_ms").replace("_", " "), self.rule.shown(self.rule.above)
        return (f"{self.group.text}: {figure} is {self.rule.shown(self.value)}, above {limit}, in the last "
                f"{self.rule.minutes} minutes")

    def to_json(self) -> dict[str, Any]:
        """For scripts and for the page."""
        return {"rule": self.rule.text, **self.group._asdict(), "figure": self.rule.figure, "value": self.value,
                "above": self.rule.above, "text": self.text}


@dataclass(frozen=True)
class FallbackRule:
    """A page on which ``model`` has a p95 above ``p95_ms`` after so many predictions changes to something else.

    The loader obeys ``variant`` itself; ``smaller``, the name of another model, it tells the page.
    """

    model: str
    after: int
    p95_ms: float
    variant: str | None = None
    smaller: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As a loader reads it."""
        to = {"variant": self.variant} if self.variant is not None else {"model": self.smaller}
        return {"model": self.model, "after": self.after, "p95_ms": self.p95_ms, "to": to}


@dataclass(frozen=True)
class MonitorRules:
    """All rules of a collector."""

    alarms: tuple[AlarmRule, ...] = ()
    fallback: tuple[FallbackRule, ...] = ()

    def for_pages(self) -> bytes:
        """What ``GET /v1/rules`` answers: the rules that loaders follow, and no others."""
        return json.dumps({"schema": SCHEMA, "fallback": [rule.to_json() for rule in self.fallback]}).encode()


def parse_alarm(text: str) -> AlarmRule:
    """A rule as it is written, such as ``error_rate>1% model=pose``. UsageError says what is wrong with it."""
    found = _RULE.fullmatch(text)
    if found is None:
        raise UsageError(f"alarm '{text}': expected FIGURE>LIMIT and names, as in 'p95_ms>50 browser=safari'")
    figure, limit, is_percent, rest = found.groups()
    if figure not in FIGURES:
        raise UsageError(f"alarm '{text}': '{figure}' is not one of {', '.join(FIGURES)}"
                         f"{did_you_mean(figure, FIGURES)}")
    return AlarmRule(figure, _limit(text, limit) / (100 if is_percent else 1), **_selected(text, rest))


def _limit(text: str, limit: str) -> float:
    try:
        value = float(limit)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"alarm '{text}': '{limit}' is no number")
    return value


def _selected(text: str, rest: str) -> dict[str, Any]:
    """Which groups, in how many minutes. Browsers are written with a hyphen: ``chrome-mobile``."""
    given: dict[str, Any] = dict(word.split("=", 1) for word in rest.split())
    known = ("model", "variant", "browser", *_NUMBERS)
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"alarm '{text}': '{name}' is not one of {', '.join(known)}{did_you_mean(name, known)}")
        if name in _NUMBERS:
            if not (value.isascii() and value.isdigit() and 0 < int(value) <= 1_000_000):  # noqa: PLR2004 - two years
                raise UsageError(f"alarm '{text}': {name} is '{value}', expected a whole number above 0")
            given[name] = int(value)
    if "browser" in given:
        given["browser"] = given["browser"].replace("-", " ")
    return given


def read_rules(path: Path) -> MonitorRules:
    """The rules of a file. UsageError names the file and the place."""
    try:
        found = parse_object(path.read_bytes(), path.name)
        alarms = each(optional(found, "alarms", list, [], path.name), str, f"{path.name}: 'alarms'")
        fallback = each(optional(found, "fallback", list, [], path.name), dict, f"{path.name}: 'fallback'")
        if odd := sorted(found.keys() - {"alarms", "fallback", "schema"}):
            raise UsageError(f"{path.name}: '{odd[0]}' is unknown; expected alarms and fallback")
        return MonitorRules(tuple(map(parse_alarm, alarms)), tuple(_fallback(r, path.name) for r in fallback))
    except OSError as e:
        raise UsageError(f"{path}: cannot be read ({e.strerror})") from None
    except TfjslabError as e:
        raise UsageError(str(e)) from None


def _fallback(row: dict[str, Any], where: str) -> FallbackRule:
    where = f"{where}: 'fallback'"
    to = member(row, "to", dict, where)
    if len(to) != 1 or not to.keys() <= {"variant", "model"}:
        raise UsageError(f"{where}: 'to' is one of {{\"variant\": NAME}} and {{\"model\": NAME}}")
    (kind, name), = to.items()
    after, limit = member(row, "after", int, where), row.get("p95_ms")
    p95_ms = float(limit) if type(limit) is int else typed(limit, float, f"{where}: 'p95_ms'")
    if after < FEWEST_PREDICTIONS or p95_ms <= 0:
        raise UsageError(f"{where}: 'after' is {after} and 'p95_ms' {p95_ms:g}; expected at least {FEWEST_PREDICTIONS} "
                         "and a time above 0")
    return FallbackRule(model_name(row.get("model", ANY)), after, p95_ms,
                        **{"variant" if kind == "variant" else "smaller": typed(name, str, f"{where}: '{kind}'")})


class AlarmWatch:
    """Sums what rules are about, minute by minute, until ``now``, the one that has begun."""

    def __init__(self, rules: Iterable[AlarmRule], now: int) -> None:
        self._now = now
        self._sums: dict[AlarmRule, dict[PageGroup, Totals]] = {rule: defaultdict(Totals) for rule in rules}

    def count(self, minute: int, found: Iterable[tuple[PageGroup, Totals]]) -> None:
        """Take a minute in."""
        rows = list(found)
        for rule, sums in self._sums.items():
            for group, totals in rows if minute > self._now - rule.minutes else ():
                if rule.fits(group):
                    sums[group].merge(totals)

    def alarms(self) -> Iterator[Alarm]:
        """Those that are on."""
        for rule, sums in self._sums.items():
            for group, totals in sums.items():
                if (value := rule.judged(totals)) is not None and value > rule.above:
                    yield Alarm(rule, group, value)
