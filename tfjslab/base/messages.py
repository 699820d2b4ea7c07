"""What is shown may come from a hostile file: long values are cut, and nothing acts, on a terminal or a page."""

from __future__ import annotations

import html
import re

LONGEST_WORD = 200  # characters without a space: a name, a path, a number
LONGEST = 2000
_ENDS = 60  # characters at each end of a word that was cut
_WORD = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")
_BREAK = re.compile(r"\s*\n\s*")


def visible(text: str) -> str:
    """The text in one line of letters that show themselves.

    Line breaks become spaces; what is not printed, as control characters and those that turn the direction of text,
    becomes its escape.
    """
    return text if text.isprintable() else "".join(map(_shown, _BREAK.sub(" ", text)))


def readable(text: str) -> str:
    """``visible`` text, where of words of more than 200 characters both ends stay: what tables and pages show."""
    return _WORD.sub(lambda m: _cut(m.group(), _ENDS), visible(text))


def plain(text: str) -> str:
    """``readable`` text of 2,000 characters at most: a message."""
    if len(text) <= LONGEST_WORD and text.isprintable():
        return text
    if len(text) > 100 * LONGEST:  # nobody reads the middle, and what follows takes time
        text = f"{text[:50 * LONGEST]} ... {text[-50 * LONGEST:]}"
    text = readable(text)
    return text if len(text) <= LONGEST else _cut(text, LONGEST // 2 - _ENDS)


def escaped(text: str) -> str:
    """``readable`` text as it may stand in HTML, also within quotes. Whatever a page shows goes through here."""
    return html.escape(readable(text))


def escaped_lines(text: str) -> str:
    """``escaped`` text of several lines, which stay."""
    return "\n".join(map(escaped, text.split("\n")))


def _shown(c: str) -> str:
    return c if c.isprintable() else c.encode("unicode_escape").decode("ascii")


def _cut(text: str, ends: int) -> str:
    return f"{text[:ends]}... ({len(text) - 2 * ends} characters) ...{text[-ends:]}"
