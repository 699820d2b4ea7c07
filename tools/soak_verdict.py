"""Whether what ``soak.py`` saw between cycles grew.

What is counted (``tf.memory()``, threads, temporary files, widgets) must be the same after the first tenth and at the
end, to the last one. Resident memory, the blocks that Python's allocator has given out, and descriptors are not so
quiet: caches of libraries fill (matplotlib keeps up to 64 fonts open, by thread), pages of a heap are used anew. So
they are judged by what a leak does and a cache does not: it goes on. The looks after the first tenth are split into
three thirds. In each of them a line is fitted by the median of the slopes between all pairs of looks, with the interval
that belongs to it (Theil and Sen, 1968), which assumes nothing of how the looks are distributed; together the three
intervals hold with 95%. A figure is flat when in one of the thirds even the upper end, times all the cycles after the
first tenth, stays below an allowance; memory, besides, when it never is a fifth more than after the first tenth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import theilslopes

from tfjslab.base.text import scaled

# What may come on top in all cycles after the first tenth: pages of a heap that is used here and there, and entries of
# caches of names and types. Of descriptors not even one.
ALLOWED = {"resident": 1 << 20, "blocks": 1000, "descriptors": 0.5}
UNITS = {"resident": "B", "blocks": "", "descriptors": ""}
WORDS = {"resident": "resident memory", "blocks": "Python's blocks", "descriptors": "descriptors"}
MOST = {"resident": 1.2, "blocks": 1.2, "descriptors": math.inf}  # times what it was after the first tenth
THIRDS = 3
FEWEST = 18  # looks after the first tenth; of fewer in a third an interval says nothing
_LEVEL = 1 - 0.05 / THIRDS
_TENTH, _END = "after the first tenth", "at the end"

Look = Mapping[str, Any]


@dataclass(frozen=True)
class Growth:
    """How a figure went on after the first tenth, which was so many cycles. ``most`` is the upper end, a cycle."""

    name: str
    tenth: int
    end: int
    highest: int
    most: float
    cycles: int

    @property
    def fault(self) -> str:
        """What is wrong; empty where it is flat."""
        went = f"{WORDS[self.name]} went from {self.tenth:,} {_TENTH} to {self.end:,} {_END}"
        if self.most * self.cycles > ALLOWED[self.name]:
            return f"{went}, and on and on: up to {scaled(self.most, UNITS[self.name]).strip()} a cycle (95%)"
        return f"{went}, {self.highest:,} at most" if self.highest > MOST[self.name] * self.tenth else ""


def after_first_tenth(looks: Sequence[Look]) -> Sequence[Look]:
    """The looks between cycles from the end of the first tenth on; ``looks`` has one more before, and one after."""
    between = looks[1:-1]
    return [look for look in between if 10 * look["cycle"] >= between[-1]["cycle"]]


def growth(name: str, looks: Sequence[Look]) -> Growth | None:
    """How a figure went on in these looks; None where the system does not tell it, or of fewer than `FEWEST`."""
    values, at = [look[name] for look in looks], [look["cycle"] for look in looks]
    if len(values) < FEWEST or None in values:
        return None
    ends = [round(i * len(values) / THIRDS) for i in range(THIRDS + 1)]
    thirds = (slice(*ends[i: i + 2]) for i in range(THIRDS))
    most = min(float(theilslopes(values[third], at[third], _LEVEL).high_slope) for third in thirds)
    return Growth(name, values[0], values[-1], max(values), most, at[-1] - at[0])


def faults(looks: Sequence[Look]) -> Iterator[str]:
    """What is not as it was."""
    before, between, after = looks[0], after_first_tenth(looks), looks[-1]
    tenth, end = between[0], between[-1]
    yield from (f"tf.memory(): {line}" for line in changes(before["memory"], after["memory"], "before", "after"))
    yield from (f"tf.memory(): {line}" for line in changes(tenth["memory"], end["memory"], _TENTH, _END))
    yield from changes(tenth["counts"], end["counts"], _TENTH, _END)
    found = (growth(name, between) for name in ALLOWED)
    yield from (g.fault for g in found if g is not None and g.fault)


def changes(first: Mapping[str, int], last: Mapping[str, int], when: str, then: str) -> Iterator[str]:
    """A line for each count that is not the same."""
    for name in sorted({*first, *last}):
        was, now = first.get(name, 0), last.get(name, 0)
        if was != now:
            yield f"{name}: {was} {when}, {now} {then}"
