"""The cards of the Live tab, by title: charts of what a run has measured so far. The report reads them, too."""

from __future__ import annotations

from collections.abc import Sequence

from tfjslab.bench.result import BenchResult
from tfjslab.lab import live, live_memory
from tfjslab.lab.memory_trace import MemorySample
from tfjslab.records.profile import Profile

TRACE, DISTRIBUTION, KERNELS, TENSORS, PROCESS = TITLES = (
    "Latency of each run", "Latency distribution", "Top kernels", "Memory", "Memory of the process",
)


def timing_cards(
    result: BenchResult | None, total: int, memory: Sequence[MemorySample], limit: int = 0,
) -> dict[str, str]:
    """The charts that change with each run; lines are of the runs that count, as the figures. ``limit`` is in bytes."""
    times_ms, kept = (result.times_ms, result.disturbance.kept) if result else ((), ())
    return {
        TRACE: live.latency_trace(times_ms, max(total, len(times_ms)), kept),
        DISTRIBUTION: live.latency_distribution(times_ms, kept),
        PROCESS: live_memory.process_memory(memory, limit),
    }


def profile_cards(profile: Profile | None, limit: int = 0) -> dict[str, str]:
    """The charts that change with each profile."""
    return {KERNELS: live.top_kernels(profile), TENSORS: live_memory.memory_timeline(profile, limit)}
