"""Charts of what quantization gives and costs: every point, mark and whisker is where the figures say."""

import math
from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from support.charts import ticks

from tfjslab.base.errors import InputError, UsageError
from tfjslab.bench.sweep_result import Sweep, SweepRow
from tfjslab.quantization.report import NodeReport, QuantizationReport
from tfjslab.vis import charts


def row(setting, ms, top1, weights=1000):
    return SweepRow(setting, weights, 2 * weights, ms, ms * 0.9, ms * 1.2, 1.0, 1.0, 1.0, 1.0, 1.0, top1, top1 - 0.02,
                 top1 + 0.01, 0.95 - top1, 0, 0, 0.99, 40.0)


def sweep(*rows, measure="top1"):
    return Sweep("net", rows, (), "int8", "the rule", "speed", measure, 0.01, 100, "where")


ROWS = (row("float32", 10.0, 0.95, 4000), row("int8", 5.0, 0.94), row("uint8", 10.5, 0.93, 900))


def scatters(axes):
    """Points by what the legend calls them."""
    return {c.get_label(): c.get_offsets().tolist() for c in axes.collections if not c.get_label().startswith("_")}


def test_the_front_is_full_the_rest_hollow_and_the_choice_a_star():
    axes = charts.pareto(sweep(*ROWS)).axes
    found = {name: [[round(v, 6) for v in p] for p in points] for name, points in scatters(axes).items()}
    assert found == {"another setting is better": [[10.5, 93.0]], "Pareto front": [[5.0, 94.0], [10.0, 95.0]],
                     "recommended": [[5.0, 94.0]]}
    hollow = next(c for c in axes.collections if c.get_label() == "another setting is better")
    assert hollow.get_facecolor()[0].tolist() == [1, 1, 1, 1]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("latency (ms)", "top-1 accuracy (%)")


def test_whiskers_are_the_middle_half_of_runs_and_the_interval_of_accuracy():
    axes = charts.pareto(sweep(ROWS[1])).axes
    across, along = axes.containers[0].lines[2]
    assert across.get_segments()[0].round(6).tolist() == [[4.5, 94.0], [6.0, 94.0]]
    assert along.get_segments()[0].round(6).tolist() == [[5.0, 92.0], [5.0, 95.0]]
    assert axes.get_xlim()[1] > 6.0


@pytest.mark.parametrize("top1", [1.0, 0.0, 0.999999999999])
def test_a_model_that_is_always_right_or_always_wrong_is_drawn(top1):
    """Its interval ends at the value itself, but for rounding."""
    edge = replace(ROWS[0], top1=top1, top1_low=min(top1, 1 - 1e-17) - 1e-17, top1_high=max(top1, 0.0) - 1e-16)
    assert charts.pareto(sweep(edge)).figure._repr_png_()


def test_the_limit_and_the_names_are_shown():
    axes = charts.pareto(sweep(*ROWS)).axes
    dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert dotted[0].get_ydata()[0] == pytest.approx(94.0)
    listed = axes.texts[-1].get_text()
    assert "1  float32, 95.0%, 10.00 ms\n     on the front" in listed
    assert "2  int8, 94.0%, 5.00 ms\n     on the front, recommended" in listed
    assert listed.endswith("3  uint8, 93.0%, 10.50 ms")


def test_points_that_lie_together_share_their_numbers():
    rows = [row("float32", 10.0, 0.95), row("int8", 10.01, 0.95), row("uint8", 5.0, 0.95)]
    texts = [t.get_text() for t in charts.pareto(sweep(*rows)).axes.texts]
    assert texts[:2] == ["1, 2", "3"]


@pytest.mark.parametrize(("goal", "label", "first"), [
    ("size", "weights (kB)", 4.0), ("memory", "peak memory (kB)", 8.0),
])
def test_size_and_memory_can_be_the_cost(goal, label, first):
    axes = charts.pareto(sweep(*ROWS), goal).axes
    assert axes.get_xlabel() == label
    assert [first, 95.0] in scatters(axes)["Pareto front"]


def test_what_is_exact_stands_at_the_top():
    rows = [replace(ROWS[0], sqnr_db=math.inf), replace(ROWS[1], sqnr_db=40.0)]
    axes = charts.pareto(sweep(*rows, measure="sqnr_db")).axes
    assert "exact" in [t.get_text() for t in axes.texts]
    assert max(p[1] for p in scatters(axes)["Pareto front"]) == pytest.approx(46.0)


def test_what_is_no_sweep_or_has_no_figures_is_refused():
    with pytest.raises(UsageError, match=r"^got int; expected a sweep, from tf.sweep$"):
        charts.pareto(3)
    with pytest.raises(InputError, match="no setting of the sweep has both an accuracy and a cost"):
        charts.pareto(sweep(replace(ROWS[0], median_ms=None)))
    with pytest.raises(UsageError, match="goal is 'sizes'; expected one of speed, size, memory"):
        charts.pareto(sweep(*ROWS), "sizes")


NODES = (
    NodeReport("conv", "Conv2D", "int8", "", 30.0, 30.0), NodeReport("add", "Add", "int8", "", math.inf, 20.0),
    NodeReport("softmax", "Softmax", "float32", "no integer form of Softmax"),
)


def report(nodes=NODES):
    return QuantizationReport("int8", "mse", "2 of 3 nodes run in int8", 4, 1, nodes, (), (), "data")


def test_each_node_has_a_hollow_point_alone_and_a_full_one_in_its_place():
    axes = charts.node_errors(report()).axes
    assert ticks(axes.yaxis) == ["conv (Conv2D)", "add (Add)"]
    found = scatters(axes)
    assert found["this node alone"] == [[30.0, 0.0]]
    assert found["this node alone: exact"][0][0] > 30
    assert found["with all before it"] == [[30.0, 0.0], [20.0, 1.0]]
    assert axes.get_title(loc="left") == "Damage by int8 mse\n1 of 3 nodes stay float32"
    hollow = next(c for c in axes.collections if c.get_label() == "this node alone")
    assert hollow.get_facecolor()[0].tolist() == [1, 1, 1, 1]


def test_the_noisiest_nodes_are_drawn_in_the_order_of_the_model():
    nodes = tuple(NodeReport(f"n{i}", "Conv2D", "int8", "", 50.0, db) for i, db in enumerate([10.0, 40.0, 20.0]))
    axes = charts.node_errors(report(nodes), top=2).axes
    assert ticks(axes.yaxis) == ["n0 (Conv2D)", "n2 (Conv2D)"]
    assert axes.get_title(loc="left") == "Damage by int8 mse, the 2 noisiest of 3"


def test_a_report_without_errors_of_nodes_is_refused():
    with pytest.raises(InputError, match="no node of this report has an error of its own: 2 of 3 nodes run in int8"):
        charts.node_errors(report(NODES[2:]))
    with pytest.raises(UsageError, match=r"^got int; expected the report of tf.quantize$"):
        charts.node_errors(3)


def test_they_draw_into_axes_that_are_given():
    axes = Figure().subplots(2)
    assert charts.pareto(sweep(*ROWS), ax=axes[0]).axes is axes[0]
    assert charts.node_errors(report(), ax=axes[1]).axes is axes[1]
