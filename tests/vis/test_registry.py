"""The list of charts is complete, and the examples in the documentation are true."""

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import tfjslab.vis
from tfjslab.vis import CHARTS, charts, render, show, visor

MODULES = sorted(m.name for m in pkgutil.walk_packages(tfjslab.vis.__path__, "tfjslab.vis."))


def test_every_chart_is_listed_once():
    exported = {
        f"{room.__name__.rpartition('.')[2]}.{name}" for room in (charts, render, show)
        for name, value in vars(room).items() if inspect.isfunction(value)
    }
    listed = [c.name for c in CHARTS]
    assert sorted(listed) == sorted(exported - {"show.fit_callbacks"})  # which draws nothing itself
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("chart", CHARTS, ids=lambda c: c.name)
def test_a_chart_is_documented_with_an_example_and_takes_axes(chart):
    assert chart.doc.endswith(".")
    assert ">>> " in chart.function.__doc__
    takes = inspect.signature(chart.function).parameters
    assert "ax" in takes or chart.name in {"show.history", "show.layer"}  # these have several axes


@pytest.mark.parametrize("name", ["tfjslab.vis", *MODULES])
def test_examples_are_true(name):
    visor().clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["doctest"])
        failed, _ = doctest.testmod(importlib.import_module(name))
    visor().clear()
    assert failed == 0


def test_charts_are_loaded_when_they_are_asked_for():
    code = "import sys, tfjslab as tf; before = 'matplotlib' in sys.modules; tf.vis; print(before, 'vis' in dir(tf))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False True"
