"""Memory in the Live tab: of tensors over the kernels of a run, and of the process over the time of a run.

Both say whether they fit into a limit, where one is given.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfjslab.base.messages import escaped
from tfjslab.base.plots import EMPTY, HEIGHT, WIDTH, AxisTick, line_at, nice_top, plot, thinned, y_of
from tfjslab.base.text import scaled
from tfjslab.lab.memory_trace import MemorySample, most
from tfjslab.records.profile import Profile

_KINDS = (  # fields of a sample, with their names and the classes of their lines
    ("process_bytes", "process", "tfl-area"), ("gpu_bytes", "GPU", "tfl-gpu"),
    ("tensor_bytes", "tensors", "tfl-tensors"),
)


def memory_timeline(profile: Profile | None, limit: int = 0) -> str:
    """Bytes and tensors alive after each kernel of a profiled run; a line at ``limit`` bytes, 0 for none."""
    if profile is None or not profile.kernels:
        return EMPTY.format("no profile yet")
    num_bytes = [k.total_bytes_snapshot for k in profile.kernels]
    tensors = [k.total_tensors_snapshot for k in profile.kernels]
    peak = max(num_bytes)
    top, highest = nice_top(max(peak, limit) / 1e6) * 1e6, nice_top(max(tensors))
    area, line = _steps([b / top for b in num_bytes]), _steps([t / highest for t in tensors])
    name = escaped(profile.kernels[num_bytes.index(peak)].name)
    told = f"peak {scaled(peak, 'B')} at {name}"
    head = (
        f'<div class="tfl-key" title="{told}">{fits(peak, limit)}<i class="tfl-area"></i>{told}'
        f'<i class="tfl-tensors"></i>tensors, at most {max(tensors)}</div>'
    )
    drawing = (
        f'<polygon class="tfl-area" points="0,{HEIGHT} {area} {WIDTH},{HEIGHT}"/>'
        f'<polyline class="tfl-tensors" points="{line}"/>'
    )
    return head + plot(drawing, _axis(top, limit), [AxisTick(0, "kernel 1"), AxisTick(1, f"{len(num_bytes)}")],
                       f"memory over {len(num_bytes)} kernels")


def process_memory(samples: Sequence[MemorySample], limit: int = 0) -> str:
    """Bytes of the process, of the GPU where one tells, and of tensors, over the seconds of a run."""
    known = [(field, name, line, [(s.at_s, v) for s in samples if (v := getattr(s, field)) is not None])
             for field, name, line in _KINDS]
    known = [k for k in known if k[3]]
    if not known:
        return EMPTY.format("no run yet")
    peak = most(tuple(samples), "process_bytes")
    top = nice_top(max(limit, *(v for *_, points in known for _, v in points)) / 1e6) * 1e6
    end = max(s.at_s for s in samples) or 1.0
    keys = "".join(f'<i class="{line}"></i>{name}, at most {scaled(max(v for _, v in points), "B")}'
                   for _, name, line, points in known)
    lines = "".join(f'<polyline class="{line}" points="{_line(points, end, top)}"/>' for _, _, line, points in known)
    head = f'<div class="tfl-key">{fits(peak, limit)}{keys}</div>'
    return head + plot(lines, _axis(top, limit), [AxisTick(0, "Run pressed"), AxisTick(1, f"{end:.3g} s")],
                       f"memory of the process over {end:.3g} seconds")


def fits(peak: int | None, limit: int) -> str:
    """Whether the most that was taken fits into the limit; empty without one."""
    if not limit or peak is None:
        return ""
    if peak <= limit:
        return f'<b class="tfl-fits">fits in {scaled(limit, "B")}</b>'
    return f'<b class="tfl-misfit">does not fit in {scaled(limit, "B")}: {scaled(peak - limit, "B")} more</b>'


def _axis(top: float, limit: int) -> list[AxisTick]:
    marks = [AxisTick(limit / top, "", "tfl-limit")] if limit else []
    return [AxisTick(0, "0"), AxisTick(1, scaled(top, "B")), *marks]


def _line(points: Sequence[tuple[float, float]], end: float, top: float) -> str:
    """Points of a line; one sample alone is a line over the whole width."""
    shown = thinned(np.asarray([v for _, v in points], float))
    places = [(points[i][0] / end, v / top) for i, v in shown]
    return line_at([(0.0, places[0][1]), (1.0, places[0][1])] if len(places) == 1 else places)


def _steps(parts: Sequence[float]) -> str:
    """Points of a staircase over the whole width."""
    wide = WIDTH / len(parts)
    return " ".join(f"{i * wide:.1f},{y_of(v)} {(i + 1) * wide:.1f},{y_of(v)}" for i, v in thinned(np.asarray(parts)))
