"""What all charts share: colours that everybody can tell apart, names that fit, and quiet axes.

Nothing here touches matplotlib's global settings; colours of text and paper stay those that the user chose there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.text import Text

# Okabe and Ito, "Color Universal Design" (2008), the darker ones first: they also differ when printed in grey.
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#000000")
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, BLACK = OKABE_ITO
GREY = "#9A9A9A"  # what is not the subject: rests, hosts, unattributed time
HATCH = "////"  # marks fallbacks, so that they show without colour
SMALL, NORMAL, TITLE = 8.5, 9.5, 11.0  # points
LIGHT = 0.45  # the luminance above which black reads better than white


def colour(index: int) -> str:
    """The colour of the series at ``index``; they repeat after eight."""
    return OKABE_ITO[index % len(OKABE_ITO)]


def ink() -> Any:
    """The colour of text that the user's matplotlib settings ask for."""
    return mpl.rcParams["text.color"]


def on(background: Any) -> str:
    """Black or white, whichever reads better on that colour (relative luminance of WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(background)]  # noqa: PLR2004 - sRGB
    return "black" if sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True)) > LIGHT / 2 else "white"


def elide(name: str, width: int = 34) -> str:
    """A name of at most ``width`` characters, shortened in the middle: both ends tell it from its neighbours."""
    if len(name) <= width:
        return name
    tail = (width - 1) * 3 // 5
    return f"{name[: width - 1 - tail]}…{name[len(name) - tail :]}"


def label(name: object, width: int = 34) -> str:
    """A name from a model or a user as matplotlib shall draw it: one line, elided, and no formula between dollars."""
    return elide("".join(c if c.isprintable() else " " for c in str(name)), width).replace("$", r"\$")


def quiet(ax: Axes, grid: str = "") -> None:
    """Remove the frame where it says nothing; ``grid`` is ``x``, ``y`` or ``both`` for thin lines behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=SMALL)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(axis=grid, color=ink(), alpha=0.15, linewidth=0.6)  # type: ignore[arg-type]  # "x", "y" or "both"


def name_axes(ax: Axes, x: str = "", y: str = "", title: str = "") -> None:
    """Axis labels, which carry the unit, and the title, set flush left."""
    ax.set_xlabel(x, fontsize=NORMAL)
    ax.set_ylabel(y, fontsize=NORMAL)
    if title:
        ax.set_title(title, fontsize=TITLE, loc="left")


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Label horizontal bars, the first one at the top."""
    ax.set_yticks(range(len(names)), [label(n) for n in names], fontsize=SMALL)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)


def row_values(ax: Axes, ends: Iterable[float], texts: Iterable[str]) -> list[Text]:
    """Write each bar's value behind its end."""
    return [
        ax.annotate(t, (x, i), (4, 0), textcoords="offset points", va="center", fontsize=SMALL)
        for i, (x, t) in enumerate(zip(ends, texts, strict=True))
    ]


def room_for_values(ax: Axes, largest: float, part: float = 0.3) -> None:
    """Start at 0 and leave ``part`` of the width free for what ``row_values`` wrote."""
    ax.set_xlim(0, largest * (1 + part) if largest > 0 else 1)
