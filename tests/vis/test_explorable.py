"""Charts that can be explored carry the numbers that were drawn, with tooltips and zoom, as plain JSON."""

from __future__ import annotations

import json
import pickle

import pytest
from matplotlib.figure import Figure
from support.charts import STREAM, profile

from tfjslab.vis import charts, render, vega
from tfjslab.vis.theme import INK

from .test_figure_history import history
from .test_lab_charts import CEILINGS
from .test_sweep_charts import ROWS, sweep

MADE = {
    "distribution": lambda ax=None: charts.latency_distribution([1.0, 2.0, 1.5], ax),
    "trace": lambda ax=None: charts.latency_trace([1.0, 2.0, 1.5], ax),
    "memory": lambda ax=None: charts.memory_timeline(profile(), ax),
    "roofline": lambda ax=None: charts.roofline(profile(), CEILINGS, ax),
    "figure_history": lambda ax=None: charts.figure_history(history(), ax),
    "pareto": lambda ax=None: charts.pareto(sweep(*ROWS), ax=ax),
    "stream_timeline": lambda ax=None: charts.stream_timeline(STREAM, ax=ax),
}


def spec(chart):
    bundle = chart._repr_mimebundle_(include=None, exclude=None)
    return json.loads(json.dumps(bundle[vega.MIME], allow_nan=False))


def rows(made, layer=0):
    return made["layer"][layer]["data"]["values"]


@pytest.mark.parametrize("name", MADE)
def test_a_chart_has_a_picture_and_a_specification_with_tooltips_and_zoom(name):
    chart = MADE[name]()
    assert chart._repr_png_()[0].startswith(b"\x89PNG")
    made = spec(chart)
    assert made["layer"][0]["params"][0]["bind"] == "scales"
    assert made["layer"][0]["encoding"]["tooltip"]
    assert made["background"] == "transparent"
    assert made["config"]["axis"]["labelColor"] == INK
    assert made["title"]["text"] == chart.axes.get_title(loc="left").split("\n")[0]
    for axis, label, ends in (("x", chart.axes.get_xlabel(), chart.axes.get_xlim()),
                              ("y", chart.axes.get_ylabel(), chart.axes.get_ylim())):
        channel = made["layer"][0]["encoding"][axis]
        assert channel["title"] == label
        assert channel["scale"]["domain"] == pytest.approx(ends)
        assert all(channel["field"] in row for row in rows(made))


@pytest.mark.parametrize("name", MADE)
def test_in_axes_of_somebody_else_there_is_only_the_drawing(name):
    axes = Figure().subplots()
    assert MADE[name](axes)._repr_mimebundle_() == {}


def test_the_numbers_are_those_that_were_drawn():
    chart = charts.latency_distribution([1.0, 2.0, 1.5])
    bars = chart.axes.patches
    assert [r["from"] for r in rows(spec(chart))] == pytest.approx([p.get_x() for p in bars])
    assert [r["runs"] for r in rows(spec(chart))] == [p.get_height() for p in bars]
    chart = charts.latency_trace([1.0, 2.0, 1.5])
    assert [r["ms"] for r in rows(spec(chart))] == chart.axes.lines[0].get_ydata().tolist()
    chart = charts.roofline(profile(), CEILINGS)
    points = chart.axes.collections[0].get_offsets().tolist()
    assert [[r["intensity"], r["gflops"]] for r in rows(spec(chart))] == points
    made = spec(charts.memory_timeline(profile()))
    assert [r["node"] for r in rows(made)] == ["stem/conv", "stem/relu", "block_1/conv", "head/cumsum"]
    made = spec(charts.pareto(sweep(*ROWS)))
    assert {r["setting"]: r["kind"] for r in rows(made)} == {
        "float32": "Pareto front", "int8": "recommended", "uint8": "another setting is better"}


def test_a_chart_can_still_be_pickled():
    figure = pickle.loads(pickle.dumps(MADE["trace"]().figure))  # noqa: S301 - made here
    assert vega.MIME in figure._repr_mimebundle_()


def test_other_charts_have_no_specification():
    assert render.barchart(None, [1, 2])._repr_mimebundle_() == {}
