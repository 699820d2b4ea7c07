"""Pieces of HTML: every text that is written goes through ``text``, since names come from models and records."""

from __future__ import annotations

import html
from collections.abc import Sequence

from tfjslab.base.messages import visible
from tfjslab.base.text import tail

LONG = 70  # characters of a name; the end tells it from its neighbours
SENTENCE = 600  # of what this package says itself, with names in it


def text(value: object, most: int = LONG) -> str:
    """Text as it may stand in HTML: cut, in one line of letters that show themselves."""
    return html.escape(tail(visible(" ".join(str(value).split())), most))


def cell(content: str, kind: str = "", title: str = "") -> str:
    """A cell of HTML that is safe already; ``title`` is shown on hover."""
    attributes = (f' class="{kind}"' if kind else "") + (f' title="{text(title, 300)}"' if title else "")
    return f"<td{attributes}>{content}</td>"


def name(label: str) -> str:
    """The cell of a name, the whole of it on hover."""
    return cell(text(label), title=label if len(label) > LONG else "")


def row(*cells: str, kind: str = "") -> str:
    """A row of cells."""
    return f"<tr{f' class={kind!r}' if kind else ''}>{''.join(cells)}</tr>"


def table(rows: Sequence[str], head: Sequence[str] = (), kind: str = "") -> str:
    """A table; heads that begin with ``<`` stand on the left, as text does."""
    cells = "".join(
        f'<th class="text">{text(h[1:])}</th>' if h.startswith("<") else f"<th>{text(h)}</th>" for h in head)
    made = f"<thead><tr>{cells}</tr></thead>" if head else ""
    return f'<div class="scroll"><table class="{kind}">{made}<tbody>{"".join(rows)}</tbody></table></div>'


def folded(rows: Sequence[str], shown: int, what: str, head: Sequence[str] = ()) -> str:
    """A table whose rows after the first ones are behind a click."""
    rest = rows[shown:]
    more = f"<details><summary>{len(rest)} {text(what)}</summary>{table(rest, head)}</details>" if rest else ""
    return table(rows[:shown], head) + more


def pairs(lines: Sequence[tuple[str, str]]) -> list[str]:
    """Rows of a name and what is said of it."""
    return [row(name(key), cell(text(value, SENTENCE), "wide")) for key, value in lines]


def notes(lines: Sequence[str], kind: str = "note") -> str:
    """A paragraph for each."""
    return "".join(f'<p class="{kind}">{text(line, SENTENCE)}</p>' for line in lines)
