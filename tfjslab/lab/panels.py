"""What the tabs show, as HTML of inert data: one row in ``PANELS`` for each. The dashboard and the report read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import Any

from tfjslab import views
from tfjslab.base.messages import escaped
from tfjslab.base.plots import EMPTY
from tfjslab.base.text import NOTHING, count, ms, percent, rate, scaled, shape
from tfjslab.bench.result import BenchResult
from tfjslab.graph.ir import Graph
from tfjslab.lab.markup import CLASS_OF_HOST
from tfjslab.lab.session import LabRun
from tfjslab.profiling import reduce
from tfjslab.profiling.captions import totals
from tfjslab.profiling.compare import ProfileDiff
from tfjslab.profiling.memory import alive_at_peak, timeline
from tfjslab.profiling.reduce import Row, by_layer, by_node
from tfjslab.records.profile import KernelRecord, Profile
from tfjslab.views.view import View

MOST_ROWS = 400  # a page with more is slow; the JSON has all
NO_PROFILE = EMPTY.format("press Run to measure; this shows the run that is chosen above")
WAITING = '<div class="tfl-empty tfl-waiting">{}</div>'  # of the height that a chart takes


def _unsorted(_row: Any) -> int:
    return 0


@dataclass(frozen=True)
class Column:
    """A column of a table. ``text`` shows, ``key`` sorts where a table can be sorted; numbers start at the largest.

    Names that differ at their ends, ``by_end``, are cut at their beginnings where they are too long.
    """

    name: str
    width: int  # in parts of the table
    text: Callable[[Any], str]
    key: Callable[[Any], Any] = _unsorted
    numeric: bool = True
    how: str = ""
    by_end: bool = False


def table(
    columns: Sequence[Column], rows: Sequence[Any], *, head: bool = True, on_host: Callable[[Any], object] = _unsorted,
) -> str:
    """Rows of objects. Without ``head`` the caller shows the columns' names, in the same widths.

    Rows of which ``on_host`` is true have the colour of the host.
    """
    whole = sum(c.width for c in columns)
    widths = "".join(f'<col style="width:{c.width / whole:.2%}">' for c in columns)
    names = "".join(f'<th class="{_side(c)}" title="{escaped(c.how)}">{c.name}</th>' for c in columns)
    body = "".join(
        f"<tr{CLASS_OF_HOST if on_host(row) else ''}>{''.join(_cell(c, row) for c in columns)}</tr>"
        for row in rows[:MOST_ROWS]
    )
    more = note(f"{len(rows) - MOST_ROWS} more rows are in the JSON" if len(rows) > MOST_ROWS else "")
    heading = f"<thead><tr>{names}</tr></thead>" if head else ""
    return f'<table class="tfl-table"><colgroup>{widths}</colgroup>{heading}<tbody>{body}</tbody></table>{more}'


def note(text: str) -> str:
    """A line in small print; empty for no text."""
    return f'<div class="tfl-note">{escaped(text)}</div>' if text else ""


def _side(column: Column) -> str:
    return "tfl-number" if column.numeric else "tfl-text"


def _cell(column: Column, row: Any) -> str:
    text = escaped(column.text(row))
    shown = f"<bdi>{text}</bdi>" if column.by_end else text
    return f'<td class="{_side(column)}{" tfl-end" * column.by_end}" title="{text}">{shown}</td>'


def _shapes(shapes: Sequence[Sequence[int]]) -> str:
    return " ".join(shape(s) for s in shapes) or NOTHING


def kernel_columns(wall_ms: float) -> tuple[Column, ...]:
    """The columns of the kernel table of a run that took ``wall_ms``."""
    return (
        Column("#", 5, lambda r: str(r[0] + 1), lambda r: -r[0], how="order in the run"),
        Column("kernel", 16, lambda r: r[1].name, lambda r: r[1].name, numeric=False,
               how="TensorFlow.js's name of the kernel"),
        Column("node", 25, lambda r: r[1].node, lambda r: r[1].node, numeric=False,
               how="the model's node whose value it makes", by_end=True),
        Column("ms", 8, lambda r: ms(r[1].kernel_time_ms), lambda r: r[1].kernel_time_ms,
               how="time inside the kernel, the median of the runs that were not disturbed"),
        Column("share", 7, lambda r: percent(r[1].kernel_time_ms, wall_ms), lambda r: r[1].kernel_time_ms,
               how="part of the wall time of a run, the median too"),
        Column("FLOPs", 9, lambda r: scaled(r[1].flops), lambda r: r[1].flops,
               how="a multiply and an add are two, counted from the shapes"),
        Column("GFLOP/s", 8, lambda r: rate(_rate(r[1]), r[1].flops), lambda r: _rate(r[1]) or 0.0),
        Column("moved", 9, lambda r: scaled(r[1].bytes_moved, "B"), lambda r: r[1].bytes_moved,
               how="bytes of inputs, weights and outputs, each counted once"),
        Column("output", 13, lambda r: _shapes(r[1].output_shapes), lambda r: r[1].bytes_added, numeric=False),
        Column("where", 7, lambda r: "host" if r[1].fallback else "backend", lambda r: r[1].fallback, numeric=False,
               how="host: the backend has no kernel for it"),
    )


def _rate(k: KernelRecord) -> float | None:
    return k.flops / k.kernel_time_ms / 1e6 if k.kernel_time_ms > 0 else None


def kernel_table(profile: Profile, by: str = "ms", *, ascending: bool = False, head: bool = True) -> str:
    """All kernels of a profile, sorted by a column."""
    columns = kernel_columns(profile.wall_ms)
    column = next(c for c in columns if c.name == by)
    # Texts are sorted from A, numbers from the largest; equal ones stay in the order of the run.
    largest_first = column.numeric != ascending
    rows = sorted(enumerate(profile.kernels), key=column.key, reverse=largest_first)
    return table(columns, rows, head=head, on_host=lambda r: r[1].fallback)


LAYER_COLUMNS = (
    Column("layer", 34, lambda r: r.key, numeric=False, by_end=True),
    Column("kernels", 8, lambda r: str(r.count)),
    Column("ms", 9, lambda r: ms(r.time_ms)),
    Column("share", 8, lambda r: percent(r.share)),
    Column("FLOPs", 10, lambda r: scaled(r.flops)),
    Column("GFLOP/s", 9, lambda r: rate(r.gflops_per_s, r.flops)),
    Column("GB/s", 9, lambda r: rate(r.gbytes_per_s, r.bytes_moved)),
    Column("on host", 8, lambda r: count(r.fallback)),
)

COMPARE_COLUMNS = (
    Column("run", 32, lambda r: r.name, numeric=False),
    Column("load", 8, lambda r: ms(r.result.load_ms)),
    Column("compile", 9, lambda r: r.result.compile_text),
    Column("first", 8, lambda r: ms(r.result.first_ms)),
    Column("median", 9, lambda r: ms(r.result.median_ms)),
    Column("spread", 8, lambda r: ms(r.result.iqr_ms), how="the middle half of the runs lies within it"),
    Column("p95", 8, lambda r: ms(r.result.p95_ms)),
    Column("runs", 7, lambda r: f"{r.result.runs}{'*' * bool(r.result.reason)}",
           how="* stopped before all were done"),
    Column("peak", 9, lambda r: scaled(r.result.peak_bytes, "B")),
    Column("on host", 8, lambda r: count(r.result.fallback_kernels), how="kernels that the backend does not have"),
    Column("host time", 8, lambda r: r.result.host.part, how="the part of the time that those kernels take"),
)


ROOF_COLUMNS = (
    Column("kernel", 26, lambda r: r.key, numeric=False),
    Column("count", 8, lambda r: str(r.count)),
    Column("ms", 10, lambda r: ms(r.time_ms)),
    Column("GFLOP/s", 10, lambda r: plain(r.gflops_per_s)),
    Column("GB/s", 10, lambda r: plain(r.gbytes_per_s)),
    Column("of computing", 12, lambda r: percent(r.compute_share),
           how="of the time that its operations would take at the ceiling of computing"),
    Column("of moving", 12, lambda r: percent(r.bandwidth_share),
           how="of the time that its bytes would take at the ceiling of moving them"),
    Column("limit", 12, lambda r: r.limit or NOTHING, numeric=False),
)


def plain(value: float | None) -> str:
    """A rate; a dash for none."""
    return NOTHING if value is None else f"{value:.1f}"


def chart(made: tuple[Any, Any], alt: str) -> str:
    """A chart of ``tfjslab.vis`` as an image inside the page, sharp on screens of high density and on paper."""
    from tfjslab.vis.image import data_uri, pixels  # noqa: PLC0415 - see ``charts``

    address, (width, _) = data_uri(made[0], scale=2, any_page=True), pixels(made[0])
    return f'<img class="tfl-chart" width="{width}" alt="{escaped(alt)}" src="{address}">'


def charts() -> Any:
    """The module of charts; matplotlib is loaded for the first of them."""
    from tfjslab.vis import charts as module  # noqa: PLC0415 - see above

    return module


def kernels(run: LabRun, _graph: Graph | None) -> str:
    """The kernel table, the slowest first."""
    return NO_PROFILE if run.profile is None else note(totals(run.profile)) + kernel_table(run.profile)


def layers(run: LabRun, _graph: Graph | None) -> str:
    """Time by layer: chart and table."""
    if run.profile is None:
        return NO_PROFILE
    rows: list[Row] = by_layer(run.profile)
    drawn = chart(charts().layer_time(run.profile), f"time by layer, {len(rows)} layers")
    return drawn + table(LAYER_COLUMNS, rows, on_host=lambda r: r.fallback)


def explored_run(run: LabRun, _graph: Graph | None) -> View | None:
    """The profiled runs, to explore."""
    return views.timeline(run.profile) if run.profile is not None and run.profile.kernels else None


def timeline_page(run: LabRun, graph: Graph | None) -> str:
    """The same as a page within the page, which needs nothing else."""
    found = explored_run(run, graph)
    return NO_PROFILE if found is None else found.frame()


def memory(run: LabRun, _graph: Graph | None) -> str:
    """Bytes alive over the run, and what is alive at the peak."""
    if run.profile is None or not run.profile.kernels:
        return NO_PROFILE
    drawn = chart(charts().memory_timeline(timeline(run.profile)), "memory over the run")
    return drawn + f'<div class="tfl-report">{alive_at_peak(run.profile)._repr_html_()}</div>'


def roofline(run: LabRun, _graph: Graph | None) -> str:
    """Each node's speed beside the limits of this machine, and the same by kind of kernel."""
    if run.profile is None:
        return NO_PROFILE
    if run.ceilings is None:
        return EMPTY.format("the ceilings of this backend were not measured")
    c = run.ceilings
    drawn = chart(charts().roofline(by_node(run.profile), c), "roofline of all nodes")
    held = reduce.roofline(run.profile, c)
    return drawn + note(c.note) + table(ROOF_COLUMNS, [held.whole, *held.kernels])


def changes(run: LabRun, _graph: Graph | None) -> str:
    """What was done to the model before it was measured, and the errors that caused."""
    found = run.rewrite
    if found is None:
        return EMPTY.format("this run measured the model as it was loaded; choose Optimize or a kind of quantizing")
    drawn = [note(line) for line in (*found.summary, found.data)]
    for sheet in found.sheets:
        columns = [Column(name, width, itemgetter(i), numeric=i >= sheet.left)
                   for i, (name, width) in enumerate(zip(sheet.columns, sheet.widths, strict=True))]
        drawn.append(f"<h4>{escaped(sheet.title)}</h4>{table(columns, sheet.rows)}")
    return f'<div class="tfl-changes">{"".join(drawn)}</div>'


def graph_view(run: LabRun, graph: Graph | None) -> str:
    """The model's graph, coloured by time."""
    if graph is None:
        return EMPTY.format("the graph is drawn for models that were run here; a saved session does not hold it")
    return chart(charts().graph_view(graph, run.profile), f"graph of {run.result.model}")


def explored_graph(run: LabRun, graph: Graph | None) -> View | None:
    """The graph, to explore."""
    return None if graph is None else views.graph(graph, run.profile)


def compare(runs: Sequence[LabRun]) -> str:
    """Chosen runs side by side."""
    if not runs:
        return EMPTY.format("choose runs to compare; each Run adds one")
    drawn = chart(charts().backend_comparison([_relabelled(r, runs) for r in runs]), f"{len(runs)} runs compared")
    return drawn + table(COMPARE_COLUMNS, runs)


def difference(found: ProfileDiff | None) -> str:
    """What changed from the baseline to the run that is shown; the largest changes first."""
    if found is None:
        return note("choose a baseline above the tabs, another run or a saved profile, to see what is different")
    drawn = []
    for sheet in found.tables():
        columns = [Column(name, 3 if i < sheet.left else 1, partial(_text_at, i), numeric=i >= sheet.left)
                   for i, name in enumerate(sheet.columns)]
        drawn.append(f"<h4>{escaped(sheet.title)}</h4>{''.join(map(note, sheet.notes))}"
                     f"{table(columns, sheet.rows) if sheet.rows else ''}")
    return f'<div class="tfl-changes">{"".join(drawn)}</div>'


def _text_at(i: int, row: Sequence[object]) -> str:
    return "" if row[i] is None else str(row[i])


def _relabelled(run: LabRun, runs: Sequence[LabRun]) -> BenchResult:
    """The result, named so that runs can be distinguished; one model and batch keep one model name, for the ratio."""
    r, variant = run.result, run.settings.variant
    plain = r.model.removesuffix(f", {variant}") if variant else r.model
    model = f"{plain}, batch {run.settings.batch}" if run.settings.batch > 1 else plain
    twins = [t for t in runs if (t.result.model, t.result.backend, t.result.threads, t.settings.batch) == (
        r.model, r.backend, r.threads, run.settings.batch)]
    name = f"{r.backend} #{run.number}" if len(twins) > 1 else r.backend
    return replace(r, model=model, backend=f"{name}, {variant}" if variant else name)


@dataclass(frozen=True)
class Panel:
    """A tab about one run: ``show`` makes its HTML, for the report as well.

    ``view``, where a panel has one, is what people can explore; the dashboard shows it in place of that HTML. It gives
    None where there is nothing to explore.
    """

    name: str
    show: Callable[[LabRun, Graph | None], str]
    view: Callable[[LabRun, Graph | None], View | None] | None = None


PANELS = (
    Panel("Kernels", kernels), Panel("Layers", layers), Panel("Timeline", timeline_page, explored_run),
    Panel("Memory", memory), Panel("Roofline", roofline), Panel("Graph", graph_view, explored_graph),
    Panel("Changes", changes),
)
