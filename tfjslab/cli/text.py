"""Numbers as people read them: those of every presenter, under the name the commands know them by."""

from tfjslab.base.text import NOTHING, count, ms, percent, rate, scaled, shape, tail, times

__all__ = ["NOTHING", "count", "ms", "percent", "rate", "scaled", "shape", "tail", "times"]
