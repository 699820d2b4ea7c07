"""Charts of time and memory: every bar, point and box has the value, the name, the place and the colour it should."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from support.charts import kernel, profile, ticks

import tfjslab as tf
from tfjslab import zoo
from tfjslab.backends.ceilings import Ceilings
from tfjslab.base.colours import HOST
from tfjslab.base.errors import InputError, UsageError
from tfjslab.bench.result import BenchResult
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.profiling.memory import MemoryPoint
from tfjslab.profiling.reduce import by_node, roofline
from tfjslab.vis import charts, style
from tfjslab.vis.charts.graph_groups import grouping_of
from tfjslab.vis.charts.graph_layout import place

CEILINGS = Ceilings(1, 40e9, 60e9, 40e9, 50e9, 10e9, 12e9, 1 << 20, 1 << 19, 1 << 26)


def widths(axes):
    """Widths of the bars that are seen."""
    return [round(p.get_width(), 6) for p in axes.patches if p.get_width()]


def result(backend, median, *, model="net", threads=1, reason=""):
    known = median is not None
    return BenchResult(
        model, backend, threads, 1.0, 1.0, 1.0, median, median * 0.9 if known else None,
        median * 1.5 if known else None, 0.1, 10, 2, 1, 1, 1, 3, 0, "clock", "engine", reason=reason,
    )


def test_kernel_time_has_a_bar_for_each_kind_the_slowest_first_and_the_rest_last():
    axes = charts.kernel_time(profile()).axes
    assert widths(axes) == [6.0, 1.0, 0.5, 0.5]
    assert ticks(axes.yaxis) == ["Conv2D, 2x", "Cumsum", "Relu", "(no kernel)"]
    assert [t.get_text() for t in axes.texts] == ["6.00  75.0%", "1.00  12.5%", "0.500  6.2%", "0.500  6.2%"]
    assert axes.get_xlabel() == "time (ms)"
    assert axes.get_title(loc="left") == "Time by kernel\nnet on wasm-simd: 8.00 ms in all, 12% of the time on the host"


def test_kernels_on_the_host_are_hatched_and_explained():
    axes = charts.kernel_time(profile()).axes
    marked = [(p.get_hatch(), to_hex(p.get_facecolor())) for p in axes.patches if p.get_hatch() and p.get_width()]
    assert marked == [(style.HATCH, HOST.lower())]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["on the host (fallback)"]


def test_backends_whose_time_is_mostly_the_hosts_are_hatched_and_explained():
    """And each with a part of it tells the part."""
    some, most = replace(result("wasm", 2.0), host_share=0.25), replace(result("webgpu", 4.0), host_share=0.784)
    axes = charts.backend_comparison([replace(result("cpu", 3.0), host_share=None), some, most]).axes
    assert [p.get_hatch() for p in axes.patches if p.get_width()] == [None, None, style.HATCH]
    assert [t.get_text() for t in axes.texts] == [
        "3.00 ms  1.5x", "2.00 ms  1.0x  25% on the host", "4.00 ms  2.0x  78% on the host",
    ]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["mostly on the host, by numpy"]
    assert charts.backend_comparison([some]).axes.get_legend() is None


def test_kernel_time_sums_up_what_is_beyond_the_top_and_its_bars_are_the_wall():
    axes = charts.kernel_time(profile(), by="node", top=2).axes
    assert ticks(axes.yaxis) == ["block_1/conv", "stem/conv", "2 others", "(no kernel)"]
    assert sum(widths(axes)) == pytest.approx(8.0)


def test_kernel_time_takes_what_profile_gives():
    with tf.tidy():
        info = tf.profile(lambda: tf.softmax(tf.tensor([1.0, 2.0])))
    axes = charts.kernel_time(info).axes
    assert ticks(axes.yaxis)[-1] == "(no kernel)"
    assert axes.get_title(loc="left").startswith("Time by kernel\n")


@pytest.mark.parametrize("chart", [charts.kernel_time, charts.layer_time])
def test_what_is_no_profile_is_refused(chart):
    with pytest.raises(UsageError, match=r"^got int; expected a profile, from tf.profile_model or tf.profile$"):
        chart(3)


def test_an_unknown_grouping_is_refused():
    with pytest.raises(UsageError, match=r"^by is 'op' and top is 15; expected one of kernel, node, layer and"):
        charts.kernel_time(profile(), by="op")


def test_layer_time_keeps_the_order_of_layers_and_stacks_kinds_of_kernels():
    axes = charts.layer_time(profile()).axes
    assert ticks(axes.yaxis) == ["stem", "block_1", "head"]
    assert [(round(p.get_y()), p.get_x(), p.get_width()) for p in axes.patches if p.get_width()] == [
        (0, 0.0, 2.0), (0, 2.0, 0.5), (1, 0.0, 4.0), (2, 0.0, 1.0),
    ]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["Conv2D", "on the host (fallback)", "Relu"]
    first, second = (to_hex(p.get_facecolor()) for p in axes.patches[:2])
    assert first != second
    assert axes.get_ylim() == (2.5, -0.5)  # the first layer is at the top


def test_kernels_that_begin_with_an_underscore_are_in_the_legend():
    axes = charts.layer_time(profile((kernel("_FusedMatMul", "a", 1.0), kernel("Relu", "b", 1.0)))).axes
    assert [t.get_text().strip() for t in axes.get_legend().get_texts()] == ["_FusedMatMul", "Relu"]


def test_layer_time_leaves_out_the_quickest_and_says_how_many():
    axes = charts.layer_time(profile(), top=1).axes
    assert ticks(axes.yaxis) == ["block_1", "2 quicker layers"]
    assert sum(widths(axes)) == 7.5


def test_memory_timeline_steps_from_kernel_to_kernel_and_names_the_peak():
    points = [MemoryPoint(0, "a", "A", 1_000_000, 2, 1.0), MemoryPoint(1, "b", "B", 3_000_000, 4, 2.0)]
    figure, axes = charts.memory_timeline(points)
    line = axes.lines[0]
    assert line.get_xdata().tolist() == [0.0, 1.0, 2.0]
    assert line.get_ydata().tolist() == [1.0, 1.0, 3.0]
    assert axes.lines[1].get_xydata().tolist() == [[2.0, 3.0]]
    assert axes.texts[0].get_text() == "peak 3.0 MB while b runs"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time since the start of the run (ms)", "memory (MB)")
    assert figure.axes[1].lines[0].get_ydata().tolist() == [2, 2, 4]


def test_a_timeline_of_nothing_is_refused():
    with pytest.raises(InputError, match=r"^there are no points; expected at least one, from a profile with kernels$"):
        charts.memory_timeline([])


def test_backends_keep_their_order_with_spread_ratio_and_reason():
    results = [result("cpu", 20.0), result("wasm-threads", 5.0, threads=2), result("webgpu", None, reason="no adapter")]
    axes = charts.backend_comparison(results).axes
    assert ticks(axes.yaxis) == ["cpu", "wasm-threads, 2 threads", "webgpu"]
    assert [p.get_width() for p in axes.patches] == [20.0, 5.0, 0.0]
    assert [t.get_text() for t in axes.texts] == ["20.00 ms  4.0x", "5.00 ms  1.0x", "not measured: no adapter"]
    whiskers = [c.get_segments()[0][:, 0].tolist() for c in axes.collections]
    assert whiskers == [[18.0, 30.0], [4.5, 7.5]]
    assert axes.get_title(loc="left") == "net on each backend"


def test_several_models_are_named_and_kept_separate():
    axes = charts.backend_comparison([result("cpu", 2.0), result("cpu", 3.0, model="other")]).axes
    assert ticks(axes.yaxis) == ["net  cpu", "other  cpu"]
    assert [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "-"][-1] == 0.5


def test_what_ran_in_browsers_stands_under_the_name_of_its_device():
    phone, desktop = "Chrome 156 on Android", "Firefox 153 on Linux"
    results = [
        result("wasm-simd", 2.0), replace(result("tfjs-webgl", 3.0), device=phone),
        replace(result("wasm-simd", 1.0), device=desktop), replace(result("wasm-simd", 4.0), device=phone),
    ]
    axes = charts.backend_comparison(results).axes
    assert ticks(axes.yaxis) == ["", "wasm-simd", "", "tfjs-webgl", "wasm-simd", "", "wasm-simd"]
    bold = {t.get_text(): t.xy[1] for t in axes.texts if t.get_fontweight() == "bold"}
    assert bold == {"this process": 0, phone: 2, desktop: 5}
    assert [p.get_y() + p.get_height() / 2 for p in axes.patches] == pytest.approx([1, 3, 4, 6])


def test_roofline_places_points_by_intensity_and_rate_and_names_the_slowest():
    points = [
        SimpleNamespace(key="slow", time_ms=2.0, gflops_per_s=20.0, gbytes_per_s=2.0),
        SimpleNamespace(key="quick", time_ms=1.0, gflops_per_s=10.0, gbytes_per_s=10.0),
        SimpleNamespace(key="copy", time_ms=1.0, gflops_per_s=0.0, gbytes_per_s=1.0),
    ]
    axes = charts.roofline(points, CEILINGS).axes
    assert np.allclose(axes.collections[0].get_offsets(), [[10.0, 20.0], [1.0, 10.0]])
    sizes = axes.collections[0].get_sizes()
    assert sizes[0] > sizes[1]
    memory, cache = axes.lines[:2]
    assert memory.get_xdata()[1] == pytest.approx(60 / 12)
    assert cache.get_xdata()[1] == pytest.approx(60 / 50)
    assert memory.get_ydata()[1:].tolist() == [60.0, 60.0]
    assert axes.texts[-1].get_text() == "slowest\n1  slow, 2.00 ms\n2  quick, 1.00 ms"
    assert axes.get_title(loc="left").endswith("1 of 3 points have no operations or ran on the host")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_rows_of_a_profile_are_points_of_a_roofline():
    drawn = charts.roofline(by_node(profile()), CEILINGS).axes.collections[0]
    assert len(drawn.get_offsets()) == 2  # Relu does no operations here, and Cumsum ran on the host
    drawn = charts.roofline(roofline(profile(), CEILINGS).kernels, CEILINGS).axes.collections[0]
    assert len(drawn.get_offsets()) == 2


def test_latency_distribution_counts_every_run_and_marks_median_and_p95():
    times = [1.0, 2.0, 3.0, 4.0, 10.0]
    axes = charts.latency_distribution(times).axes
    assert sum(p.get_height() for p in axes.patches) == 5
    assert [line.get_xdata()[0] for line in axes.lines] == pytest.approx([3.0, 8.8])
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["median 3.00 ms", "p95 8.80 ms"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time of a run (ms)", "runs")


def test_latency_trace_shows_runs_in_order_from_zero():
    axes = charts.latency_trace([3.0, 1.0, 2.0], title="net").axes
    assert axes.lines[0].get_xydata().tolist() == [[1, 3.0], [2, 1.0], [3, 2.0]]
    assert axes.get_ylim()[0] == 0
    assert axes.get_title(loc="left") == "net, 3 runs"


@pytest.mark.parametrize("times", [[], [[1.0]], [np.nan], [-1.0]])
@pytest.mark.parametrize("chart", [charts.latency_distribution, charts.latency_trace])
def test_times_that_are_none_are_refused(chart, times):
    with pytest.raises(InputError, match=r"expected \[n\] finite milliseconds from 0, with n >= 1$"):
        chart(times)


def residual():
    """``a -> b -> c`` with ``a`` also added to ``c``."""
    nodes = (
        Node("a/relu", "Relu", ("x",), layer="a"), Node("b/relu", "Relu", ("a/relu",), layer="b"),
        Node("c/add", "Add", ("a/relu", "b/relu"), layer="c"),
    )
    return Graph((Port("x", "x", (1, 4), "float32"),), (Port("y", "c/add", (1, 4), "float32"),), nodes)


def boxes(axes):
    return {p.get_label(): p for p in axes.patches if isinstance(p, FancyBboxPatch)}


def test_graph_view_puts_every_box_below_those_it_reads():
    axes = charts.graph_view(residual()).axes
    tops = {name: p.get_y() for name, p in boxes(axes).items()}
    assert list(tops) == ["a/relu", "b/relu", "c/add"]
    assert tops["a/relu"] > tops["b/relu"] > tops["c/add"]
    assert sum(isinstance(p, FancyArrowPatch) for p in axes.patches) == 3
    assert [t.get_text() for t in axes.texts] == ["a/relu", "Relu", "b/relu", "Relu", "c/add", "Add"]


def test_graph_view_colours_boxes_by_time_and_shows_where_fused_work_went():
    kernels = (kernel("Relu", "a/relu", 1.0), kernel("Relu+Add", "c/add", 3.0, nodes=("b/relu", "c/add")),
               kernel("Mul", "elsewhere", 0.25))
    figure, axes = charts.graph_view(residual(), profile(kernels))
    colours = {name: sum(p.get_facecolor()[:3]) for name, p in boxes(axes).items()}
    assert colours["c/add"] < colours["a/relu"]  # slower is darker
    assert [t.get_text() for t in axes.texts][1::2] == ["1.00 ms  12.5%", "in c/add", "3.00 ms  37.5%"]
    assert axes.get_title(loc="left").endswith("4.25 ms in kernels, 0.250 ms in no box")
    assert figure.axes[1].get_ylabel() == "time (ms)"


@pytest.mark.parametrize("name", ["mobilenet_v2", "blazeface"])
@pytest.mark.parametrize("limit", [1, 7, 48, 10_000])
def test_grouping_keeps_every_node_once_and_makes_no_cycle(name, limit):
    graph = zoo.build(name)
    grouping = grouping_of(graph, limit)
    assert len(grouping.groups) <= limit
    assert sorted(n.name for g in grouping.groups for n in g.nodes) == sorted(n.name for n in graph.nodes)
    assert all(a < b for a, b in grouping.edges)


def test_interleaved_layers_do_not_become_a_cycle():
    nodes = (Node("p/1", "Relu", ("x",), layer="p"), Node("q/1", "Relu", ("p/1",), layer="q"),
             Node("p/2", "Relu", ("q/1",), layer="p"), Node("q/2", "Relu", ("p/2",), layer="q"))
    graph = Graph((Port("x", "x", (1,), "float32"),), (Port("y", "q/2", (1,), "float32"),), nodes)
    grouping = grouping_of(graph, 3)
    assert all(a < b for a, b in grouping.edges)
    assert len(grouping.groups) <= 3


def test_boxes_do_not_overlap():
    grouping = grouping_of(zoo.build("blazeface"), 48)
    places = place(len(grouping.groups), grouping.edges).places
    for i, (xa, ya) in enumerate(places):
        assert all(abs(xa - xb) >= 1 or abs(ya - yb) >= 1 for xb, yb in places[:i])


@pytest.mark.parametrize("chart", [
    lambda ax: charts.kernel_time(profile(), ax), lambda ax: charts.layer_time(profile(), ax),
    lambda ax: charts.memory_timeline([MemoryPoint(0, "a", "A", 1, 1, 1.0)], ax),
    lambda ax: charts.backend_comparison([result("cpu", 1.0)], ax), lambda ax: charts.roofline([], CEILINGS, ax),
    lambda ax: charts.graph_view(residual(), None, ax), lambda ax: charts.latency_distribution([1.0], ax),
    lambda ax: charts.latency_trace([1.0], ax),
])
def test_charts_draw_into_the_axes_they_are_given(chart):
    figure = Figure()
    ax = figure.subplots()
    drawn = chart(ax)
    assert (drawn.figure, drawn.axes) == (figure, ax)
    assert ax.has_data() or ax.patches or ax.lines
