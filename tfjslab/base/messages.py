"""What is put into a message may come from a hostile file: long values are cut, and nothing in it can act."""

from __future__ import annotations

import re

LONGEST_WORD = 200  # characters without a space: a name, a path, a number
LONGEST = 2000
_ENDS = 60  # characters at each end of a word that was cut
_WORD = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")


def plain(text: str) -> str:
    """The text in one line of letters that show themselves, 2,000 of them at most.

    Line breaks become spaces; what is not printed, as control characters and those that turn the direction of text,
    becomes its escape; of long words both ends stay.
    """
    if len(text) <= LONGEST_WORD and text.isprintable():
        return text
    if len(text) > 100 * LONGEST:  # nobody reads the middle, and what follows takes time
        text = f"{text[:50 * LONGEST]} ... {text[-50 * LONGEST:]}"
    text = "".join(_shown(c) for c in re.sub(r"\s*\n\s*", " ", text))
    text = _WORD.sub(lambda m: _cut(m.group(), _ENDS), text)
    return text if len(text) <= LONGEST else _cut(text, LONGEST // 2 - _ENDS)


def _shown(c: str) -> str:
    return c if c.isprintable() else c.encode("unicode_escape").decode("ascii")


def _cut(text: str, ends: int) -> str:
    return f"{text[:ends]}... ({len(text) - 2 * ends} characters) ...{text[-ends:]}"
