"""Drawing beside the page's thread: what is drawn, in which order, and never while a run measures."""

from __future__ import annotations

import threading

import pytest

from tfjslab.lab.drawing import Drawer


@pytest.fixture
def drawer():
    """A drawer whose pause is ``made.paused``."""
    paused = []
    made = Drawer(lambda: bool(paused))
    made.paused = paused
    yield made
    made.close()


def test_it_draws_in_a_thread_of_its_own_that_ends(drawer):
    seen = []
    drawer.ask("a", threading.get_ident, seen.append)
    drawer.wait()
    assert seen
    assert seen[0] != threading.get_ident()
    assert not drawer._thread.is_alive()
    drawer.ask("a", lambda: 2, seen.append)
    drawer.wait()
    assert seen[1:] == [2]


def test_what_is_asked_for_last_comes_first_and_asking_again_replaces(drawer):
    gate, inside, seen = threading.Event(), threading.Event(), []

    def slow():
        inside.set()
        assert gate.wait(30)
        return "slow"

    drawer.ask("a", slow, seen.append)
    assert inside.wait(30)
    drawer.ask("b", lambda: "old b", seen.append)
    drawer.ask("c", lambda: "c", seen.append)
    drawer.ask("b", lambda: "new b", seen.append)
    drawer.ask("a", lambda: "new a", seen.append)
    gate.set()
    drawer.wait()
    assert seen == ["new a", "new b", "c"], "what was being drawn of a is out of date"


def test_while_a_run_is_under_way_only_its_own_thread_draws(drawer):
    seen = []
    drawer.paused.append(1)
    drawer.ask("a", threading.get_ident, seen.append)
    drawer.resume()
    drawer.wait()
    assert seen == []
    drawer.draw_now()
    assert seen == [threading.get_ident()]
    drawer.ask("b", lambda: "b", seen.append)
    drawer.paused.clear()
    drawer.resume()
    drawer.wait()
    assert seen[1:] == ["b"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_fails_does_not_end_drawing(drawer):
    seen = []
    drawer.ask("a", lambda: 1 / 0, seen.append)
    drawer.wait()
    drawer.ask("b", lambda: "b", seen.append)
    drawer.wait()
    assert seen == ["b"]


def test_closing_forgets_what_is_wanted(drawer):
    drawer.paused.append(1)
    drawer.ask("a", lambda: 1, lambda _: pytest.fail("it was closed"))
    drawer.close()
    drawer.paused.clear()
    drawer.resume()
    drawer.wait()
