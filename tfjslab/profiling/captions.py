"""A profile in one line: the same text on the command line and in notebooks."""

from __future__ import annotations

from tfjslab.base.text import counted, ms, percent, scaled
from tfjslab.profiling.reduce import overhead_ms, overhead_share
from tfjslab.records.profile import Profile


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


def place(profile: Profile) -> str:
    """Where it was measured, which belongs to every figure."""
    where = profile.environment
    if where is None:
        return "where it ran is not known"
    machine = f"{where.cpu}, {counted(where.cores, 'core')}"
    return f"{where.backend}: {where.engine}, {counted(where.threads, 'thread')}, {where.clock}; {machine}"
