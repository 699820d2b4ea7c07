"""Running the small model, and a check that no widget is left."""

from __future__ import annotations

import ipywidgets as widgets
import pytest
from support.lab import GRAPH, Clock

from tfjslab.lab.session import RunSettings
from tfjslab.lab.worker import Job
from tfjslab.model import Model


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def settings():
    return RunSettings("small", "cpu", runs=20, warmup=2)


@pytest.fixture
def load():
    """A loader of the small model."""
    return lambda backend, threads: Model(GRAPH, backend, threads, "small")


@pytest.fixture
def measure(load, clock):
    """Run a job to its end; the snapshots it published."""
    def run(settings, **options):
        seen = []
        job = Job(settings, seen.append, source=options.pop("source", load), clock=clock, **options)
        job.start()
        assert job.wait(30)
        return seen

    return run


@pytest.fixture
def no_widgets_left():
    """Every widget, layout and style that the test makes must be closed."""
    before = set(widgets.Widget.get_manager_state()["state"])
    yield
    left = set(widgets.Widget.get_manager_state()["state"]) - before
    assert left == set()
