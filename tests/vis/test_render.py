"""The charts of tfjs-vis: what is drawn has the heights, labels, order and colours of the data and the options."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from support.charts import cells, ticks

import tfjslab as tf
from tfjslab.base.errors import DTypeError, InputError, ShapeError, UsageError
from tfjslab.vis import render, style
from tfjslab.vis.render.histogram import nice_edges

BARS = [{"index": "zeta", "value": 3}, {"index": "alpha", "value": -1.5}, {"index": "$mid$", "value": 2}]
LINES = {"values": [[{"x": 0, "y": 1}, {"x": 2, "y": 4}], [{"x": 1, "y": 2}]], "series": ["b", "a"]}


def test_barchart_keeps_the_order_and_the_heights():
    axes = render.barchart(None, BARS, xLabel="op", yLabel="ms").axes
    assert [p.get_height() for p in axes.patches] == [3, -1.5, 2]
    assert ticks(axes.xaxis) == ["zeta", "alpha", r"\$mid\$"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("op", "ms")
    assert {to_hex(p.get_facecolor()) for p in axes.patches} == {style.BLUE.lower()}


def test_barchart_takes_numbers_tensors_and_colours():
    with tf.tensor1d([1.0, 2.0]) as tensor:
        axes = render.barchart(None, tensor, {"color": ["red", "rgb(0, 158, 115)"]}).axes
    assert [p.get_height() for p in axes.patches] == [1, 2]
    assert ticks(axes.xaxis) == ["0", "1"]
    assert [to_hex(p.get_facecolor()) for p in axes.patches] == ["#ff0000", "#009e73"]


def test_bars_stand_at_their_values_where_the_axis_is_quantitative():
    axes = render.barchart(None, [{"index": 10, "value": 1}, {"index": 30, "value": 2}], x_type="quantitative").axes
    assert [p.get_x() + p.get_width() / 2 for p in axes.patches] == [10, 30]


def test_many_long_names_are_turned_and_elided_in_the_middle():
    axes = render.barchart(None, [{"index": f"start_{'x' * 40}_end{i}", "value": 1} for i in range(9)]).axes
    labels = axes.get_xticklabels()
    assert {t.get_rotation() for t in labels} == {90.0}
    assert all(t.get_text().startswith("start_") and t.get_text().endswith(f"_end{i}") for i, t in enumerate(labels))
    assert all("…" in t.get_text() for t in labels)


def test_linechart_draws_each_series_at_its_own_x():
    axes = render.linechart(None, LINES, x_label="step").axes
    assert [line.get_xydata().tolist() for line in axes.lines] == [[[0, 1], [2, 4]], [[1, 2]]]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["b", "a"]
    assert [line.get_color() for line in axes.lines] == list(style.OKABE_ITO[:2])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "y")


def test_names_with_an_underscore_in_front_are_in_the_legend():
    axes = render.linechart(None, {"values": [[1], [2]], "series": ["_a", "b"]}).axes
    assert [t.get_text().strip() for t in axes.get_legend().get_texts()] == ["_a", "b"]


def test_one_unnamed_series_needs_no_legend():
    axes = render.linechart(None, {"values": [{"x": 0, "y": 1}]}).axes
    assert axes.get_legend() is None
    assert axes.lines[0].get_label() == "Series 1"


@pytest.mark.parametrize("values", [[5, 6], (5, 6), np.array([5, 6]), [[5, 6]], np.array([[5, 6]]), [np.array([5, 6])],
                                    np.array([[[0, 5], [1, 6]]])])
def test_numbers_of_any_kind_are_a_series(values):
    assert render.linechart(None, {"values": values}).axes.lines[0].get_xydata().tolist() == [[0, 5], [1, 6]]


def test_lines_start_at_zero_unless_they_are_zoomed_or_have_a_domain():
    data = {"values": [10, 12]}
    assert render.linechart(None, data).axes.get_ylim()[0] == 0
    assert render.linechart(None, data, zoomToFit=True).axes.get_ylim()[0] > 9
    axes = render.linechart(None, data, x_axis_domain=[-1, 5], yAxisDomain=(2, 20)).axes
    assert (axes.get_xlim(), axes.get_ylim()) == ((-1, 5), (2, 20))
    zoomed = render.linechart(None, data, y_axis_domain=[0, 99], zoom_to_fit=True).axes
    assert zoomed.get_ylim()[1] < 13  # zooming overrides the domain


def test_what_is_missing_leaves_a_gap_in_a_line():
    line = render.linechart(None, {"values": [1.0, None, 3.0]}).axes.lines[0]
    assert np.isnan(line.get_ydata()[1])


def test_names_on_an_axis_keep_their_order():
    data = {"values": [{"x": "wasm", "y": 1}, {"x": "cpu", "y": 2}, {"x": "wasm", "y": 3}]}
    axes = render.scatterplot(None, data, x_type="nominal").axes
    assert ticks(axes.xaxis) == ["wasm", "cpu"]
    assert axes.collections[0].get_offsets().tolist() == [[0, 1], [1, 2], [0, 3]]


def test_scatterplot_has_a_colour_and_a_shape_for_each_series():
    axes = render.scatterplot(None, LINES, seriesColors=["#123456", "black"]).axes
    assert [c.get_offsets().tolist() for c in axes.collections] == [[[0, 1], [2, 4]], [[1, 2]]]
    assert [to_hex(c.get_facecolor()[0]) for c in axes.collections] == ["#123456", "#000000"]
    assert axes.collections[0].get_paths()[0].vertices.shape != axes.collections[1].get_paths()[0].vertices.shape
    assert (axes.get_xlim()[0], axes.get_ylim()[0]) == (pytest.approx(0, abs=0.5), 0)


def test_histogram_counts_what_is_finite_and_tabulates_the_rest():
    axes = render.histogram(None, [0, 1, 1, 2.5, np.nan, np.inf, -np.inf], max_bins=3).axes
    assert [p.get_height() for p in axes.patches] == [1, 2, 1]
    assert [p.get_x() for p in axes.patches] == [0, 1, 2]
    assert cells(axes) == [
        ["Num Vals", "Min", "Max", "Mean", "Stddev", "# Zeros", "# NaNs", "# Infinity"],
        ["7", "-inf", "inf", "1.125", "0.8927", "1 (14.3%)", "1 (14.3%)", "2 (28.6%)"],
    ]


def test_histogram_takes_objects_precomputed_statistics_and_none():
    data = [{"value": 1}, {"value": 2}]
    assert cells(render.histogram(None, data, stats={"numVals": 2, "min": 1}).axes) == [["Num Vals", "Min"], ["2", "1"]]
    axes = render.histogram(None, data, stats=False, color="green").axes
    assert not axes.tables
    assert {to_hex(p.get_facecolor()) for p in axes.patches} == {"#008000"}


@pytest.mark.parametrize("data", [[], [np.nan, np.nan], np.zeros((0, 3))])
def test_histogram_of_nothing_finite_says_so(data):
    axes = render.histogram(None, data).axes
    assert not axes.patches
    assert axes.texts[0].get_text() == "no finite values"


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-3.9, 4.1), (1e-300, 2e-300), (1e16, 1e16 + 4), (-1.7e308, 1.7e308), (5, 5)],
)
@pytest.mark.parametrize("most", [1, 2, 12, 50])
def test_edges_cover_the_values_with_at_most_so_many_bins(low, high, most):
    edges = nice_edges(low, high, most)
    assert edges[0] <= low <= high <= edges[-1]
    assert 1 <= len(edges) - 1 <= most
    assert (np.diff(edges / 2) >= 0).all()


def test_heatmap_has_columns_first_and_labels_in_order():
    data = {"values": [[1, 2, 3], [4, 5, 6]], "xTickLabels": ["left", "right"], "y_tick_labels": ["c", "b", "a"]}
    figure, axes = render.heatmap(None, data)
    assert axes.images[0].get_array().tolist() == [[1, 4], [2, 5], [3, 6]]
    assert (ticks(axes.xaxis), ticks(axes.yaxis)) == (["left", "right"], ["c", "b", "a"])
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is at the top
    assert len(figure.axes) == 2  # the scale


def test_heatmap_takes_rows_first_domains_maps_and_tensors():
    with tf.tensor2d([[1, 2, 3], [4, 5, 6]]) as values:
        image = render.heatmap(None, values, rowMajor=True, domain=[0, 10], colorMap="blues").axes.images[0]
    assert image.get_array().tolist() == [[1, 2, 3], [4, 5, 6]]
    assert image.get_clim() == (0, 10)
    assert image.get_cmap().name == "Blues"


def test_confusion_matrix_has_labels_down_and_predictions_across():
    axes = render.confusion_matrix(None, {"values": [[5, 1], [0, 4]], "tickLabels": ["cat", "dog"]}).axes
    assert axes.images[0].get_array().tolist() == [[5, 1], [0, 4]]
    assert [(t.get_position(), t.get_text()) for t in axes.texts] == [
        ((0, 0), "5"), ((1, 0), "1"), ((0, 1), "0"), ((1, 1), "4"),
    ]
    assert (ticks(axes.xaxis), ticks(axes.yaxis)) == (["cat", "dog"], ["cat", "dog"])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("prediction", "label")


def test_right_answers_stay_without_colour_when_asked_unless_nothing_else_is_there():
    mask = render.confusion_matrix(None, [[5, 1], [0, 4]], shade_diagonal=False).axes.images[0].get_array().mask
    assert mask.tolist() == [[True, False], [False, True]]
    mask = render.confusion_matrix(None, [[5, 0], [0, 4]], shade_diagonal=False).axes.images[0].get_array().mask
    assert not mask.any()


def test_confusion_matrix_without_overlay_and_with_two_colours():
    axes = render.confusion_matrix(None, [[1, 0], [0, 3]], showTextOverlay=False, colorMap=["white", "#ff0000"]).axes
    assert not axes.texts
    assert to_hex(axes.images[0].to_rgba(axes.images[0].get_array())[1, 1]) == "#ff0000"
    assert ticks(axes.xaxis) == ["Class 0", "Class 1"]


def test_text_in_cells_can_be_read_on_every_colour():
    axes = render.confusion_matrix(None, np.arange(9).reshape(3, 3), color_map="viridis").axes
    assert (axes.texts[0].get_color(), axes.texts[-1].get_color()) == ("white", style.DARK)


def test_table_formats_numbers_and_keeps_html_as_text():
    figure, axes = render.table(None, {"headers": ["a", "b"], "values": [[1234.56789, "<b>x</b>"], [None, True], [7]]})
    assert cells(axes) == [["a", "b"], ["1,234.5679", "<b>x</b>"], ["-", "true"], ["7", ""]]
    assert "&lt;b&gt;x&lt;/b&gt;" in figure.html
    assert "<b>x" not in figure.html
    assert [axes.tables[0][1, c].get_text().get_horizontalalignment() for c in (0, 1)] == ["right", "left"]


def test_a_long_table_shows_its_last_row_and_says_what_is_not_shown():
    figure, axes = render.table(None, {"headers": ["n"], "values": [[i] for i in range(100)]})
    shown = [row[0] for row in cells(axes)]
    assert shown[-2:] == ["(40 rows not shown)", "99"]
    assert len(shown) == 62
    assert figure.html.count("<tr>") == 101


@pytest.mark.parametrize(("call", "kind", "message"), [
    (lambda: render.barchart(None, BARS, colour="red"), UsageError, "did you mean 'color'?"),
    (lambda: render.barchart(None, BARS, {"xLabel": "a"}, x_label="b"), UsageError, "option 'x_label' is given twice"),
    (lambda: render.barchart(None, BARS, width=-1), UsageError, "option 'width' is -1; expected a number above 0"),
    (lambda: render.barchart(None, BARS, color="bleu"), UsageError, "expected a CSS colour or a list of them"),
    (lambda: render.barchart(None, BARS, 3), UsageError, "opts is a int; expected a mapping of options, or keywords"),
    (lambda: render.barchart(None, [{"index": 1}]), InputError, "bar 0 has no 'value'; it has index"),
    (lambda: render.barchart(None, ["a"]), DTypeError, "data of a bar chart has numpy dtype <U1; expected numbers"),
    (lambda: render.barchart(3, BARS), UsageError, "the surface is a int; expected {'name': ...,"),
    (lambda: render.linechart(None, {"values": [1], "series": ["a", "b"]}), ShapeError, "are 2 labels; expected a"),
    (lambda: render.linechart(None, {"series": ["a"]}), InputError, "data has no 'values'; it has series"),
    (lambda: render.linechart(None, LINES, series_colors=["red"]), ShapeError, "there are 1 series_colors; expected 2"),
    (lambda: render.linechart(None, LINES, x_axis_domain=[2, 1]), UsageError, "expected two numbers"),
    (lambda: render.scatterplot(None, LINES, x_type="temporal"), UsageError, "expected one of quantitative"),
    (lambda: render.histogram(None, [1], max_bins=0), UsageError, "expected a whole number from 1 to 10000"),
    (lambda: render.histogram(None, [1], stats={"minn": 1}), InputError, "did you mean 'min'?"),
    (lambda: render.heatmap(None, [1, 2]), ShapeError, "has shape [2]; expected rank 2"),
    (lambda: render.heatmap(None, {"values": [[1]], "xTickLabels": ["a", "b"]}), ShapeError, "are 2 labels"),
    (lambda: render.heatmap(None, [[1]], color_map="virides"), UsageError, "did you mean 'viridis'?"),
    (lambda: render.confusion_matrix(None, [[1, 2]]), ShapeError, "has shape [1, 2]; expected as many rows as columns"),
    (lambda: render.table(None, {"headers": ["a"], "values": [[1, 2]]}), ShapeError, "row 0 of the table is 2 cells"),
    (lambda: render.table(None, {"values": []}), InputError, "data of a table has no 'headers'"),
])
def test_what_makes_no_sense_is_refused_with_a_reason(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)
    assert type(caught.value) is kind


CALLS = {
    "barchart": BARS, "linechart": LINES, "scatterplot": LINES, "histogram": [1.0, 2.0], "heatmap": [[1.0]],
    "confusion_matrix": [[1]], "table": {"headers": ["a"], "values": [[1]]},
}


@pytest.mark.parametrize("name", CALLS)
def test_size_and_font_size_are_pixels(name):
    figure, axes = getattr(render, name)(None, CALLS[name], width=300, height=200, font_size=20)
    assert (figure.get_size_inches() * figure.dpi).tolist() == [300, 200]
    in_table = [axes.tables[0][0, 0].get_text()] if axes.tables else []
    texts = in_table if name == "table" else [*axes.get_xticklabels(), axes.xaxis.label]
    assert [t.get_fontsize() for t in texts] == pytest.approx([14.4] * len(texts))  # at 100 pixels an inch


@pytest.mark.parametrize("name", CALLS)
def test_a_chart_goes_into_the_axes_it_is_given(name):
    figure = Figure()
    ax = figure.subplots()
    drawn = getattr(render, name)(None, CALLS[name], ax=ax)
    assert (drawn.figure, drawn.axes) == (figure, ax)


@pytest.mark.parametrize("name", CALLS)
def test_all_that_is_drawn_lies_within_the_picture(name):
    figure, _ = getattr(render, name)(None, CALLS[name])
    figure.draw_without_rendering()
    box = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    width, height = figure.get_size_inches() * figure.dpi
    assert box.x0 >= -1
    assert box.y0 >= -1
    assert box.x1 <= width + 1
    assert box.y1 <= height + 1


def test_a_histogram_of_names_has_its_bins_side_by_side_without_empty_ones():
    axes = render.histogram(None, [0, 0, 1, 9], max_bins=10, stats=False, xType="nominal").axes
    assert [p.get_height() for p in axes.patches] == [2, 1, 1]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["0 to 1", "1 to 2", "8 to 9"]
    along = render.histogram(None, [0, 0, 1, 9], max_bins=10, stats=False, xType="quantitative").axes
    assert len(along.patches) > 3
