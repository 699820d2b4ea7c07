"""A profile in one line: the same text on the command line and in notebooks."""

from __future__ import annotations

import statistics

from tfjslab.base.text import counted, ms, percent, scaled
from tfjslab.profiling.reduce import overhead_ms, overhead_share
from tfjslab.records.profile import Profile
from tfjslab.records.statistics import median_interval

_STOLEN = 0.01  # of the processors' time: less is not worth a line


def totals(profile: Profile) -> str:
    """Kernels + unattributed = wall; the host's share, what profiling costs where that is known, the peak of memory."""
    cost, share = overhead_ms(profile), overhead_share(profile)
    host = f"{profile.host.text}; " if profile.host.text else ""
    own = "" if cost is None or share is None else f"profiling adds {cost:+.3f} ms ({100 * share:+.1f}%) to a run; "
    return (
        f"kernels {ms(profile.kernel_ms)} ms + unattributed {ms(profile.unattributed_ms)} ms "
        f"({percent(profile.unattributed_ms, profile.wall_ms)}) = wall {ms(profile.wall_ms)} ms; "
        f"{host}{own}peak {scaled(profile.peak_bytes, 'B')}"
    )


def certainty(profile: Profile) -> str:
    """How many runs count, and how certain that makes the wall."""
    counts = profile.disturbance.of_kept(profile.profiled_ms or (profile.wall_ms,))
    interval = median_interval(counts)
    known = f", the wall known to {percent(interval.precision)}" if interval else ""
    return f"medians of {counted(len(counts), 'run')}{known}"


def evidence(profile: Profile) -> tuple[str, ...]:
    """Lines on what has to be known beside the figures: disturbed runs, copies, a plan that was there before."""
    found = profile.disturbance
    lines = [found.text] if found.text else []
    states = found.of_kept(profile.profiled_states) if found.mostly else ()
    waited = [s.lost_ms for s in states if s.lost_ms is not None]
    if waited:
        lines.append(f"of a run {ms(statistics.median(waited))} ms are waiting for a processor, part of unattributed")
    if profile.steal_share is not None and profile.steal_share > _STOLEN:
        lines.append(f"other virtual machines had {percent(profile.steal_share)} of the processors' time")
    if profile.unattributed_ms < 0:
        lines.append("medians of kernels add up to more than that of the walls: not all are slow in the same runs")
    if profile.copies is not None:
        lines.append(f"copies between host and device, part of unattributed: {ms(profile.copies.upload_ms)} ms to it, "
                     f"{ms(profile.copies.download_ms)} ms from it")
    if profile.phases.cached_in_process:
        lines.append(f"compile: {profile.phases.compile_text}")
    return tuple(lines)


def place(profile: Profile) -> str:
    """Where it was measured, which belongs to every figure."""
    where = profile.environment
    if where is None:
        return "where it ran is not known"
    machine = f"{where.cpu}, {counted(where.cores, 'core')}"
    return f"{where.backend}: {where.engine}, {counted(where.threads, 'thread')}, {where.clock}; {machine}"
