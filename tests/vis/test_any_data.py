"""Whatever numbers and names come: a chart is drawn without a warning, or one of our errors refuses them."""

import contextlib
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfjslab.base.errors import TfjslabError
from tfjslab.vis import render, show
from tfjslab.vis.image import png

NUMBERS = st.floats() | st.integers(-(10**20), 10**20) | st.none() | st.booleans()
LISTS = st.lists(NUMBERS, max_size=6)
# What markup, formulas and terminals read in their own ways.
NAMES = st.text(max_size=12, alphabet="$_^{}\\%&<>abcXYZé01 \n\t\r")
ROWS = st.lists(st.tuples(NAMES, NUMBERS), max_size=5)
AXIS = st.sampled_from([None, "nominal", "quantitative"])

@dataclass(frozen=True)
class Data:
    """What charts are made of."""

    numbers: list
    lists: list
    rows: list
    axis: str | None
    zoom: bool


CHARTS = {
    "bars": lambda d: render.barchart(
        None, [{"index": n, "value": v} for n, v in d.rows], x_type=d.axis, y_label=d.rows[0][0] if d.rows else None),
    "counted bars": lambda d: render.barchart(None, d.numbers),
    "lines": lambda d: render.linechart(None, {"values": d.lists}, x_type=d.axis, zoom_to_fit=d.zoom),
    "points": lambda d: render.scatterplot(None, {"values": d.lists}, zoom_to_fit=d.zoom),
    "histogram": lambda d: render.histogram(None, d.numbers),
    "heat map": lambda d: render.heatmap(None, d.lists),
    "confusion": lambda d: render.confusion_matrix(None, d.lists),
    "table": lambda d: render.table(None, {"headers": [n for n, _ in d.rows], "values": [[v for _, v in d.rows]] * 2}),
    "history": lambda d: show.history(None, {"loss": d.numbers}, ["loss"]),
}


@pytest.mark.parametrize("name", CHARTS)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.builds(Data, LISTS, st.lists(LISTS, max_size=4), ROWS, AXIS, st.booleans()))
def test_any_data_are_drawn_or_refused(name, data):
    with contextlib.suppress(TfjslabError):
        assert png(CHARTS[name](data).figure)
