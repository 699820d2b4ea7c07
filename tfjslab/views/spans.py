"""Kernels that ran one after the other for one part of a model, as spans that contain each other.

The parts are layers and name scopes: names split at ``/``, and ``block_1_expand`` taken for a part of ``block_1``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile

Path = tuple[str, ...]  # of a part: that of every part around it, the outermost first, and its own

_BLOCK = re.compile(r"^(.*?\d)(?=[_.])")  # up to the first number that ends a word
_DEEPEST = 10  # levels; a name with more slashes is hostile or a machine's


@dataclass(frozen=True)
class Span:
    """Kernels ``first`` to ``end - 1`` belong to the part ``path``, called ``name`` within the span around it.

    The outermost spans have ``level`` 0.
    """

    name: str
    path: str
    level: int
    first: int
    end: int


def parts(layer: str, node: str) -> Path:
    """The paths of all parts that a kernel lies in, the outermost first; none for a node that has no scope."""
    scope = layer or node.rpartition("/")[0]
    found: list[str] = []
    before = ""
    for part in filter(None, scope.split("/")):
        block = _BLOCK.match(part)
        if block:
            found.append(before + block.group(1))
        found.append(before + part)
        before = f"{before}{part}/"
    return tuple(found)


def spans(paths: Sequence[Path]) -> tuple[Span, ...]:
    """The spans of kernels whose ``parts`` are given in order. One that would fill the span around it is left out."""
    return tuple(_spans(paths, 0, 0, 0, ""))


def _spans(paths: Sequence[Path], start: int, depth: int, level: int, around: str) -> Iterator[Span]:
    """Those of ``paths``, which begin at kernel ``start`` and have their first ``depth`` parts in common."""
    for key, run in groupby(enumerate(paths), key=lambda numbered: numbered[1][depth : depth + 1]):
        if not key or level == _DEEPEST:
            continue
        numbers, inside = zip(*run, strict=True)
        first, together = start + numbers[0], _common(inside)
        path = inside[0][together - 1]
        yield Span(_within(path, around), path, level, first, first + len(inside))
        yield from _spans(inside, first, together, level + 1, path)


def _common(paths: Sequence[Path]) -> int:
    """How many parts all paths begin with: as many as the two that differ most in order."""
    pairs = zip(min(paths), max(paths), strict=False)  # the shorter one may be the beginning of the other
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _within(path: str, around: str) -> str:
    """What is left of a path inside of another, whole words of it."""
    scope = around if path.startswith(f"{around}/") else around.rpartition("/")[0]
    return path.removeprefix(f"{scope}/") if scope else path
