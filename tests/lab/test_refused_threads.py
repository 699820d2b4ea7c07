"""What the lab does in threads of its own, where the system has none left: it says so, and the next try works."""

from __future__ import annotations

import threading
from html import escape

import pytest
from support.failing import failing

pytest.importorskip("ipywidgets", reason="the dashboard needs ipywidgets")

import tfjslab as tf
from tfjslab import zoo
from tfjslab.backends import registry
from tfjslab.backends.wasm.ceilings import measure_ceilings
from tfjslab.base.awaiting import settled
from tfjslab.base.errors import OutOfMemoryError
from tfjslab.lab.browser_panel import BrowserPanel
from tfjslab.lab.dashboard import Lab
from tfjslab.lab.drawing import Drawer
from tfjslab.lab.session import RunSettings
from tfjslab.lab.task import Task
from tfjslab.lab.worker import Job

REFUSED = "cannot be started: can't start new thread"


class _Work(Task):
    def work(self):
        return "done"


def _job(publish):
    return Job(RunSettings("digits", "cpu", warmup=0, runs=1), publish)


@pytest.mark.parametrize("make", [_job, _Work])
def test_work_that_gets_no_thread_has_failed_with_the_reason(make):
    seen = []
    work = make(seen.append)
    with failing(1, "threads"):
        work.start()
    assert (seen[-1].phase, seen[-1].busy) == ("failed", False)
    assert REFUSED in seen[-1].message
    work.stop()
    assert work.wait(1)
    again = make(seen.append)
    again.start()
    assert again.wait(60)
    assert seen[-1].phase in ("done", "written")


def test_a_drawing_that_gets_no_thread_is_made_on_this_one():
    seen, drawer = [], Drawer(lambda: False)
    with failing(1, "threads"):
        drawer.ask("a", threading.get_ident, seen.append)
    assert seen == [threading.get_ident()]
    drawer.ask("a", threading.get_ident, seen.append)
    drawer.close()
    assert seen[1:] != [threading.get_ident()]


def test_the_dashboard_stays_usable():
    with Lab("digits", backend="cpu") as lab:
        lab._tabs.drawer.wait()
        with failing(1, "threads"):
            lab.run(wait=True)
        assert lab.snapshot.phase == "failed"
        lab.run(wait=True)
        assert lab.snapshot.phase == "done"


def test_a_panel_of_a_browser_says_so_and_can_be_pressed_again():
    panel = BrowserPanel(list)
    with failing(1, "threads"):
        panel.start()
    assert escape(REFUSED) in panel.state.value
    assert (panel.run.disabled, panel.stop.disabled) == (False, True)
    assert panel.wait(1)
    panel.close()


def test_a_panel_of_a_monitor_is_not_made(no_leaks):
    with no_leaks(), zoo.load("digits") as model, tf.monitor(model) as watched, failing(1, "threads"), \
            pytest.raises(OutOfMemoryError, match="'tfjslab-monitor-panel' cannot be started"):
        tf.monitoring.panel(watched)


def test_pools_tell_it_too_and_wait_for_the_threads_that_they_got():
    async def later():
        return 1

    with failing(1, "threads"), pytest.raises(OutOfMemoryError, match=REFUSED):
        settled(later())
    assert settled(later()) == 1
    backend = registry.backend("wasm-threads", 3)
    with failing(2, "threads"), pytest.raises(OutOfMemoryError, match=REFUSED):
        measure_ceilings(backend, memory_bytes=1 << 20)
