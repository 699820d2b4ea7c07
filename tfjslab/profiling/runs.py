"""Many profiled runs of one thing as one profile, and back: a single one of its runs."""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.records.disturbance import Disturbance, judge
from tfjslab.records.profile import Copies, KernelRecord, Phases, Profile, attribute

# Times of a kernel that count where most runs were disturbed. Beside two busy loops these are within 1% of those of a
# quiet machine, for kernels of a millisecond, too; medians of a quarter of the times were not always.
_FASTEST = 5


def join_runs(profiles: Sequence[Profile]) -> Profile:
    """Profiles of one thing, each of one run or several, as one of all their runs.

    Figures are medians of the runs that were not disturbed, of each kernel for itself: a kernel that was interrupted
    once is slow in one run, not in all. For the same reason, where most runs were disturbed, kernels are not: then each
    one's figure is the median of its five fastest times of all runs.

    The kernels are those of the run whose wall is nearest to the median (the lower one of two); others' are found by
    name, node and how often that came before, since loops may differ.
    """
    walls = [t for p in profiles for t in _walls(p)]
    states = tuple(chain.from_iterable(p.profiled_states for p in profiles))
    found = judge(walls, states)
    middle = statistics.median(found.of_kept(walls))
    shown = min(found.kept, key=lambda i: (abs(walls[i] - middle), walls[i], i))
    owner = next(p for p, end in _ends(profiles) if shown < end)
    kernels = owner.kernels
    if kernels and len(walls) > 1:
        kernels = _summarised(kernels, _times(owner.kernels, profiles), found)
    wall_ms, rest = attribute(kernels, middle)
    steady = tuple(chain.from_iterable(p.phases.steady_ms for p in profiles))
    return replace(
        owner, kernels=kernels, wall_ms=wall_ms, unattributed_ms=rest, profiled_ms=tuple(walls), profiled_states=states,
        steady_states=tuple(chain.from_iterable(p.steady_states for p in profiles)), shown_run=shown,
        phases=replace(owner.phases, steady_ms=steady), copies=_copies(profiles),
    )


def _walls(p: Profile) -> tuple[float, ...]:
    return p.profiled_ms or (p.wall_ms,)


def _ends(profiles: Sequence[Profile]) -> list[tuple[Profile, int]]:
    """Each profile with the number of the first run behind its own."""
    ends = np.cumsum([len(_walls(p)) for p in profiles])
    return [(p, int(end)) for p, end in zip(profiles, ends, strict=True)]


def _keys(kernels: Sequence[KernelRecord]) -> list[Hashable]:
    """What a kernel is known by in other runs."""
    seen: dict[tuple[str, str], int] = {}
    keys: list[Hashable] = []
    for k in kernels:
        again = seen[k.name, k.node] = seen.get((k.name, k.node), -1) + 1
        keys.append((k.name, k.node, again))
    return keys


def _times(kernels: Sequence[KernelRecord], profiles: Sequence[Profile]) -> Array:
    """Times of ``kernels`` in all runs, shape [runs, kernels]; NaN where a run has no such kernel, or does not tell."""
    columns = {key: i for i, key in enumerate(_keys(kernels))}
    rows = []
    for p in profiles:
        row = np.full((len(_walls(p)), len(kernels)), np.nan)
        for key, k in zip(_keys(p.kernels), p.kernels, strict=True):
            if key in columns:
                row[:, columns[key]] = k.times_ms if len(k.times_ms) == len(row) else _by_median(k, len(row))
        rows.append(row)
    return np.concatenate(rows)


def _by_median(k: KernelRecord, runs: int) -> list[float]:
    """The one time that is known, in one of the runs."""
    return [k.kernel_time_ms, *[np.nan] * (runs - 1)]


def _summarised(
    kernels: Sequence[KernelRecord], times: Array, runs: Disturbance,
) -> tuple[KernelRecord, ...]:
    """The kernels with the median, the least and the spread of the times that count."""
    counted = np.sort(times, axis=0)[:_FASTEST] if runs.mostly else times[list(runs.kept)]  # NaN come last
    # A kernel of the run that is shown has a time there, unless only that of another of its profile's runs is known.
    counted = np.where(np.isnan(counted).all(axis=0), np.nanmedian(times, axis=0), counted)
    low, middle, high = np.nanpercentile(counted, [25, 50, 75], axis=0).tolist()
    least, whole = np.nanmin(counted, axis=0).tolist(), np.isfinite(times.sum(axis=0)).tolist()
    return tuple(
        replace(
            k, kernel_time_ms=middle[i], fastest_ms=least[i], iqr_ms=high[i] - low[i],
            times_ms=tuple(times[:, i].tolist()) if whole[i] else (),
        )
        for i, k in enumerate(kernels)
    )


def _copies(profiles: Sequence[Profile]) -> Copies | None:
    """The medians of what is known."""
    found = [p.copies for p in profiles if p.copies is not None]
    if not found:
        return None
    return Copies(statistics.median(c.upload_ms for c in found), statistics.median(c.download_ms for c in found))


def single_run(profile: Profile, run: int | None = None) -> Profile:
    """One of the profiled runs as a profile: its own wall, and the kernels' times in it.

    ``run`` is its number, from 0; without it, the one that ``shown_run`` names. A kernel whose times by run are not
    known keeps its median. UsageError for a number that there is not.
    """
    walls = _walls(profile)
    number = profile.shown_run or 0 if run is None else run
    if not 0 <= number < len(walls):
        raise UsageError(f"run is {number}; expected a number from 0 to {len(walls) - 1}")
    kernels = tuple(
        replace(k, kernel_time_ms=k.times_ms[number], fastest_ms=None, iqr_ms=None, times_ms=())
        if len(k.times_ms) == len(walls) else k for k in profile.kernels
    )
    wall_ms, rest = attribute(kernels, walls[number])
    states = profile.profiled_states[number:number + 1] if len(profile.profiled_states) == len(walls) else ()
    return replace(
        profile, kernels=kernels, wall_ms=wall_ms, unattributed_ms=rest, profiled_ms=(walls[number],),
        profiled_states=states, shown_run=None, steady_states=(), phases=Phases(), processes=(),
    )
