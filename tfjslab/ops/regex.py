"""Regular expressions in linear time: all ways to match are followed at once, so no pattern and no text can hang it.

This is Thompson's simulation with the captures of Pike. Of several matches the leftmost is found, and of these the one
that the order of alternatives and repetitions prefers, as in RE2 and Perl.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tfjslab.base.errors import LimitError, UsageError
from tfjslab.ops.regex_syntax import Alternatives, At, Capture, Char, Repeat, Sequence, Test, Tree, parse

MOST_STEPS = 10_000  # of a program
MOST_VISITS = 10_000_000  # of steps in one call of an op: some seconds

Captures = tuple[int, ...]


@dataclass(frozen=True)
class _Split:
    """Goes on at two steps, the first preferred."""

    first: int
    second: int


@dataclass(frozen=True)
class _Save:
    """Remembers where it was met."""

    slot: int


@dataclass(frozen=True)
class _Done:
    """A match."""


_Step = Test | _Split | _Save | At | _Done


@dataclass
class Budget:
    """How many steps may still be visited; LimitError when there are none left."""

    left: int = MOST_VISITS

    def spend(self, visits: int) -> None:
        """Take some away."""
        self.left -= visits
        if self.left < 0:
            raise LimitError(f"a regular expression visits more than {MOST_VISITS} steps; shorten the text or pattern")


@dataclass
class _Compiler:
    """Writes the steps of a tree one after the other."""

    steps: list[_Step] = field(default_factory=list)

    def put(self, step: _Step) -> int:
        """Add a step; gives its number."""
        if len(self.steps) >= MOST_STEPS:
            raise LimitError(f"a regular expression has more than {MOST_STEPS} steps")
        self.steps.append(step)
        return len(self.steps) - 1

    def add(self, tree: Tree) -> None:
        """Add what matches a tree and goes on behind it."""
        if isinstance(tree, Char):
            self.put(tree.fits)
        elif isinstance(tree, At):
            self.put(tree)
        elif isinstance(tree, Capture):
            self.put(_Save(2 * tree.number))
            self.add(tree.part)
            self.put(_Save(2 * tree.number + 1))
        elif isinstance(tree, Sequence):
            for part in tree.parts:
                self.add(part)
        elif isinstance(tree, Alternatives):
            self._choice(tree)
        else:
            self._repeat(tree)

    def _choice(self, tree: Alternatives) -> None:
        ends = []
        for part in tree.parts[:-1]:
            split = self.put(_Done())
            self.add(part)
            ends.append(self.put(_Done()))
            self.steps[split] = _Split(split + 1, len(self.steps))
        self.add(tree.parts[-1])
        for end in ends:
            self.steps[end] = _Split(len(self.steps), len(self.steps))

    def _repeat(self, tree: Repeat) -> None:
        start = len(self.steps)
        for _ in range(tree.least):
            start = len(self.steps)
            self.add(tree.part)
        if tree.most is None and tree.least:  # the last copy once more
            self._branch(self.put(_Done()), start, tree)
            return
        splits = []
        for _ in range(1 if tree.most is None else tree.most - tree.least):
            splits.append(self.put(_Done()))
            self.add(tree.part)
        if tree.most is None:
            self.put(_Split(start, start))
        for split in splits:
            self._branch(split, split + 1, tree)

    def _branch(self, split: int, more: int, tree: Repeat) -> None:
        """Once more or not, in the order that is preferred; not is what comes next."""
        enough = len(self.steps)
        self.steps[split] = _Split(enough, more) if tree.lazy else _Split(more, enough)


class Regex:
    """A compiled pattern. UsageError for one that makes no sense, LimitError for one that is too large."""

    def __init__(self, pattern: str) -> None:
        tree, self.groups = parse(pattern)
        compiler = _Compiler()
        compiler.add(Capture(0, tree))
        compiler.put(_Done())
        self._steps = compiler.steps

    def search(self, text: str, start: int, budget: Budget) -> Captures | None:
        """Beginning and end of the match at or behind ``start`` and of its groups (-1 where they took no part)."""
        found: Captures | None = None
        threads: dict[int, Captures] = {}
        nothing = (-1,) * (2 * self.groups + 2)
        for at in range(start, len(text) + 1):
            if found is None:
                self._follow(threads, 0, text, at, nothing)
            elif not threads:
                break
            budget.spend(len(threads) + 1)
            char = text[at : at + 1]
            later: dict[int, Captures] = {}
            for number, captures in threads.items():
                step = self._steps[number]
                if isinstance(step, _Done):
                    found = captures
                    break  # what comes behind is preferred less
                if char and not isinstance(step, (_Split, _Save, At)) and step(char):
                    self._follow(later, number + 1, text, at + 1, captures)
            threads = later
        return found

    def _follow(self, threads: dict[int, Captures], step: int, text: str, at: int, captures: Captures) -> None:
        """Add all steps that can be reached without a character, in the order of preference."""
        todo = [(step, captures)]
        seen = threads
        while todo:
            number, captures = todo.pop()
            if number in seen:
                continue
            seen[number] = captures
            found = self._steps[number]
            if isinstance(found, _Split):
                todo += [(found.second, captures), (found.first, captures)]
            elif isinstance(found, _Save):
                changed = (*captures[: found.slot], at, *captures[found.slot + 1 :])
                todo.append((number + 1, changed))
            elif isinstance(found, At) and found.fits(text, at):
                todo.append((number + 1, captures))


_Rewrite = tuple[str | int, ...]


def parse_rewrite(rewrite: str, groups: int) -> _Rewrite:
    r"""What replaces a match: text and numbers of groups, which are written ``\0`` to ``\9``; UsageError if wrong."""
    parts: list[str | int] = []
    pieces = iter(rewrite)
    for char in pieces:
        if char != "\\":
            parts.append(char)
            continue
        after = next(pieces, "")
        if after == "\\":
            parts.append(after)
        elif after and after in "0123456789" and int(after) <= groups:
            parts.append(int(after))
        else:
            expected = f"\\\\ or \\0 to \\{groups}, groups of the pattern"
            raise UsageError(f"rewrite {rewrite!r}: \\{after}; expected {expected}")
    return tuple(parts)


def replaced(regex: Regex, rewrite: _Rewrite, text: str, budget: Budget, *, everywhere: bool) -> str:
    """The text with its first match rewritten, or all of them; an empty match right behind another one is none."""
    out: list[str] = []
    at, last = 0, -1
    while at <= len(text):
        match = regex.search(text, at, budget)
        if match is None:
            break
        begin, end = match[:2]
        out.append(text[at:begin])
        if begin == end == last:
            out.append(text[begin : begin + 1])
            at = begin + 1
            continue
        out += [p if isinstance(p, str) else text[max(match[2 * p], 0) : max(match[2 * p + 1], 0)] for p in rewrite]
        at = last = end
        if not everywhere:
            break
    return "".join(out) + text[at:]
