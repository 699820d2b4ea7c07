"""Charts on pages of any colour: no paper, ink that reads on white and on black, legends beside the data."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from support.charts import STREAM, profile

from tfjslab import zoo
from tfjslab.base.colours import HOST, HOST_CSS
from tfjslab.views import view
from tfjslab.vis import charts, render, show, style, theme
from tfjslab.vis.image import data_uri, png

from .test_figure_history import history
from .test_lab_charts import CEILINGS, result
from .test_sweep_charts import ROWS, report, sweep

PAPERS = ("#ffffff", "#111111")  # JupyterLab's two
MADE = {
    "kernel_time": lambda: charts.kernel_time(profile()), "layer_time": lambda: charts.layer_time(profile()),
    "memory": lambda: charts.memory_timeline(profile()), "roofline": lambda: charts.roofline(profile(), CEILINGS),
    "distribution": lambda: charts.latency_distribution([1.0, 2.0, 1.5]),
    "trace": lambda: charts.latency_trace([1.0, 2.0, 1.5]), "pareto": lambda: charts.pareto(sweep(*ROWS)),
    "node_errors": lambda: charts.node_errors(report()), "stream": lambda: charts.stream_timeline(STREAM),
    "figure_history": lambda: charts.figure_history(history()),
    "backends": lambda: charts.backend_comparison([result("cpu", 3.0), result("wasm", 2.0)]),
    "lines": lambda: render.linechart(None, {"values": [[3, 2, 1], [4, 3, 2]], "series": ["loss", "val_loss"]}),
    "points": lambda: render.scatterplot(None, {"values": [[[0, 1], [1, 0]], [[0, 0], [1, 1]]]}),
    "histogram": lambda: render.histogram(None, [1, 2, 2, 3]), "bars": lambda: render.barchart(None, [1, 2]),
    "layer": lambda: show.layer(None, zoo.build("digits"), 0),
    "history": lambda: show.history(None, [{"loss": 2.0, "val_loss": 2.5}, {"loss": 1.0, "val_loss": 1.0}], ["loss"]),
    "graph": lambda: charts.graph_view(zoo.build("digits")),
}


def luminance(rgb):
    linear = np.where(np.asarray(rgb) <= 0.04045, np.asarray(rgb) / 12.92, ((np.asarray(rgb) + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(a, b):
    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def picture(data):
    return imread(io.BytesIO(data), format="png")


@pytest.mark.parametrize("paper", PAPERS)
def test_the_ink_reads_on_both_papers(paper):
    assert contrast(to_rgb(theme.INK), to_rgb(paper)) > 4.2


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("colour", [*style.OKABE_ITO, HOST, style.GREY, style.REST])
def test_bars_and_lines_are_seen_on_both_papers(colour, paper):
    """3 : 1 is what WCAG wants of graphics; light hues on white have less, and a text beside each bar."""
    assert contrast(to_rgb(colour), to_rgb(paper)) > 1.25


@pytest.mark.parametrize("name", MADE)
def test_what_is_shown_has_no_paper_and_no_black(name):
    figure = MADE[name]().figure
    shown = picture(figure._repr_png_()[0])
    assert shown[0, 0, 3] == 0
    seen = shown[shown[..., 3] > 0.9][:, :3]
    assert luminance(seen).min() > luminance(to_rgb("#101010")) - 1e-3
    assert (np.abs(seen - to_rgb(theme.INK)).max(axis=1) < 0.02).any()  # there is ink


@pytest.mark.parametrize("name", MADE)
def test_the_figure_itself_stays_black_on_white(name):
    figure = MADE[name]().figure
    before = png(figure)
    inked = len(list(theme._changes(figure)))
    assert png(figure, any_page=True) != before
    assert picture(before)[0, 0].tolist() == [1, 1, 1, 1]
    assert len(list(theme._changes(figure))) == inked > 0
    assert luminance(picture(png(figure))[..., :3].reshape(-1, 3)).min() < 0.01  # black ink is back


def test_colours_that_somebody_chose_are_kept():
    with mpl.rc_context({"text.color": "white", "figure.facecolor": "#202020", "savefig.facecolor": "auto"}):
        figure = charts.latency_trace([1.0, 2.0]).figure
        assert not theme.is_default()
        assert png(figure, any_page=True) == png(figure)
        assert picture(figure._repr_png_()[0])[0, 0].tolist() == pytest.approx([0.125, 0.125, 0.125, 1.0], abs=0.01)


@pytest.mark.parametrize("name", MADE)
def test_legends_hide_nothing(name):
    figure = MADE[name]().figure
    figure.draw_without_rendering()
    for axes in figure.axes:
        if axes.get_legend() is not None:
            legend = axes.get_legend().get_window_extent()
            assert not any(legend.overlaps(a.get_window_extent()) for a in figure.axes)
            label = axes.xaxis.label.get_window_extent()
            assert not legend.overlaps(label)
            assert legend.y0 >= 0, "the legend is inside of the picture"


def test_one_colour_is_the_hosts_everywhere():
    hatched = [p for p in charts.layer_time(profile()).axes.patches if p.get_hatch() and p.get_width()]
    assert [tuple(p.get_facecolor()[:3]) for p in hatched] == [to_rgb(HOST)]
    assert style.hatched()["color"] == HOST
    assert charts.backend_comparison([result("cpu", 3.0)]).axes.patches[0].get_facecolor()[:3] == to_rgb(HOST)
    assert f"--tfv-host: {HOST_CSS}" in view._css()


def test_addresses_of_pictures_can_be_for_any_page():
    figure = charts.latency_trace([1.0, 2.0]).figure
    assert data_uri(figure, any_page=True) != data_uri(figure)
