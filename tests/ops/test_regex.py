"""Regular expressions of the string ops: the matches of Python where both know a pattern, and none hangs."""

from __future__ import annotations

import random
import re

import pytest

from tfjslab.base.errors import LimitError, UsageError
from tfjslab.base.messages import plain
from tfjslab.ops import regex as module
from tfjslab.ops.regex import Budget, Regex, parse_rewrite, replaced

_PIECES = (
    "a", "b", ".", "[ab]", "[^a]", "a?", "b*", "a+?", "(a|b)", "(ab)", "(?:a|bc)+", "a{1,2}", "b{2,}?", "^", "$",
    r"\b", "(a)|b", r"\w", r"[\d\s]", "(?i:B)",
)


def rewritten(pattern: str, rewrite: str, text: str, *, everywhere: bool = True) -> str:
    regex = Regex(pattern)
    return replaced(regex, parse_rewrite(rewrite, regex.groups), text, Budget(), everywhere=everywhere)


def test_matches_and_groups_are_those_of_python() -> None:
    rng = random.Random(1)  # noqa: S311 - the same patterns every time
    for _ in range(4000):
        pattern = "".join(rng.choices(_PIECES, k=rng.randint(1, 5)))
        text = "".join(rng.choices("abcB 1_", k=rng.randint(0, 8)))
        try:
            found = re.search(pattern, text, re.ASCII)
        except re.error:
            continue  # such as a repetition of ^
        expected = None if found is None else tuple(p for g in range(found.re.groups + 1) for p in found.span(g))
        assert Regex(pattern).search(text, 0, Budget()) == expected, (pattern, text)


@pytest.mark.parametrize(("pattern", "rewrite", "text", "expected"), [
    ("a*", "x", "baac", "xbxcx"),  # RE2's rule: nothing right behind a match is none
    (r"(\w+) (\w+)", r"\2 \0 \1", "hello world!", "world hello world hello!"),
    (r"(a)|(b)", r"<\2>", "ab", "<><b>"), ("[[:punct:]]", "", "a.b,c!", "abc"), ("[^[:^digit:]]", "#", "a1", "a#"),
    (r"\Qa.b\E+", "_", "a.bbb axb", "_ axb"), (r"(?P<n>a)(?<m>b)", r"\2\1", "ab", "ba"), ("(?i)HE", "_", "hehE", "__"),
    (r"\pL+\PL", "_", "añ1b", "_b"), (r"\p{Lu}", "_", "aÄ", "a_"), (r"[\p{^N}]", "_", "1a", "1_"),
    (r"\x41\x{1F600}\101", "_", "A\U0001F600A", "_"), (r"a\C", "_", "a\n", "_"), ("a.", "_", "a\n", "a\n"),
    ("(?s)a.", "_", "a\n", "_"), ("(?m)^b$", "_", "a\nb\nc", "a\n_\nc"), (r"\Aa\z", "_", "a", "_"),
    ("(?U)a+", "_", "aa", "__"), ("(?U)a+?", "_", "aa", "_"), ("a{,2}", "_", "a{,2}", "_"), ("[a-]", "_", "a-b", "__b"),
    ("[]a]", "_", "]a", "__"), (r"\.\*", "_", ".*", "_"), ("(?:)", "-", "ab", "-a-b-"), ("(?i)[^A]", "_", "ab", "a_"),
    ("(a*)*b", "x", "aab", "x"), ("(a|b)*?c", "x", "abc", "x"), (r"\t|\n", " ", "a\tb\n", "a b "),
    ("x", r"\\", "x", "\\"),
])
def test_what_is_replaced(pattern: str, rewrite: str, text: str, expected: str) -> None:
    assert rewritten(pattern, rewrite, text) == expected


def test_the_first_match_only() -> None:
    assert rewritten("b", "X", "abcb", everywhere=False) == "aXcb"


@pytest.mark.parametrize(("pattern", "fault"), [
    ("(", "no ) at 1"), ("a)", "a ) without ( at 1"), ("[a", "nothing more at 2"),
    ("*", "a * with nothing before it at 1"),
    ("a{2,1}", "{2,1} (expected counts in order up to 1000) at 1"), ("a**", "a repetition of a repetition at 3"),
    ("x{1001}", "{1001} (expected counts in order up to 1000) at 1"), ("(?=a)", "(?=, which RE2 does not have, at 3"),
    ("(?<!a)b", "(?<, which RE2 does not have, at 3"), (r"(a)\1", r"\1, which RE2 does not have, at 5"),
    (r"\p{Greek}", "class 'Greek' (expected a general category of Unicode such as L or Lu) at 9"),
    ("\\", "nothing more at 1"), ("[z-a]", "a range from 'z' to 'a' at 4"),
    ("(" * 300, "more than 100 groups in each other"),
    (r"\x{110000}", "'110000' (expected the number of a character) at 10"),
    ("[[:foo:]]", "class 'foo' (expected one of"),
])
def test_patterns_that_make_no_sense_are_told(pattern: str, fault: str) -> None:
    with pytest.raises(UsageError) as e:
        Regex(pattern)
    assert str(e.value).startswith(plain(f"pattern {pattern!r}: {fault}"))


def test_no_pattern_and_no_text_hangs() -> None:
    """Patterns over which backtracking takes exponential time take as many steps as the text is longer."""
    spent = []
    for length in (100, 200, 400):
        for pattern in ("(a*)*b", "(a|aa)+$", "(a|b|ab)*c", "(x+x+)+y"):
            budget = Budget()
            assert rewritten(pattern, "", "a" * length + "!") == "a" * length + "!"
            Regex(pattern).search("a" * length + "!", 0, budget)
            spent.append(module.MOST_VISITS - budget.left)
    assert max(spent[8:]) < 4.1 * max(spent[:4])

    with pytest.raises(LimitError, match=r"^a regular expression has more than 10000 steps$"):
        Regex("((a{1000}){1000}){1000}")



def test_what_would_take_long_is_refused() -> None:
    with pytest.raises(LimitError, match=r"^a regular expression visits more than 10000000 steps; shorten"):
        Regex("(a|b)*c").search("a" * 1000, 0, Budget(left=500))


def test_deep_patterns_are_read() -> None:
    assert rewritten("(" * 100 + "a" + ")+" * 100, r"\9", "ba") == "ba"
