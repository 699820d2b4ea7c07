"""The options of charts: one table each, taken by keyword or as a mapping, in snake_case or in camelCase."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from matplotlib.colors import is_color_like

from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.vis.style import css_colour

O = TypeVar("O", bound="ChartOptions")  # noqa: E741 - options
Check = Callable[[Any], tuple[Any, str]]  # gives the value to use, and what was expected when it is wrong

AXIS_TYPES = ("quantitative", "ordinal", "nominal")


def _number(value: Any, *, least: float = 0.0) -> tuple[Any, str]:
    good = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return value, "" if good and math.isfinite(value) and value > least else f"a number above {least:g}"


def _flag(value: Any) -> tuple[Any, str]:
    return value, "" if isinstance(value, bool) else "True or False"


def _text(value: Any) -> tuple[Any, str]:
    return value, "" if isinstance(value, str) else "a text"


def _axis_type(value: Any) -> tuple[Any, str]:
    return value, "" if value in AXIS_TYPES else f"one of {', '.join(AXIS_TYPES)}"


def _count(value: Any) -> tuple[Any, str]:
    good = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10_000  # noqa: PLR2004 - enough
    return value, "" if good else "a whole number from 1 to 10000"


def _domain(value: Any) -> tuple[Any, str]:
    expected = "two numbers, the lower one first"
    try:
        low, high = (float(v) for v in value)
    except (TypeError, ValueError):
        return value, expected
    return (low, high), "" if math.isfinite(high - low) and low < high else expected


def _colour(value: Any) -> tuple[Any, str]:
    found = css_colour(value)
    return found, "" if isinstance(found, str) and is_color_like(found) else "a CSS colour"


def _colours(value: Any) -> tuple[Any, str]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        return value, "a list of CSS colours"
    found = tuple(_colour(v) for v in value)
    return tuple(f[0] for f in found), "a list of CSS colours" if any(f[1] for f in found) or not found else ""


def _colour_or_colours(value: Any) -> tuple[Any, str]:
    found, wrong = _colour(value) if isinstance(value, str) else _colours(value)
    return found, "a CSS colour or a list of them" if wrong else ""


def _colour_map(value: Any) -> tuple[Any, str]:
    if isinstance(value, str):
        return value, ""  # names are checked where they are looked up
    found, wrong = _colours(value)
    return found, "" if not wrong and len(found) == 2 else "a name or two CSS colours"  # noqa: PLR2004 - from, to


def _anything(value: Any) -> tuple[Any, str]:
    return value, ""


def _option(check: Check, default: Any = None) -> Any:
    return field(default=default, metadata={"check": check})


@dataclass(frozen=True)
class ChartOptions:
    """What every chart takes: size and font size in pixels, and the axes' labels and types."""

    width: float | None = _option(_number)
    height: float | None = _option(_number)
    x_label: str | None = _option(_text)
    y_label: str | None = _option(_text)
    font_size: float = _option(_number, 12.0)
    x_type: str | None = _option(_axis_type)
    y_type: str | None = _option(_axis_type)

    @property
    def points(self) -> float:
        """The font size in points, as matplotlib counts at 100 pixels an inch."""
        return self.font_size * 0.72


@dataclass(frozen=True)
class BarOptions(ChartOptions):
    """``color`` is one CSS colour or one for each bar, repeated when there are more bars."""

    color: str | tuple[str, ...] | None = _option(_colour_or_colours)


@dataclass(frozen=True)
class XYOptions(ChartOptions):
    """``zoom_to_fit`` overrides the domains; without either, axes of values start at 0."""

    x_axis_domain: tuple[float, float] | None = _option(_domain)
    y_axis_domain: tuple[float, float] | None = _option(_domain)
    zoom_to_fit: bool = _option(_flag, default=False)
    series_colors: tuple[str, ...] | None = _option(_colours)


@dataclass(frozen=True)
class HistoryOptions(XYOptions):
    """``zoom_to_fit_accuracy`` lifts the domain from 0 to 1 that charts of accuracies have; ``callbacks`` are names."""

    zoom_to_fit_accuracy: bool = _option(_flag, default=False)
    callbacks: tuple[str, ...] | None = _option(_anything)


@dataclass(frozen=True)
class HistogramOptions(ChartOptions):
    """``stats`` is False for none, a mapping of precomputed ones, or None to compute them."""

    stats: object = _option(_anything)
    max_bins: int = _option(_count, default=12)
    color: str | None = _option(_colour)


@dataclass(frozen=True)
class HeatmapOptions(ChartOptions):
    """``color_map`` is ``greyscale``, ``viridis``, ``blues`` or two colours; ``domain`` fixes the ends of its scale."""

    color_map: str | tuple[str, ...] = _option(_colour_map, "viridis")
    domain: tuple[float, float] | None = _option(_domain)
    row_major: bool = _option(_flag, default=False)


@dataclass(frozen=True)
class ConfusionMatrixOptions(ChartOptions):
    """``shade_diagonal`` colours right answers too; ``show_text_overlay`` writes each cell's value."""

    shade_diagonal: bool = _option(_flag, default=True)
    show_text_overlay: bool = _option(_flag, default=True)
    color_map: str | tuple[str, ...] = _option(_colour_map, default=("#f7fbff", "#4292c6"))


def chosen(kind: type[O], opts: Mapping[str, Any] | None, given: Mapping[str, Any]) -> O:
    """The options of a mapping and of keywords together; UsageError names what is unknown, wrong or given twice.

    None stands for "not given", as ``undefined`` does in JavaScript.
    """
    if opts is not None and not isinstance(opts, Mapping):
        raise UsageError(f"opts is a {type(opts).__name__}; expected a mapping of options, or keywords")
    fields = {f.name: f for f in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for name, value in [*(opts or {}).items(), *given.items()]:
        key = snake_case(str(name))
        if key not in fields:
            raise UsageError(f"option '{name}' is not one of {', '.join(fields)}{did_you_mean(key, fields)}")
        if key in values:
            raise UsageError(f"option '{name}' is given twice")
        if value is None:
            continue
        values[key], expected = fields[key].metadata["check"](value)
        if expected:
            raise UsageError(f"option '{name}' is {value!r}; expected {expected}")
    return kind(**values)


def snake_case(name: str) -> str:
    """``xAxisDomain`` to ``x_axis_domain``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
