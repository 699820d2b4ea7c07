"""Every chart with every kind of result: it is drawn, or a typed error says what the chart takes and which one fits."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from support.charts import STREAM, profile

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import TfjslabError, UsageError
from tfjslab.bench.results import BenchResults
from tfjslab.engine.measure import ProfileInfo, TimeInfo
from tfjslab.evaluation.result import Evaluation
from tfjslab.model.layers import layers_of
from tfjslab.profiling.compare import diff
from tfjslab.profiling.memory import alive_at_peak, timeline
from tfjslab.profiling.reduce import by_kernel, by_node
from tfjslab.quantizer.result import Quantized
from tfjslab.vis import CHARTS, charts, visor
from tfjslab.vis.given import KINDS, kind_of

from .test_figure_history import history
from .test_lab_charts import CEILINGS, result
from .test_sweep_charts import ROWS, report, sweep

PROFILE = profile()
INFO = ProfileInfo(0, 0, 0, PROFILE.kernels, (), PROFILE.wall_ms, PROFILE.unattributed_ms)
GRAPH = zoo.build("digits")
EVALUATION = object.__new__(Evaluation)  # charts only look at what it is
RESULTS = {
    "profile": PROFILE, "profile info": INFO, "magic": SimpleNamespace(profile=PROFILE), "rows": by_kernel(PROFILE),
    "points": timeline(PROFILE), "bench": BenchResults([result("cpu", 2.0)]), "one bench": result("cpu", 2.0),
    "history": history(),
    "sweep": sweep(*ROWS), "quantization": report(), "quantized": Quantized(None, report()), "evaluation": EVALUATION,
    "stream": STREAM, "graph": GRAPH, "layer": layers_of(GRAPH)[0],
    "ceilings": CEILINGS, "memory": tf.memory(), "time": TimeInfo(1.0, 2.0),
    "diff": diff(PROFILE, PROFILE), "peak": alive_at_peak(PROFILE), "backends": tf.backends(),
    "times": [1.0, 2.0], "array": np.ones(3), "none": None, "number": 3, "text": "profile", "object": object(),
    "empty": [], "mapping": {"a": 1},
}
# What else each chart needs, behind the data.
MORE = {"show.history": (["loss"],), "show.layer": (0,), "charts.roofline": (CEILINGS,)}
PROFILES = {"profile", "profile info", "magic"}
DRAWS = {
    "charts.kernel_time": PROFILES, "charts.layer_time": PROFILES, "charts.memory_timeline": PROFILES | {"points"},
    "charts.roofline": PROFILES | {"rows", "empty"},
    "charts.backend_comparison": {"bench"}, "charts.pareto": {"sweep"}, "charts.node_errors": {"quantization"},
    "charts.stream_timeline": {"stream"},
    "charts.figure_history": {"history"},
    "charts.graph_view": {"graph"}, "show.layer": {"graph", "layer"}, "show.model_summary": {"graph"},
    "charts.latency_distribution": {"times", "array"}, "charts.latency_trace": {"times", "array"},
}


def call(chart, data):
    place = () if chart.name.startswith("charts.") else (None,)
    more = () if data is RESULTS["layer"] else MORE.get(chart.name, ())
    return chart.function(*place, data, *more)


@pytest.mark.parametrize("chart", CHARTS, ids=lambda c: c.name)
def test_any_result_is_drawn_or_refused_with_a_typed_error(chart):
    visor().clear()
    drawn = set()
    for name, data in RESULTS.items():
        refused, kind = None, kind_of(data)
        try:
            assert isinstance(call(chart, data).figure, Figure)
            drawn.add(name)
        except TfjslabError as e:
            refused = e
        if refused is not None and kind is not None:
            assert isinstance(refused, UsageError), (name, refused)
            assert chart.takes in str(refused), (name, refused)
            assert kind.advice in str(refused), (name, refused)
    if chart.name in DRAWS:
        assert drawn == DRAWS[chart.name]
    else:
        assert drawn <= {"times", "array", "empty", "mapping", "number", "none"}


@pytest.mark.parametrize(("chart", "given", "message"), [
    (charts.pareto, PROFILE, ("got Profile; expected a sweep, from tf.sweep; a profile is for charts.kernel_time, "
     "charts.layer_time, charts.memory_timeline and charts.roofline")),
    (charts.latency_trace, PROFILE, ("got Profile; expected milliseconds [n], as phases.steady_ms of a profile or "
     "times_ms of a benchmark's result; a profile is for charts.kernel_time, charts.layer_time, "
     "charts.memory_timeline and charts.roofline")),
    (charts.kernel_time, sweep(*ROWS), ("got Sweep; expected a profile, from tf.profile_model or tf.profile; a sweep "
     "is for charts.pareto")),
    (charts.kernel_time, tf.memory(), ("got MemoryInfo; expected a profile, from tf.profile_model or tf.profile; no "
     "chart draws tf.memory()")),
    (charts.backend_comparison, [PROFILE], ("got a list of Profile; expected a list of benchmark results, from "
     "tf.bench_models; a profile is for charts.kernel_time, charts.layer_time, charts.memory_timeline and "
     "charts.roofline")),
])
def test_the_message_names_what_fits(chart, given, message):
    with pytest.raises(UsageError) as caught:
        chart(given)
    assert str(caught.value) == message
    parameter = next(iter(chart.__wrapped__.__annotations__))
    with pytest.raises(UsageError):  # by keyword as well
        chart(**{parameter: given})


def test_ceilings_are_checked_too():
    with pytest.raises(UsageError, match="ceilings is a int; expected what ceilings_of measured on the backend"):
        charts.roofline(by_node(PROFILE), 3)


def test_advice_names_charts_that_exist():
    listed = {c.name for c in CHARTS}
    for kind in KINDS:
        named = {w.strip(",()") for w in kind.drawn_by.split() if w.startswith(("charts.", "render.", "show."))}
        assert named <= listed
