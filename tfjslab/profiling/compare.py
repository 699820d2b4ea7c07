"""Two profiles side by side: what changed in total, by kernel and by node."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from tfjslab.base.tables import Report, Table
from tfjslab.base.text import counted, ms, percent, scaled
from tfjslab.profiling.significance import p_value
from tfjslab.records.disturbance import judge
from tfjslab.records.profile import KernelRecord, Profile
from tfjslab.records.statistics import compare_processes, compare_samples, figure_of, noise_between

_ALWAYS_DIFFERS = ("date", "load_average")
_VERSION = "tfjslab"


@dataclass(frozen=True)
class TimeChange:
    """A node or a kind of kernel in two profiles. None stands for a side that does not have it.

    ``status`` is ``both``, ``appeared`` (in the second only) or ``vanished``; ``became`` names the node that it was
    fused into on the side where it is missing. ``delta_ms`` is what the second takes more, where a side without it
    takes none. Bytes are those of outputs. ``verdict`` says in words what the difference means beside the noise between
    processes, ``significant`` whether it is more; None where runs were too few.
    """

    key: str
    status: str
    delta_ms: float
    a_ms: float | None
    b_ms: float | None
    a_share: float | None
    b_share: float | None
    a_bytes: int | None
    b_bytes: int | None
    significant: bool | None
    became: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class Total:
    """The whole run: medians over the undisturbed of so many runs (``a_runs``, ``b_runs``) and the middle half of each.

    ``source`` says which runs: plain ones where both have them, else those that were profiled. ``ratio`` is a over b
    with its 95% interval, over all processes of both sides, and ``verdict`` what that means; ``p_value`` is that of
    these runs alone, as if processes did not differ.
    """

    a_ms: float
    b_ms: float
    a_iqr_ms: float | None
    b_iqr_ms: float | None
    a_runs: int
    b_runs: int
    p_value: float | None
    significant: bool | None
    source: str
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    verdict: str = ""
    a_disturbed: str = ""
    b_disturbed: str = ""


@dataclass(frozen=True, repr=False)
class ProfileDiff(Report):
    """What changed from profile ``a`` to profile ``b``: in total, by node and by kernel, the largest changes first.

    ``changed`` lists what differs between the places they were taken in: a difference there may explain one in time.
    """

    a: str
    b: str
    total: Total
    nodes: tuple[TimeChange, ...]
    kernels: tuple[TimeChange, ...]
    a_peak_bytes: int
    b_peak_bytes: int
    changed: tuple[str, ...] = ()

    def tables(self) -> tuple[Table, ...]:
        """The total, then kinds of kernels, then nodes."""
        return (self._summary(), _change_table("kernel", self.kernels), _change_table("node", self.nodes))

    def _summary(self) -> Table:
        t = self.total
        rows = tuple(
            (side, label, ms(total), ms(iqr), runs, scaled(peak, "B")) for side, label, total, iqr, runs, peak in (
                ("a", self.a, t.a_ms, t.a_iqr_ms, t.a_runs, self.a_peak_bytes),
                ("b", self.b, t.b_ms, t.b_iqr_ms, t.b_runs, self.b_peak_bytes),
            )
        )
        notes = [f"b against a: {t.verdict}"]
        notes += [f"{side}: {text}" for side, text in (("a", t.a_disturbed), ("b", t.b_disturbed)) if text]
        notes += [f"they differ in {c}" for c in self.changed]
        columns = ("", "profile", f"median ms ({t.source} runs)", "IQR ms", "runs", "peak")
        return Table(f"{self.a} (a) and {self.b} (b)", columns, rows, tuple(notes), left=2)

    def __repr__(self) -> str:
        appeared, vanished = (sum(n.status == s for n in self.nodes) for s in ("appeared", "vanished"))
        return (f"ProfileDiff({self.a} -> {self.b}: {counted(len(self.nodes), 'node')}, {appeared} appeared, "
                f"{vanished} vanished)")


def _change_table(what: str, changes: Sequence[TimeChange]) -> Table:
    rows = tuple(
        (c.key, _remark(c), ms(c.a_ms), ms(c.b_ms), f"{c.delta_ms:+.3f}", percent(c.a_share), percent(c.b_share),
         scaled(c.a_bytes, "B"), scaled(c.b_bytes, "B"))
        for c in changes
    )
    columns = (what, "", "a ms", "b ms", "b - a", "a share", "b share", "a bytes", "b bytes")
    return Table(f"By {what}, the largest changes first", columns, rows, left=2)


def _remark(c: TimeChange) -> str:
    if c.status != "both":
        return f"{c.status}: fused into {c.became}" if c.became else c.status
    return c.verdict


def diff(a: Profile, b: Profile) -> ProfileDiff:
    """Compare two profiles: the same model before and after a change, or on two backends.

    Nodes are matched by name. The two were measured in processes of their own, whose noise is part of each verdict.
    """
    return ProfileDiff(
        a.label, b.label, _total(a, b), changes_by(a, b, lambda k: k.node), changes_by(a, b, lambda k: k.name),
        a.peak_bytes, b.peak_bytes, _changed(a, b),
    )


def _total(a: Profile, b: Profile) -> Total:
    plain = bool(a.phases.steady_ms and b.phases.steady_ms)
    walls = [p.phases.steady_ms if plain else p.profiled_ms or (p.wall_ms,) for p in (a, b)]
    states = [p.steady_states if plain else p.profiled_states for p in (a, b)]
    found = [judge(w, s) for w, s in zip(walls, states, strict=True)]
    xs, ys = (f.of_kept(w) for f, w in zip(found, walls, strict=True))
    sides = [(figure_of(w, s), *p.processes) for w, s, p in zip(walls, states, (a, b), strict=True)]
    said = compare_processes(*sides, same_machine=_same_machine(a, b))
    return Total(
        statistics.median(xs), statistics.median(ys), _iqr(xs), _iqr(ys), len(walls[0]), len(walls[1]),
        p_value(xs, ys), said.is_different, "plain" if plain else "profiled", said.ratio, said.low, said.high,
        said.text, *(f.text for f in found),
    )


def _same_machine(a: Profile, b: Profile) -> bool:
    """Whether the reference loop of both tells of the same processor and the same interpreter."""
    x, y = a.environment, b.environment
    return x is not None and y is not None and (x.cpu, x.python) == (y.cpu, y.python)


def _iqr(values: Sequence[float]) -> float | None:
    """The width of the middle half; None of a single value."""
    if len(values) < 2:  # noqa: PLR2004 - one value has no spread
        return None
    low, high = np.percentile(values, [25, 75])
    return float(high - low)


@dataclass(frozen=True)
class _Side:
    """All kernels of one key in one profile; empty for a profile without any."""

    time_ms: float | None = None
    share: float | None = None
    num_bytes: int | None = None
    runs: tuple[float, ...] = ()


def _sides(p: Profile, key: Callable[[KernelRecord], str]) -> dict[str, _Side]:
    groups: dict[str, list[KernelRecord]] = {}
    for k in p.kernels:
        groups.setdefault(key(k), []).append(k)
    return {name: _side(kernels, p) for name, kernels in groups.items()}


def _side(kernels: Sequence[KernelRecord], p: Profile) -> _Side:
    num_bytes = sum(k.bytes_added for k in kernels)
    # A kernel that some run did not have, or whose time there is not known, has none by run; nor has its group.
    whole = len({len(k.times_ms) for k in kernels}) == 1
    runs = tuple(math.fsum(ts) for ts in zip(*(k.times_ms for k in kernels), strict=True)) if whole else ()
    if runs and len(runs) == len(p.profiled_ms):
        runs = p.disturbance.of_kept(runs)
    time_ms = statistics.median(runs) if runs else math.fsum(k.kernel_time_ms for k in kernels)
    return _Side(time_ms, time_ms / p.wall_ms if p.wall_ms > 0 else None, num_bytes, runs)


def changes_by(a: Profile, b: Profile, key: Callable[[KernelRecord], str]) -> tuple[TimeChange, ...]:
    """What changed by whatever ``key`` says of a kernel, the largest changes first."""
    left, right = _sides(a, key), _sides(b, key)
    fused_a, fused_b = ({n: k.node for k in p.kernels for n in k.nodes if n != k.node} for p in (a, b))
    noise, found = noise_between(a.figures, b.figures), []
    for name in dict.fromkeys([*left, *right]):
        x, y = left.get(name, _Side()), right.get(name, _Side())
        status = "appeared" if name not in left else "vanished" if name not in right else "both"
        became = {"appeared": fused_a, "vanished": fused_b}.get(status, {}).get(name, "")
        said = compare_samples(x.runs, y.runs, noise)
        found.append(TimeChange(
            name, status, (y.time_ms or 0.0) - (x.time_ms or 0.0), x.time_ms, y.time_ms, x.share, y.share,
            x.num_bytes, y.num_bytes, said.is_different, became, said.short,
        ))
    return tuple(sorted(found, key=lambda c: -abs(c.delta_ms)))  # stable: equal changes in the order of the run


def _changed(a: Profile, b: Profile) -> tuple[str, ...]:
    if a.environment is None or b.environment is None:
        return () if a.environment is b.environment else ("environment: one of them does not say where it was taken",)
    return tuple(
        f"{f.name}: {before} and {after}" for f in fields(a.environment) if f.name not in _ALWAYS_DIFFERS
        if (before := getattr(a.environment, f.name)) != (after := getattr(b.environment, f.name))
        and (f.name != _VERSION or (before and after))  # earlier versions did not say which they were
    )
