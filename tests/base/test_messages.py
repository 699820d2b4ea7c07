"""Messages hold what hostile files bring along, and stay one short line of letters that show themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfjslab.base.errors import ModelError
from tfjslab.base.messages import LONGEST, plain


@pytest.mark.parametrize(("given_text", "shown"), [
    ("node 'x' (Relu): dtype int32", "node 'x' (Relu): dtype int32"),
    ("größe 'µ' 日本", "größe 'µ' 日本"),
    ("array([[1, 2],\n       [3, 4]])", "array([[1, 2], [3, 4]])"),
    ("\x1b[31mred", "\\x1b[31mred"),
    ("a\u202egpj.exe", "a\\u202egpj.exe"),
    ("\ud800", "\\ud800"),
    ("a\0b", "a\\x00b"),
])
def test_what_acts_is_shown_as_its_escape(given_text, shown):
    assert str(ModelError(given_text)) == shown


def test_both_ends_of_a_long_word_stay():
    text = plain(f"node '{'n' * 5000}' fails here")
    assert text.startswith("node 'nnn")
    assert text.endswith("nnn' fails here")
    assert "(4882 characters)" in text
    assert len(text) < 200


@given(st.text() | st.text(alphabet="a \n\u202e\x07", min_size=4000, max_size=9000))
def test_any_text_is_one_short_line(text):
    found = plain(text)
    assert len(found) <= LONGEST
    assert found.isprintable()
    assert plain(found) == found
    found.encode()
