"""What all charts share: colours that are safe for colour-blind readers, names that fit, and plain axes.

Nothing here touches matplotlib's global settings; colours of text and paper stay those that the user chose there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import ScaledTranslation

from tfjslab.base.colours import HOST
from tfjslab.base.errors import UsageError, did_you_mean

# Okabe and Ito, "Color Universal Design" (2008), the darker ones first: they also differ when printed in grey.
# In place of their black, which is lost on dark pages, there is a middle grey.
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#6E6E6E")
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, DUSK = OKABE_ITO
REST = "#C9C9C9"  # sums of the rest
GREY = "#8C8C8C"  # whiskers, and lines between what belongs together
HATCH = "////"  # marks fallbacks, so that they show without colour
SMALL, NORMAL, TITLE = 8.5, 9.5, 11.0  # points
LABEL_ROOM = 18.0  # points between axes and what stands below their numbers and their label, besides their own size
DARK = "#101010"  # text on light fills: not the default ink, which follows the page that a picture lies on
LIGHT = 0.18  # the relative luminance above which black has more contrast than white
NAMED_MAPS = {"greyscale": "Greys", "viridis": "viridis", "blues": "Blues"}  # the names that tfjs-vis has
_RGB = re.compile(r"\s*rgba?\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*(?:,\s*([01]|0?\.\d+)\s*)?\)\s*$")


def colour(index: int) -> str:
    """The colour of the series at ``index``; they repeat after eight."""
    return OKABE_ITO[index % len(OKABE_ITO)]


def ink() -> Any:
    """The colour of text that the user's matplotlib settings ask for."""
    return mpl.rcParams["text.color"]


def on(background: Any) -> str:
    """A dark colour or white, whichever reads better on that colour (relative luminance of WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(background)]  # noqa: PLR2004 - sRGB
    return DARK if sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True)) > LIGHT else "white"


def css_colour(value: Any) -> Any:
    """``rgb(...)`` and ``rgba(...)`` of CSS as the hexadecimal form, which matplotlib knows; the rest as it is."""
    found = _RGB.match(value) if isinstance(value, str) else None
    if found is None:
        return value
    alpha = round(255 * float(found[4])) if found[4] else 255
    channels = [*(int(found[i]) for i in (1, 2, 3)), alpha]
    return f"#{''.join(f'{c:02x}' for c in channels)}" if max(channels) <= 255 else value  # noqa: PLR2004 - a byte


def colour_map(chosen: str | Sequence[str]) -> Colormap:
    """A colour map by tfjs-vis's or matplotlib's name, or between two colours; UsageError suggests a close name."""
    if not isinstance(chosen, str):
        return LinearSegmentedColormap.from_list("between", list(chosen))
    name = NAMED_MAPS.get(chosen, chosen)
    if name not in mpl.colormaps:
        known = [*NAMED_MAPS, *mpl.colormaps]
        raise UsageError(
            f"colour map '{chosen}' is not one of {', '.join(NAMED_MAPS)}{did_you_mean(chosen, known)}",
        )
    return mpl.colormaps[name]


def hatched(fill: str = HOST) -> dict[str, Any]:
    """The look of a bar whose time is the host's; in its own colour where that tells something else."""
    return {"color": fill, "hatch": HATCH, "edgecolor": "white", "linewidth": 0}


def hollow() -> dict[str, Any]:
    """The look of a bar of time that nothing accounts for."""
    return {"facecolor": "none", "edgecolor": GREY, "linewidth": 1}


def elide(name: str, width: int = 34) -> str:
    """A name of at most ``width`` characters, shortened in the middle: names mostly differ at their ends."""
    if len(name) <= width:
        return name
    tail = (width - 1) * 3 // 5
    return f"{name[: width - 1 - tail]}…{name[len(name) - tail :]}"


def label(name: object, width: int = 34) -> str:
    """A name from a model or a user as matplotlib shall draw it: one line, elided, and no formula between dollars."""
    return elide("".join(c if c.isprintable() else " " for c in str(name)), width).replace("$", r"\$")


def legend_label(name: object, width: int = 40) -> str:
    """``label`` for a legend, which leaves out what begins with an underscore, as ``_FusedMatMul`` does."""
    text = label(name, width)
    return f" {text}" if text.startswith("_") else text


def quiet(ax: Axes, grid: str = "", size: float = SMALL) -> None:
    """Remove the top and right frame; ``grid`` is ``x``, ``y`` or ``both`` for thin lines behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=size)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(axis=grid, color=ink(), alpha=0.15, linewidth=0.6)  # type: ignore[arg-type]  # "x", "y" or "both"


def name_axes(ax: Axes, x: str = "", y: str = "", title: str = "", size: float = NORMAL) -> None:
    """Axis labels, which carry the unit, and the title, set flush left."""
    ax.set_xlabel(x, fontsize=size)
    ax.set_ylabel(y, fontsize=size)
    if title:
        ax.set_title(title, fontsize=TITLE, loc="left")


def legend_below(ax: Axes, size: float = SMALL) -> None:
    """A legend under the axes and their label, where it hides nothing; the layout makes room for it."""
    figure = cast("Figure", ax.get_figure(root=True))
    _, names = ax.get_legend_handles_labels()
    width = ax.get_position().width * figure.get_size_inches()[0] * 72  # points, as the size is
    columns = int(width / (size * (0.55 * max(map(len, names)) + 4))) if names else 1
    place = ax.transAxes + ScaledTranslation(0, -(2 * size + LABEL_ROOM) / 72, figure.dpi_scale_trans)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), bbox_transform=place, borderaxespad=0, frameon=False,
              fontsize=size, ncols=max(1, min(columns, len(names))))


def name_rows(ax: Axes, names: Sequence[str], width: int = 34) -> None:
    """Label horizontal bars, the first one at the top."""
    ax.set_yticks(range(len(names)), [label(n, width) for n in names], fontsize=SMALL)
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
