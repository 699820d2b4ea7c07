"""Sides of reports as they would have been measured: fixed values, or noise around them."""

from __future__ import annotations

import numpy as np

from tfjslab.reports.content import Compared
from tfjslab.reports.figures import changes
from tfjslab.reports.result import BeforeAfterReport
from tfjslab.reports.side import Answers, ReportSide


def rounds(ms, *, noise=0.0, count=7, runs=10, seed=0):
    """Latencies by round, each round and each run off by ``noise``, a share."""
    rng = np.random.default_rng(seed)
    each = ms * np.exp(rng.normal(0, noise, (count, 1)) + rng.normal(0, noise, (count, runs)))
    return tuple(tuple(float(v) for v in row) for row in each)


def side(label="before", ms=100.0, **given):
    """A side that was measured, but for what is said otherwise."""
    fields = {"model": "net", "runtime": "a program", "latency_ms": rounds(ms), "start_ms": (ms * 5,) * 7,
              "peak_bytes": (int(ms * 1000),) * 7, "size_bytes": int(ms * 100)}
    return ReportSide(label, **{**fields, **given})


def report_of(before, *after, **given):
    """A report of such sides."""
    fields = {"title": "net: before and after", "environment": (("machine", "a machine"),), "method": ("a method",),
              "repeat": ("tfjslab report net",), "made": "2026-11-28T00:00:00+00:00"}
    compared = tuple(Compared(a, changes(before, a)) for a in after)
    return BeforeAfterReport(before=before, compared=compared, **{**fields, **given})


SAME = Answers(64, "64 generated inputs", 1e-7)
