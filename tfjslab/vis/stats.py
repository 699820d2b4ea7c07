"""Summary statistics of a tensor, with values that are not finite counted separately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError, did_you_mean
from tfjslab.base.text import NOTHING, percent
from tfjslab.vis.options import snake_case


@dataclass(frozen=True)
class Stats:
    """Of all values: how many, and how many are 0, NaN or infinite. None is what does not exist or was not given.

    ``min`` and ``max`` leave out NaN, as tfjs-vis does; ``mean`` and ``stddev`` (of the whole population) are of the
    finite values.
    """

    num_vals: int | None = None
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    stddev: float | None = None
    num_zeros: int | None = None
    num_nans: int | None = None
    num_infs: int | None = None


WHOLE = 1e15  # whole numbers are written in full up to here

TITLES = {
    "num_vals": "Num Vals", "min": "Min", "max": "Max", "mean": "Mean", "stddev": "Stddev", "num_zeros": "# Zeros",
    "num_nans": "# NaNs", "num_infs": "# Infinity",
}


def stats_of(values: Array) -> Stats:
    """The statistics of an array of any shape.

    Example:
        >>> import numpy as np
        >>> found = stats_of(np.array([0.0, 1.0, np.nan]))
        >>> found.mean, found.num_nans
        (0.5, 1)

    """
    flat = values.reshape(-1).astype(np.float64)
    some = flat[~np.isnan(flat)]
    finite = some[np.isfinite(some)]
    return Stats(
        flat.size,
        float(some.min()) if some.size else None, float(some.max()) if some.size else None,
        float(finite.mean()) if finite.size else None, _stddev(finite),
        int((flat == 0).sum()), int(np.isnan(flat).sum()), int(np.isinf(flat).sum()),
    )


def _stddev(finite: Array) -> float | None:
    """Scaled to 1 first, as squares of large numbers overflow and those of small ones vanish."""
    if not finite.size:
        return None
    largest = float(np.abs(finite).max()) or 1.0
    return float((finite / largest).std() * largest)


def stats_from(given: Mapping[str, Any]) -> Stats:
    """Statistics computed elsewhere, under the names that tfjs-vis has (``numVals``) or ours (``num_vals``)."""
    known = [f.name for f in fields(Stats)]
    values = {snake_case(str(k)): v for k, v in given.items()}
    for name in values:
        if name not in known:
            raise InputError(f"statistic '{name}' is not one of {', '.join(known)}{did_you_mean(name, known)}")
    return Stats(**values)


def stats_row(stats: Stats, names: tuple[str, ...] = tuple(TITLES)) -> tuple[list[str], list[str]]:
    """Headers and texts of known statistics, in the order of ``names``; counts of special values with their share."""
    known = [n for n in names if getattr(stats, n) is not None]
    return [TITLES[n] for n in known], [_cell(stats, n) for n in known]


def _cell(stats: Stats, name: str) -> str:
    value = getattr(stats, name)
    text = number(value)
    if name in {"num_zeros", "num_nans", "num_infs"} and value and stats.num_vals:
        return f"{text} ({percent(value, stats.num_vals)})"
    return text


def number(value: Any) -> str:
    """A number with separators and four decimals at most, in powers of ten where those would show nothing of it."""
    if value is None:
        return NOTHING
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (int, np.integer)) or (np.isfinite(value) and value == int(value) and abs(value) < WHOLE):
        return f"{int(value):,}"
    if value and not 1e-3 <= abs(value) < 1e9 and np.isfinite(value):  # noqa: PLR2004 - where four decimals fail
        return f"{value:.4g}"
    text = f"{value:,.4f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
