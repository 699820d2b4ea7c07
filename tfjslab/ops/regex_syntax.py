r"""Reads regular expressions in the syntax of RE2, which TensorFlow's string ops take, as a tree.

There are no backreferences and no looking around, so what is read can be matched in linear time. Classes such as
``\d`` are ASCII ones, as in RE2; ``\p{L}`` takes the general categories of Unicode.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn

from tfjslab.base.errors import UsageError

MOST_REPEATS = 1000  # as in RE2
_DEEPEST = 100
_GENERAL = frozenset("LMNPSZC")

Test = Callable[[str], bool]
Place = Callable[[str, int], bool]


@dataclass(frozen=True)
class Char:
    """One character that fits."""

    fits: Test


@dataclass(frozen=True)
class At:
    """A place that fits, such as the beginning of the text."""

    fits: Place


@dataclass(frozen=True)
class Sequence:
    """One after the other."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Alternatives:
    """The first that leads to a match."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Repeat:
    """From ``least`` to ``most`` times (None: any number), as often as possible or, if ``lazy``, as few times."""

    part: Tree
    least: int
    most: int | None
    lazy: bool


@dataclass(frozen=True)
class Capture:
    """What is remembered under a number."""

    number: int
    part: Tree


Tree = Char | At | Sequence | Alternatives | Repeat | Capture


@dataclass(frozen=True)
class _Flags:
    any_case: bool = False
    dot_all: bool = False
    lines: bool = False
    ungreedy: bool = False


_SIGNS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_FLAGS = {"i": "any_case", "s": "dot_all", "m": "lines", "U": "ungreedy"}
_DIGITS, _SPACES = "0123456789", "\t\n\f\r "
_LOWER, _UPPER = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_WORD = _DIGITS + _LOWER + _UPPER + "_"
_SHORT = {"d": _DIGITS, "s": _SPACES, "w": _WORD}
_POSIX = {
    "alnum": _DIGITS + _LOWER + _UPPER, "alpha": _LOWER + _UPPER, "blank": "\t ", "digit": _DIGITS, "lower": _LOWER,
    "punct": _PUNCTUATION, "space": _SPACES + "\v", "upper": _UPPER, "word": _WORD, "xdigit": _DIGITS + "abcdefABCDEF",
    "graph": _DIGITS + _LOWER + _UPPER + _PUNCTUATION, "print": _DIGITS + _LOWER + _UPPER + _PUNCTUATION + " ",
    "ascii": "".join(map(chr, range(128))), "cntrl": "".join(map(chr, (*range(32), 127))),
}
_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _is_word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at] in _WORD


def _at_border(text: str, at: int) -> bool:
    return _is_word(text, at - 1) != _is_word(text, at)


_START, _END = At(lambda _, at: at == 0), At(lambda text, at: at == len(text))
_LINE_START = At(lambda text, at: at == 0 or text[at - 1] == "\n")
_LINE_END = At(lambda text, at: at == len(text) or text[at] == "\n")
_BORDERS = {"^": (_START, _LINE_START), "$": (_END, _LINE_END)}  # of the text, of lines
_PLACES = {"A": _START, "z": _END, "b": At(_at_border), "B": At(lambda text, at: not _at_border(text, at))}


def parse(pattern: str) -> tuple[Tree, int]:
    """The tree and the number of groups; UsageError says where the pattern makes no sense."""
    reader = _Reader(pattern)
    tree = reader.choice(_Flags(), 0)
    if reader.at < len(pattern):
        reader.fail("a ) without (")
    return tree, reader.groups


class _Reader:
    """Goes through a pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.groups = 0

    def fail(self, what: str) -> NoReturn:
        raise UsageError(f"pattern {self.pattern!r}: {what} at {self.at}")

    def peek(self) -> str:
        """The next character, "" at the end."""
        return self.pattern[self.at : self.at + 1]

    def take(self, text: str) -> bool:
        """Go over ``text`` if it comes next."""
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def next(self) -> str:
        """The next character, which is gone over."""
        if not self.peek():
            self.fail("nothing more")
        self.at += 1
        return self.pattern[self.at - 1]

    def until(self, end: str) -> str:
        """What comes before ``end``, which is gone over as well."""
        found = self.pattern.find(end, self.at)
        if found < 0:
            self.fail(f"no {end}")
        text, self.at = self.pattern[self.at : found], found + len(end)
        return text

    # ---- structure -------------------------------------------------------------------------------------------------

    def choice(self, flags: _Flags, depth: int) -> Tree:
        """Alternatives up to a ) or the end. Flags that are set inside hold up to there."""
        if depth > _DEEPEST:
            self.fail(f"more than {_DEEPEST} groups in each other")
        parts: list[list[Tree]] = [[]]
        while self.peek() and self.peek() != ")":
            if self.take("|"):
                parts.append([])
            elif self.take("(?"):
                flags = self._special(flags, depth, parts[-1])
            elif self.take("("):
                parts[-1].append(self._repeated(self._group(flags, depth), flags))
            elif self.take("\\Q"):
                quoted = [self._literal(c, flags) for c in self._quoted()]
                parts[-1] += [*quoted[:-1], *(self._repeated(c, flags) for c in quoted[-1:])]
            else:
                parts[-1].append(self._repeated(self._atom(flags), flags))
        found = tuple(p[0] if len(p) == 1 else Sequence(tuple(p)) for p in parts)
        return found[0] if len(found) == 1 else Alternatives(found)

    def _quoted(self) -> str:
        if "\\E" in self.pattern[self.at :]:
            return self.until("\\E")
        text, self.at = self.pattern[self.at :], len(self.pattern)
        return text

    def _group(self, flags: _Flags, depth: int) -> Tree:
        self.groups += 1
        number = self.groups
        return Capture(number, self._inside(flags, depth))

    def _inside(self, flags: _Flags, depth: int) -> Tree:
        tree = self.choice(flags, depth + 1)
        if not self.take(")"):
            self.fail("no )")
        return tree

    def _special(self, flags: _Flags, depth: int, parts: list[Tree]) -> _Flags:
        """A named group, or flags: for a group, or from here on, which are given back."""
        if self.take("P<") or (self.peek() == "<" and self.pattern[self.at + 1 : self.at + 2] not in ("=", "!")
                               and self.take("<")):
            self.until(">")
            parts.append(self._repeated(self._group(flags, depth), flags))
            return flags
        changed, value = flags, True
        while (c := self.next()) not in (":", ")"):
            if c == "-":
                value = False
            elif c in _FLAGS:
                changed = replace(changed, **{_FLAGS[c]: value})
            else:
                self.fail(f"(?{c}, which RE2 does not have,")
        if c == ")":
            return changed
        parts.append(self._repeated(self._inside(changed, depth), flags))
        return flags

    def _repeated(self, part: Tree, flags: _Flags) -> Tree:
        """A part with the repetition behind it."""
        counts = self._counts()
        if counts is None:
            return part
        part = Repeat(part, *counts, lazy=self.take("?") != flags.ungreedy)
        if self._counts() is not None:
            self.fail("a repetition of a repetition")
        return part

    def _counts(self) -> tuple[int, int | None] | None:
        if self.peek() in _SIGNS:
            return _SIGNS[self.next()]
        end = self.pattern.find("}", self.at)
        least, comma, most = self.pattern[self.at + 1 : max(end, 0)].partition(",")
        if self.peek() != "{" or not (least.isdecimal() and least.isascii()) or not (most == "" or most.isdecimal()):
            return None  # a { that is meant as such
        counts: tuple[int, int | None] = int(least[:9]), (int(most[:9]) if most else None if comma else int(least[:9]))
        if max(c or 0 for c in counts) > MOST_REPEATS or (counts[1] is not None and counts[1] < counts[0]):
            self.fail(f"{{{least}{comma}{most}}} (expected counts in order up to {MOST_REPEATS})")
        self.at = end + 1
        return counts

    # ---- characters ------------------------------------------------------------------------------------------------

    def _literal(self, char: str, flags: _Flags) -> Char:
        if not flags.any_case:
            return Char(char.__eq__)
        return Char({char, char.lower(), char.upper()}.__contains__)

    def _atom(self, flags: _Flags) -> Tree:
        char = self.next()
        if char in _BORDERS:
            return _BORDERS[char][flags.lines]
        if char == "." or (char == "\\" and self.take("C")):
            return Char(lambda c: char != "." or flags.dot_all or c != "\n")
        if char == "[":
            return Char(self._class(flags))
        if char in "*+?":
            self.fail(f"a {char} with nothing before it")
        return self._literal(char, flags) if char != "\\" else self._escape(flags)

    def _escape(self, flags: _Flags) -> Tree:
        """What a backslash and the next characters stand for."""
        if self.peek() in _PLACES and self.peek():
            return _PLACES[self.next()]
        test = self._short()
        return Char(test) if test else self._literal(self._escaped(), flags)

    def _short(self) -> Test | None:
        r"""What ``\d`` or ``\pL`` stand for, behind the backslash; None for other escapes."""
        kind = self.peek()
        if kind.lower() in _SHORT and kind:
            chars = _SHORT[self.next().lower()]
            return chars.__contains__ if kind.islower() else lambda c: c not in chars
        if kind not in ("p", "P") or not kind:
            return None
        self.at += 1
        name = self.until("}") if self.take("{") else self.next()
        wanted = (kind == "p") != name.startswith("^")
        name = name.removeprefix("^")
        if name[:1] not in _GENERAL or len(name) > 2:  # noqa: PLR2004 - a letter, or two
            self.fail(f"class {name!r} (expected a general category of Unicode such as L or Lu)")
        return lambda c: unicodedata.category(c).startswith(name) == wanted

    def _escaped(self) -> str:
        r"""The character that ``\n``, ``\x41`` or ``\.`` stand for, behind the backslash."""
        char = self.next()
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char == "x":
            digits = self.until("}") if self.take("{") else self.next() + self.next()
            return self._code(digits, 16)
        if char == "0" or (char in "1234567" and self.peek() and self.peek() in "01234567"):
            digits = char
            while self.peek() and self.peek() in "01234567" and len(digits) < 3:  # noqa: PLR2004
                digits += self.next()
            return self._code(digits, 8)
        if char.isascii() and char.isalnum():
            self.fail(f"\\{char}, which RE2 does not have,")
        return char

    def _code(self, digits: str, base: int) -> str:
        try:
            return chr(int(digits, base))
        except (ValueError, OverflowError):
            self.fail(f"{digits!r} (expected the number of a character)")

    def _class(self, flags: _Flags) -> Test:
        """What is between brackets; the first one is gone over already."""
        wanted = not self.take("^")
        tests: list[Test] = []
        while not (tests and self.peek() == "]"):
            tests.append(self._member())
        self.at += 1
        if not flags.any_case:
            return lambda c: any(test(c) for test in tests) == wanted
        return lambda c: any(test(v) for test in tests for v in (c, c.lower(), c.upper()) if len(v) == 1) == wanted

    def _member(self) -> Test:
        if self.take("[:"):
            inverted = self.take("^")
            name = self.until(":]")
            if name not in _POSIX:
                self.fail(f"class {name!r} (expected one of {', '.join(sorted(_POSIX))})")
            return lambda c: (c in _POSIX[name]) != inverted
        first = self.next()
        if first == "\\":
            test = self._short()
            if test:
                return test
            first = self._escaped()
        if self.peek() != "-" or self.pattern[self.at + 1 : self.at + 2] in ("]", ""):
            return first.__eq__
        self.at += 1
        last = self.next()
        last = self._escaped() if last == "\\" else last
        if last < first:
            self.fail(f"a range from {first!r} to {last!r}")
        return lambda c: first <= c <= last
