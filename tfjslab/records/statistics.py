"""The statistics of times: the interval of a median, and whether two samples differ. One place for everything.

Times are compared as logarithms, since what disturbs them multiplies. Medians count: single runs are interrupted.

Runs of one process are alike in more than what is measured: memory lies where it lies, and the process is on one of
several processors. So the spread within is never all of the noise. Two models in one process, interleaved, differ by
about ``PLACEMENT`` though they are the same; two processes by about ``BETWEEN``, and by more when the machine is busy.
Several processes of a side tell for themselves.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tfjslab.records.disturbance import RunState, judge
from tfjslab.records.verdict import UNKNOWN, SpeedVerdict, judged

# Standard deviations of logarithms of medians, measured with many processes that ran the same model.
PLACEMENT, BETWEEN = 0.01, 0.025
# The same where nobody watched the machine, as in files of earlier versions: a slow processor went unseen.
UNWATCHED = 0.06
# A call from Python takes some microseconds, and in every process other ones: more than the rest of a small model.
CALL_MS = 0.006
# Times the square of the part of the runs that was disturbed: of busy processes even the undisturbed runs have colder
# caches, and of very busy ones hardly any run is undisturbed.
BUSY = 0.25
# How many processes the prior counts as, beside those that were measured.
_PRIOR = 12
FEWEST_RUNS = 6  # of each side; fewer say nothing of their spread
# Processors that differ more, by the loop that both ran, are not equally fast; less is the loop's own noise.
SAME_REFERENCE = 0.12
_MANY = 200
_Z = statistics.NormalDist().inv_cdf(0.975)
_BUSY = "most runs were disturbed; measure again on a quiet machine, or with --max-time 30"
_OF_MEDIAN = math.sqrt(math.pi / 2)  # the standard error of a median over that of a mean


@dataclass(frozen=True)
class Interval:
    """A median and its 95% interval."""

    median: float
    low: float
    high: float

    @property
    def precision(self) -> float:
        """Half of the interval's width as a part of the median."""
        return (self.high - self.low) / 2 / self.median if self.median > 0 else 0.0


def median_interval(times: Sequence[float]) -> Interval | None:
    """The median and its distribution-free interval, by order statistics; None with fewer than six values."""
    if len(times) < FEWEST_RUNS:
        return None
    ordered = sorted(times)
    low, high = _around_the_median(len(ordered))
    return Interval(statistics.median(ordered), ordered[low], ordered[high])


def _around_the_median(count: int) -> tuple[int, int]:
    """Which of so many ordered values enclose the median with 95%: by the binomial, of many by the normal near it."""
    if count > _MANY:
        outside = int(count / 2 - _Z * math.sqrt(count) / 2) - 1
        return outside, count - 1 - outside
    probability, below = 0.0, -1
    while probability + (step := math.comb(count, below + 1) / 2**count) <= 0.025:  # noqa: PLR2004 - half of 5%
        probability, below = probability + step, below + 1
    return max(below, 0), count - 1 - max(below, 0)


@dataclass(frozen=True)
class ProcessFigure:
    """The steady runs of one process: the median of those that were not disturbed, and how the machine was.

    ``runs`` counts those, ``error`` is the standard error of the median's logarithm, ``reference_ms`` the time of the
    reference loop, and ``disturbed`` the part of all runs that was disturbed; with ``is_makeshift`` some of these stand
    for others that were too few.
    """

    median_ms: float
    error: float
    runs: int
    disturbed: float = 0.0
    reference_ms: float | None = None
    is_makeshift: bool = False


def figure_of(walls_ms: Sequence[float], states: Sequence[RunState] = ()) -> ProcessFigure:
    """The figure of one process by all its runs, of which there is at least one."""
    found = judge(walls_ms, states)
    times = found.of_kept(walls_ms)
    return ProcessFigure(statistics.median(times), _error(times), len(times), found.share, found.reference_ms,
                         found.is_makeshift)


def _error(times: Sequence[float]) -> float:
    """The standard error of the logarithm of the median."""
    found = median_interval(times)
    if found is None or found.low <= 0:
        logs = [math.log(t) for t in times if t > 0]
        return _OF_MEDIAN * statistics.stdev(logs) / math.sqrt(len(logs)) if len(logs) > 1 else 0.0
    return math.log(found.high / found.low) / (2 * _Z)


def compare_samples(first: Sequence[float], second: Sequence[float], noise: float = PLACEMENT) -> SpeedVerdict:
    """Two samples by their medians, where no rounds are known; ``noise`` is what two processes, say, differ by."""
    runs = min(len(first), len(second))
    if runs < FEWEST_RUNS:
        few = f"{len(first)} and {len(second)} runs; at least {FEWEST_RUNS} of each are needed"
        return SpeedVerdict(UNKNOWN, reason=few if runs else "nothing was measured on both sides")
    if min(*first, *second) <= 0:
        return SpeedVerdict(UNKNOWN, reason="times of 0 are below what the clock can tell")
    log = math.log(statistics.median(first) / statistics.median(second))
    error = math.hypot(_error(first), _error(second), noise)
    return _verdict(log, error, runs - 1, "the runs differ too much; measure with more of them, or on a quiet machine")


def compare_rounds(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> SpeedVerdict:
    """Two subjects that alternated in rounds in one process, or in two on the same processor.

    The ratio is the median of the rounds' ratios, so that a machine which changes between rounds changes nothing. Its
    interval is Student's, of their logarithms. A round that one of them did not finish is left out; of a single one
    the runs are compared.
    """
    pairs = [(statistics.median(a), statistics.median(b)) for a, b in zip(first, second, strict=False) if a and b]
    logs = [math.log(a / b) for a, b in pairs if a > 0 and b > 0]
    if len(logs) < 2:  # noqa: PLR2004 - one round has no spread
        return compare_samples([t for times in first for t in times], [t for times in second for t in times])
    error = _OF_MEDIAN * statistics.stdev(logs) / math.sqrt(len(logs))
    why = f"the {len(logs)} rounds differ too much; measure with more runs, or on a quiet machine"
    return _verdict(statistics.median(logs), math.hypot(error, PLACEMENT), len(logs) - 1, why)


def compare_processes(
    first: Sequence[ProcessFigure], second: Sequence[ProcessFigure], *, same_machine: bool = True,
) -> SpeedVerdict:
    """Two sides that were measured in processes of their own, one or several each.

    The noise between processes is estimated from those of one side, together with what is known of it beforehand.
    Where the reference loop says that one side had a slower processor, a model may have been slower by as much or by
    nothing: the interval holds both. On another machine (``same_machine``) the loop says nothing.
    """
    if not first or not second:
        return SpeedVerdict(UNKNOWN, reason="nothing was measured on both sides")
    if min(f.runs for f in (*first, *second)) < FEWEST_RUNS:
        fewest = " and ".join(str(min(f.runs for f in side)) for side in (first, second))
        few = f"{fewest} undisturbed runs; at least {FEWEST_RUNS} of each process are needed"
        return SpeedVerdict(UNKNOWN, reason=few)
    if min(f.median_ms for f in (*first, *second)) <= 0:
        return SpeedVerdict(UNKNOWN, reason="times of 0 are below what the clock can tell")
    logs = [[math.log(f.median_ms) for f in side] for side in (first, second)]
    variances = [_between(side, of_side) for side, of_side in zip((first, second), logs, strict=True)]
    error = math.sqrt(sum(v / len(of_side) for v, of_side in zip(variances, logs, strict=True)))
    freedom = _PRIOR + sum(len(of_side) - 1 for of_side in logs)
    slower = _slower_processor(first, second) if same_machine else 0.0
    why = _why_wide(first, second, slower)
    found = _verdict(statistics.mean(logs[0]) - statistics.mean(logs[1]), error, freedom, why, slower)
    makeshift = any(f.is_makeshift for f in (*first, *second))
    return replace(found, kind=UNKNOWN, reason=_BUSY) if makeshift else found


def noise_between(first: Sequence[ProcessFigure], second: Sequence[ProcessFigure]) -> float:
    """The standard deviation of what two processes differ by though they run the same, such as one kernel's time.

    For ``compare_samples``: a processor that was slower counts as noise.
    """
    variances = [_between(side, [math.log(f.median_ms) for f in side if f.median_ms > 0]) for side in (first, second)]
    return math.sqrt(sum(variances) + _slower_processor(first, second) ** 2)


def _between(side: Sequence[ProcessFigure], logs: Sequence[float]) -> float:
    """The variance of one process's figure: what is known of processes, or what these ones show where that is more."""
    busy = BUSY * statistics.fmean(f.disturbed for f in side) ** 2
    usual = BETWEEN if all(f.reference_ms for f in side) else UNWATCHED
    call = CALL_MS / max(statistics.fmean(f.median_ms for f in side), CALL_MS)
    prior = usual**2 + call**2 + busy**2 + statistics.fmean(f.error**2 for f in side)
    if len(logs) < 2:  # noqa: PLR2004 - one has no spread
        return prior
    seen, freedom = statistics.variance(logs), len(logs) - 1
    return max(seen, (_PRIOR * prior + freedom * seen) / (_PRIOR + freedom))


def _slower_processor(first: Sequence[ProcessFigure], second: Sequence[ProcessFigure]) -> float:
    """The logarithm of how much longer the reference loop took on the first side; 0 where that is about the same."""
    return slower_processor([f.reference_ms for f in first], [f.reference_ms for f in second])


def slower_processor(first: Sequence[float | None], second: Sequence[float | None]) -> float:
    """The same by the times of the loop on both sides; 0 where one of them does not know any."""
    loops = [[t for t in side if t] for side in (first, second)]
    if not all(loops):
        return 0.0
    slower = math.log(statistics.median(loops[0]) / statistics.median(loops[1]))
    return slower if abs(slower) > SAME_REFERENCE else 0.0


def _why_wide(first: Sequence[ProcessFigure], second: Sequence[ProcessFigure], slower: float) -> str:
    if slower:
        which = "first" if slower > 0 else "second"
        return (f"the processor was {math.exp(abs(slower)):.2f}x slower for the {which}, by a loop that both ran; "
                "measure both again, with --processes 5")
    if max(f.disturbed for f in (*first, *second)) > 0.5:  # noqa: PLR2004 - most of the runs
        return _BUSY
    return "processes of the same model differ by as much; measure both with --processes 5"


def _verdict(log: float, error: float, freedom: int, why_wide: str, slower: float = 0.0) -> SpeedVerdict:
    """The verdict on the logarithm of a ratio; the interval also holds the one that is less ``slower``."""
    reach = _student(freedom) * error
    low, high = log - reach - max(slower, 0.0), log + reach - min(slower, 0.0)
    return judged(math.exp(log), math.exp(low), math.exp(high), why_wide)


def _student(freedom: int) -> float:
    """The 97.5% quantile of Student's t, by Cornish and Fisher's expansion; infinity without any freedom."""
    if freedom < 1:
        return math.inf
    z, n = _Z, freedom
    return (z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
            + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3))
