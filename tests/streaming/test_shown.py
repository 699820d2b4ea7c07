"""What is made of a stream: JSON, tables, the card, and the line of a terminal."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.streams import FakeTime, exact, numbers, small

from tfjslab.records.stream import StreamResult
from tfjslab.streaming import card, watching
from tfjslab.vis import live


@pytest.fixture(scope="module")
def result():
    """300 frames at twice the rate."""
    with small() as model:
        return exact(FakeTime(), numbers(300), model, work_s=1 / 64, fps=128, budget_ms=16).run()


def test_json_has_the_figures_and_every_frame(result):
    told = json.loads(json.dumps(result.to_json(), allow_nan=False))
    expected = {"model": "small", "source": "300 arrays in memory", "fps": 128, "drop": "latest", "n": 300, "done": 151,
                "dropped": 149, "late": 1, "holds": False, "ended": "finished"}
    assert {k: told[k] for k in expected} == expected
    assert (told["backend"], told["environment"]["backend"]) == ("cpu", "cpu")
    assert told["p95_ms"] == pytest.approx(15.625)
    assert told["p50_interval_ms"] == pytest.approx([15.625, 15.625])
    assert told["parts_ms"]["decode"] is None
    assert told["parts_ms"]["postprocess"] == pytest.approx(15.625)
    assert len(told["frames"]) == 151
    assert told["frames"][-1]["latency_ms"] == pytest.approx(23.4375)


def test_a_stream_without_a_frame_has_no_figures(result):
    nothing = StreamResult(result.settings, 0)
    assert (nothing.percentiles_ms["p95"], nothing.throughput_fps, nothing.capacity_fps) == (None, None, None)
    assert (nothing.holds, nothing.verdict) == (False, "no frame was done")
    assert json.loads(json.dumps(nothing.to_json(), allow_nan=False))["p50_ms"] is None
    assert "no frame is done yet" in card.page(nothing)
    assert str(nothing)


def test_the_verdict_says_what_was_lost_and_what_there_is_room_for(result):
    assert result.verdict == ("128 frames/s does not hold: 149 of 300 dropped (49.7%), 1 of 151 later than 16 ms; on "
                              "average the steps of a frame leave room for 64.0 frames/s")
    assert result.verdict in str(result)
    assert repr(result) == "<Stream of 300 arrays in memory through small at 128 frames/s: 300 frames>"


def test_a_busy_machine_is_told_beside_the_figures(result):
    for load, cores, notes in ((3.25, 2, 1), (1.5, 2, 0), (None, 1, 0)):
        where = replace(result.environment, load_average=load, cores=cores)
        assert len(replace(result, environment=where).notes) == notes
    busy = replace(result, environment=replace(result.environment, load_average=3.25, cores=2))
    told = "the machine was busy: 3.2 programs on average wanted its 2 cores before the stream began"
    assert told in str(busy)
    assert told in card.body(busy)


def test_the_card_draws_latency_against_the_budget_and_where_frames_were_dropped(result):
    drawn = card.body(result, 300)
    figures = dict(re.findall(r'data-figure="([^"]*)"[^>]*><small>[^<]*</small><b>([^<]*)</b>', drawn))
    assert figures == {"frames": "300", "dropped": "149", "late": "1", "p50": "15.62", "p95": "15.62", "p99": "15.62",
                       "throughput": "64.0", "room for": "64.0"}
    line, bars = drawn.split('class="tfl-low"')
    places = [tuple(map(float, p.split(","))) for p in re.search(r'points="([^"]*)"', line)[1].split()]
    assert places[-1] == (400.0, pytest.approx(100 * (1 - 23.4375 / 30), abs=0.1)), "the last frame waited"
    assert 'class="tfl-limit"' in line
    heights = [float(h) for h in re.findall(r'<rect [^>]*height="([\d.]*)"', bars)]
    assert len(heights) == card.BINS
    assert sum(heights) / len(heights) == pytest.approx(49.7, abs=2)


def test_the_card_escapes_what_names_hold(result):
    hostile = StreamResult(result.settings.__class__("<b>m", "<i>s", 1.0, None, None, 0), 0)
    assert "<b>m" not in card.page(hostile)
    assert "&lt;b&gt;m" in card.page(hostile)


def test_a_terminal_has_a_line_and_a_pipe_has_nothing(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    with small() as model:
        exact(FakeTime(), numbers(30), model, work_s=0, fps=8, budget_ms=5).watch()
        assert capsys.readouterr().err == ""
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        exact(FakeTime(), numbers(30), model, work_s=0, fps=8, budget_ms=5).watch()
    lines = [part.removesuffix("\x1b[K") for part in capsys.readouterr().err.strip().split("\r")]
    assert lines[0] == "frame 0/30, p95 - ms, 0 dropped, 0 late"
    assert lines[-1] == "frame 30/30, p95 0.000 ms, 0 dropped, 0 late"


def test_a_notebook_has_a_card_that_follows_and_ends_as_the_stream_ends(monkeypatch, result):
    shown = []
    handle = SimpleNamespace(update=lambda bundle, **_raw: shown.append(bundle["text/html"]))

    def display(thing):
        shown.append(thing._repr_mimebundle_()["text/html"])
        live._PLACES[thing] = live._Place(handle)

    monkeypatch.setitem(sys.modules, "IPython", sys)
    monkeypatch.setattr(live, "in_notebook", lambda: True)
    monkeypatch.setattr(live, "show", display)
    with small() as model:
        exact(FakeTime(), numbers(20), model, work_s=1 / 64, fps=128).watch()
    assert "no frame is done yet" in shown[0]
    assert len(shown) >= 3, "it changed on the way"
    assert 'data-figure="frames"><small>frames</small><b>20</b>' in shown[-1]
    assert "does not hold" in shown[-1]
    assert not live._PLACES, "nothing follows it any more"
    assert watching.line(result, 0) == "300 frames, p95 15.62 ms, 149 dropped, 1 late"
