"""Short names for the boxes of one picture, no two of them alike."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

from tfjslab.vis.style import elide

_MOST = 0.5  # a scope that more names than this part have says nothing about any of them
_CONTEXT = 6  # characters before the place where names differ


def distinct_labels(names: Sequence[str], width: int) -> tuple[str, ...]:
    """Each name in at most ``width`` characters, no two alike.

    A scope that most names share is left out; names that would still look alike are shown where they differ, and are
    numbered where even that does not help, or one name stands there twice.
    """
    names = _numbered(names)
    scope = _shared_scope(names)
    labels = {name: elide(name.removeprefix(scope) or name, width) for name in names}
    counts = Counter(labels.values())
    alike: dict[str, list[str]] = {}
    for name, label in labels.items():
        if counts[label] > 1:
            alike.setdefault(label, []).append(name)
    for found in alike.values():
        labels.update(_told_apart(found, width, set(labels.values())))
    return tuple(labels[name] for name in names)


def _numbered(names: Sequence[str]) -> list[str]:
    """A name that stood there before gets its number: ``Conv1``, ``Conv1 #2``."""
    found: dict[str, None] = {}
    for name in names:
        free = itertools.chain((name,), (f"{name} #{i}" for i in itertools.count(2)))
        found[next(n for n in free if n not in found)] = None
    return list(found)


def _shared_scope(names: Sequence[str]) -> str:
    """The longest scope, with its slash, that more than half of the names lie in."""
    scope = ""
    while True:
        inner = (n[len(scope) :].partition("/") for n in names if n.startswith(scope))
        counts = Counter(f"{scope}{first}/" for first, slash, _ in inner if slash)
        longer, count = counts.most_common(1)[0] if counts else ("", 0)
        if count <= _MOST * len(names):
            return scope
        scope = longer


def _told_apart(names: Sequence[str], width: int, taken: set[str]) -> dict[str, str]:
    """Labels that begin shortly before the first difference, else with a number at the end."""
    same = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    begin = max(0, len(list(same)) - _CONTEXT)
    shown = {name: _cut(name, begin, width) for name in names}
    if len(set(shown.values())) == len(names) and taken.isdisjoint(shown.values()):
        return shown
    numbered = (f"{elide(names[0], width - len(str(i)) - 1)}#{i}" for i in itertools.count(1))
    return dict(zip(names, (label for label in numbered if label not in taken), strict=False))


def _cut(name: str, begin: int, width: int) -> str:
    text = f"…{name[begin:]}" if begin else name
    return text if len(text) <= width else f"{text[: width - 1]}…"
