"""Pictures for pages of any colour: no paper, and an ink that reads on white and on black alike.

A notebook's pictures outlive its theme and cannot ask for it. So what is shown has no background, and everything that
has the default ink is drawn in a grey of the same contrast (4.4 : 1) to JupyterLab's white and to its black. Figures
themselves keep their colours: saved to a file they are black on white, as ever. Who has chosen other colours in
matplotlib's settings gets those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.spines import Spine
from matplotlib.table import Cell
from matplotlib.text import Annotation, Text

INK = "#787878"
DEFAULT_INK, DEFAULT_PAPER = "black", "white"
Change = tuple[Callable[[Any], Any], Any, Any]  # a setter, the value for any page, and the value to go back to


def is_default() -> bool:
    """Whether colours of text and paper are matplotlib's own, which nobody has chosen."""
    settings = mpl.rcParams
    return same_color(settings["text.color"], DEFAULT_INK) and same_color(settings["figure.facecolor"], DEFAULT_PAPER)


@contextmanager
def for_any_page(figure: Figure) -> Iterator[None]:
    """While the block runs, the figure has the ink for any page; its layout is settled before."""
    figure.draw_without_rendering()  # makes the ticks that there will be
    changes = list(_changes(figure))
    try:
        for write, value, _ in changes:
            write(value)
        yield
    finally:
        for write, _, before in changes:
            write(before)


def _changes(figure: Figure) -> Iterator[Change]:
    found = figure.findobj()
    # Parts that are no children of what they belong to.
    found += [a.get_text() for a in found if isinstance(a, Cell)]
    found += [a.arrow_patch for a in found if isinstance(a, Annotation) and a.arrow_patch is not None]
    for artist in found:
        if isinstance(artist, Line2D) and _is_ink(artist.get_markeredgecolor()):  # the mark of a tick is a marker
            yield artist.set_markeredgecolor, INK, artist.get_markeredgecolor()
        if isinstance(artist, Legend):
            frame = artist.get_frame()
            yield frame.set_alpha, 0.0, frame.get_alpha()
        elif isinstance(artist, (Text, Line2D)) and _is_ink(artist.get_color()):
            yield artist.set_color, INK, artist.get_color()
        elif isinstance(artist, (Spine, Cell, FancyArrowPatch, LineCollection)) and _all_ink(artist.get_edgecolor()):
            yield artist.set_edgecolor, INK, artist.get_edgecolor()


def _all_ink(colours: Any) -> bool:
    """Of one colour, or of a list of them, as collections have."""
    listed = np.atleast_2d(colours)
    return listed.size > 0 and all(map(_is_ink, listed))


def _is_ink(colour: Any) -> bool:
    """Whether it is the default ink, however transparent."""
    return same_color(mpl.colors.to_rgb(colour), DEFAULT_INK)
