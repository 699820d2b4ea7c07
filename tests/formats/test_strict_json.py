"""Nesting is counted before anything is parsed, and messages show little of a file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfjslab.formats.strict_json import _depth, show

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab"\\[]{}é\n'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='"\\[{'), inner, max_size=4),
    max_leaves=30,
)


def _nesting(value):
    if isinstance(value, dict):
        return 1 + max(map(_nesting, value.values()), default=0)
    return 1 + max(map(_nesting, value), default=0) if isinstance(value, list) else 0


@given(_VALUES, st.booleans())
def test_brackets_in_strings_do_not_count(value, ascii_only):
    assert _depth(json.dumps(value, ensure_ascii=ascii_only).encode()) == _nesting(value)


@given(_VALUES, st.text(alphabet='"\\[]{}a,', max_size=20))
def test_what_is_no_json_does_not_hide_what_was_nested_before_it(value, rest):
    data = json.dumps(value).encode()
    assert _depth(data + b" " + rest.encode()) >= _nesting(value)


@pytest.mark.parametrize(("value", "shown"), [
    ("n" * 78, f"'{'n' * 78}'"), ("n" * 79, f"'{'n' * 75}'..."), ("n" * 1_000_000, f"'{'n' * 75}'..."),
    ("it's " * 40, '"' + "it's " * 15 + '"...'), ("\x1b" * 40, "'" + r"\x1b" * 18 + "'..."),
    (10**200, f"1{'0' * 76}..."), (None, "None"), ({}, "an object"), ([1], "a list"),
])
def test_what_a_message_shows_is_short_and_ends_with_its_quote(value, shown):
    assert show(value) == shown
    assert len(shown) <= 80
