"""Numbers of a software adapter: every chart, table and line says what it is, and nothing calls it a GPU."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import tfjslab as tf
from tfjslab import zoo
from tfjslab.backends.webgpu.backend import availability
from tfjslab.bench.bench import bench_models
from tfjslab.bench.settings import Settings
from tfjslab.cli.app import main
from tfjslab.lab import figures
from tfjslab.profiling import captions
from tfjslab.profiling.collect import profile_model
from tfjslab.vis import charts

NAME = "webgpu"
# Names that programs use, in lower case; "no GPU" and "GPU backends" speak of no adapter.
GPU = re.compile(r"\b(?<!no )GPUs?\b(?! backends)")


@pytest.fixture(scope="module", autouse=True)
def _software():
    found = availability(NAME)
    if not found.available or found.details["adapter_type"] != "software":
        pytest.skip(f"{NAME}: {found.reason or 'the adapter is no software'}")


@pytest.fixture(name="profile", scope="module")
def _profile():
    with zoo.load("digits", backend=NAME) as model:
        return profile_model(model, model.sample(), runs=2, warmup=1)


@pytest.fixture(name="bench", scope="module")
def _bench():
    return bench_models([("digits", lambda b, t: zoo.load("digits", backend=b, threads=t), None)], [NAME, "cpu"],
                        settings=Settings(2, 1))


def texts(figure):
    assert isinstance(figure, Figure)
    figure.canvas.draw()
    return "\n".join(t.get_text() for t in figure.findobj(Text) if t.get_text())


def assert_honest(text):
    assert "software" in text, text
    assert not GPU.search(text), text


@pytest.mark.parametrize("chart", ["kernel_time", "layer_time"])
def test_charts_of_a_profile(chart, profile):
    assert_honest(texts(getattr(charts, chart)(profile).figure))


def test_the_graph_with_its_times(profile):
    with zoo.load("digits", backend=NAME) as model:
        assert_honest(texts(charts.graph_view(model, profile).figure))


def test_the_chart_of_an_eager_profile():
    tf.set_backend(NAME)
    with tf.tidy():
        found = tf.profile(lambda: tf.exp(tf.tensor(np.ones(8, np.float32))))
    tf.set_backend("cpu")
    assert_honest(texts(charts.kernel_time(found).figure))
    assert "kernels: time stamps of the device" in found.environment.clock


def test_the_chart_of_backends_names_the_kind_of_adapter(bench):
    text = texts(charts.backend_comparison(bench).figure)
    assert_honest(text)
    assert "webgpu (software adapter)" in text


def test_lines_beside_the_figures(profile, bench):
    assert_honest(captions.place(profile))
    assert_honest(profile.label)
    assert_honest(figures.conditions(bench[0]))
    assert_honest(profile._repr_html_())
    assert "kernels: time stamps of the device" in profile.environment.clock


def test_bench_and_profile_as_json_tell_the_kind_of_adapter(bench, profile):
    row = bench[0].to_json()
    assert row["adapter_type"] == "software"
    assert row["adapter"] == availability(NAME).details["adapter"]
    assert row["pipelines"] > 0
    assert row["pipeline_compile_ms"] > 0
    assert bench[1].to_json()["adapter_type"] is None
    assert profile.environment.adapter_type == "software"


@pytest.mark.parametrize("command", [
    ["run", "digits", "--backend", NAME], ["bench", "digits", "--backend", NAME, "--runs", "2", "--warmup", "1"],
    ["profile", "digits", "--backend", NAME, "--runs", "2", "--warmup", "1"], ["backends"],
    ["inspect", "digits", "--backend", NAME],
], ids=lambda c: c[0])
def test_commands(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert main(command) == 0
    text = capsys.readouterr().out
    assert not GPU.search(text), text
    assert "software" in text or command[0] == "inspect"  # which measures nothing


def test_an_adapter_is_chosen_by_its_kind_or_name_and_others_are_refused(capsys, monkeypatch):
    monkeypatch.setenv("TFJSLAB_ADAPTER", "")
    found = availability(NAME).details
    assert main(["run", "digits", "--backend", NAME, "--adapter", "software"]) == 0
    assert found["adapter"] in capsys.readouterr().out
    assert main(["run", "digits", "--backend", NAME, "--adapter", "no such"]) == 4
    assert "'no such' (TFJSLAB_ADAPTER) names none of the adapters" in capsys.readouterr().err
