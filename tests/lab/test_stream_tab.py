"""The tab Stream: frames through the model that is chosen, live, until they end or Stop is pressed."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tfjslab.base.errors import UsageError
from tfjslab.lab.dashboard import Lab

FRAMES = list(np.random.default_rng(0).integers(0, 256, (4, 16, 16), dtype=np.uint8))


@pytest.fixture
def lab(no_widgets_left):
    with Lab("digits", "cpu") as made:
        yield made


def told(lab):
    return lab._view.stream.told.value


def test_a_stream_goes_through_the_model_that_is_chosen(lab):
    lab.stream(FRAMES, fps=500, count=30, drop=None, wait=True)
    result = lab.stream_result
    assert (result.settings.model, result.done, result.ended) == ("digits", 30, "finished")
    assert 'data-figure="frames"><small>frames</small><b>30</b>' in told(lab)
    assert result.verdict in told(lab)
    assert 'data-phase="streamed"' in lab._view.header.progress.value
    assert "frame 30/30" in lab._view.header.progress.value
    assert (lab._view.stream.start.disabled, lab._view.stream.stop.disabled) == (False, True)
    lab._view.header.quantize.value = "float16"
    lab.stream(FRAMES, fps=500, count=3, wait=True)
    assert lab.stream_result.settings.model == "digits, float16"


def test_the_tab_says_what_is_streamed(lab, tmp_path):
    tab = lab._view.stream
    tab.frames.value, tab.fps.value, tab.budget.value, tab.count.value = str(tmp_path), 0, 5, 7
    tab.drop.value, tab.range.value = "let all wait", "image, -1 to 1"
    picture = tab.options.pop("preprocess")
    assert (picture.low, picture.high) == (-1, 1)
    assert {**tab.options, "preprocess": None} == {
        "fps": None, "budget_ms": 5, "count": 7, "drop": None, "preprocess": None}
    lab._view.stream.start.click()
    lab.wait()
    assert f"{tmp_path}: no pictures; expected files" in told(lab)
    tab.frames.value = " "
    with pytest.raises(UsageError, match="no frames are given; expected a folder of pictures"):
        lab.stream()


def test_stop_keeps_what_was_measured_and_gives_all_back(lab):
    begun = threading.Event()

    def endless():
        while True:
            begun.set()
            yield FRAMES[0]

    lab.stream(endless(), fps=200, count=None)
    assert begun.wait(30)
    with pytest.raises(UsageError, match="a stream is under way; stop it first, or wait for its end"):
        lab.run()
    while not (lab.stream_result and lab.stream_result.done):
        lab.wait(0.01)
    lab._view.stream.stop.click()
    assert lab.wait(30)
    assert (lab.stream_result.ended, lab.stream_result.done > 0) == ("stopped", True)
    assert 'data-phase="stopped"' in lab._view.header.progress.value
    assert [t.name for t in threading.enumerate() if t.name == "tfjslab-frames"] == []
