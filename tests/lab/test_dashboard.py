"""``tf.Lab()`` without a browser: values are set, buttons are clicked, and what the widgets show is read."""

from __future__ import annotations

import html
import re
import threading
from dataclasses import replace
from datetime import UTC, datetime
from unittest import mock

import ipywidgets as widgets
import pytest
from support.lab import GRAPH

import tfjslab as tf
from tfjslab.backends import registry
from tfjslab.backends.registry import BackendStatus
from tfjslab.base.errors import InputError, UsageError
from tfjslab.lab import Lab, tabs
from tfjslab.lab.cards import PROCESS, TENSORS, TRACE
from tfjslab.lab.panels import Panel
from tfjslab.lab.picker import FILE
from tfjslab.lab.view import IN_BROWSER, IN_KERNEL, PATH, TABS, UPLOAD, backend_buttons, close_tree
from tfjslab.model import Model
from tfjslab.profiling import compare as profiling
from tfjslab.profiling import files as profiles
from tfjslab.views.view import View

pytestmark = pytest.mark.usefixtures("no_widgets_left")


@pytest.fixture
def lab():
    """A lab with the small model, which is closed at the end."""
    with Model(GRAPH, "cpu", name="small") as model, Lab(model, "cpu") as made:
        made._view.side.runs.value = 12
        yield made


def shown(lab):
    """The line of the progress bar."""
    return re.search(r"<span>(.*)</span>", lab._view.header.progress.value)[1]


def press(button):
    button.click()


def run(lab):
    press(lab._view.header.run)
    assert lab.wait(30)
    lab._tabs.drawer.wait()


def select(lab, name):
    """Open a tab, and wait until it is drawn."""
    lab._view.tabs.selected_index = TABS.index(name)
    lab._tabs.drawer.wait()
    lab._model.wait()


def test_run_measures_what_is_chosen_and_shows_it(lab):
    assert shown(lab) == "ready"
    run(lab)
    assert re.fullmatch(r"done: 12/12, median .* ms", shown(lab))
    assert 'data-figure="kernels"' in lab._view.strip.value
    assert "polyline" in lab._view.live[TRACE].value
    assert lab._view.message.value == ""
    assert not lab._view.header.run.disabled
    assert lab._view.header.stop.disabled
    assert [r.label for r in lab.session.runs] == ["#1 small on cpu"]


def test_it_runs_in_the_browser_in_place_of_the_tabs(lab):
    """The panel's server begins when it is wanted first, and ends with the lab."""
    place, tabs_of = lab._view.header.place, lab._view.tabs
    assert lab._browser._panel is None
    place.value = IN_BROWSER
    assert [w.layout.display for w in (lab._view.header.run, lab._view.browser)] == ["none", ""]
    panel = lab._browser._panel
    panel._link.session.connect_s = 0.3
    panel.start()
    with pytest.raises(UsageError, match="a run in the browser is under way"):
        lab.run()
    assert panel.wait(20)
    assert "no browser took the job" in panel.state.value
    assert lab.browser_results == []
    place.value = IN_KERNEL
    assert [w.layout.display for w in (lab._view.header.run, lab._view.browser)] == ["", "none"]
    assert tabs_of in lab._view.box.children[-2].children
    lab.run(wait=True)
    assert lab.snapshot.phase == "done"


def test_run_and_stop_are_pressed_in_turns(lab):
    lab._view.side.runs.value = 1_000_000
    running = threading.Event()
    lab._view.header.progress.observe(lambda c: running.set() if "run " in c["new"] else None, "value")
    press(lab._view.header.run)
    assert lab._view.header.run.disabled
    assert not lab._view.header.stop.disabled
    assert running.wait(30)
    press(lab._view.header.run)  # a click that was on its way
    assert "a run is under way" in lab._view.message.value
    press(lab._view.header.stop)
    assert shown(lab).startswith("stopped: ")
    assert not lab._view.header.run.disabled


def test_an_error_is_a_message_and_the_lab_stays_usable(lab):
    header = lab._view.header
    header.model.value, header.path.value = PATH, "nowhere/model.json"
    run(lab)
    assert "nowhere/model.json" in lab._view.message.value
    assert shown(lab) == "failed"
    header.model.value = "small"
    run(lab)
    assert lab._view.message.value == ""
    assert len(lab.session.runs) == 1


def test_a_field_shows_only_when_its_kind_of_model_is_chosen(lab):
    header = lab._view.header

    def visible():
        return [w.layout.display != "none" for w in (header.path, header.upload)]

    assert visible() == [False, False]
    header.model.value = PATH
    assert visible() == [True, False]
    header.model.value = UPLOAD
    assert visible() == [False, True]
    press(header.run)
    assert "nothing is uploaded yet" in lab._view.message.value


def test_an_uploaded_model_runs(lab, tmp_path):
    with Model(GRAPH, "cpu", name="small") as model:
        folder = model.save(tmp_path / "m")
    header = lab._view.header
    header.model.value = UPLOAD
    header.upload.value = [
        {"name": f"../{p.name}", "type": "", "size": 1, "content": memoryview(p.read_bytes()),
         "last_modified": datetime(2026, 1, 1, tzinfo=UTC)} for p in sorted(folder.iterdir())
    ]
    run(lab)
    assert lab.session.runs[0].result.runs == 12
    with pytest.raises(UsageError, match=r"uploaded: a\.bin; expected one model\.json"):
        lab._model.upload([{"name": "a.bin", "content": b""}])


def test_one_backend_is_chosen_at_a_time(lab):
    buttons = lab._view.header.backends
    assert list(buttons) == [b.name for b in registry.backends()]
    buttons["wasm-plain"].value = True
    assert [n for n, b in buttons.items() if b.value] == ["wasm-plain"]
    buttons["wasm-plain"].value = False
    assert lab.settings.backend == "wasm-plain", "pressing the chosen one again changes nothing"


def test_a_backend_that_cannot_run_is_grey_and_says_why():
    status = BackendStatus("gpu", available=False, reason="no adapter", priority=3, doc="d", stands_for="s",
                           resolved="gpu", current=False)
    button = backend_buttons([status])["gpu"]
    assert (button.disabled, button.tooltip) == (True, "not available: no adapter")
    with mock.patch.object(registry, "backends", return_value=[status, *registry.backends()]), Lab() as lab:
        assert "gpu is not available: no adapter" in lab._view.message.value
    soft = replace(status, name="soft", available=True, details={"adapter": "llvmpipe", "adapter_type": "software"})
    marked = backend_buttons([soft])["soft"]
    assert marked.description == "soft (software)"
    assert "on llvmpipe, which is software: its figures are no GPU's" in marked.tooltip
    for made in (button, marked):
        close_tree(made)


def test_each_tab_shows_the_last_run(lab):
    for name in TABS:
        select(lab, name)
    assert "press Run" in lab._view.panels["Layers"].value
    run(lab)
    for name in ("Layers", "Memory", "Graph"):
        select(lab, name)
        explored = len(lab._view.pages[name].children) == 2
        assert explored or "<img" in lab._view.panels[name].value, name
    select(lab, "Roofline")
    assert "runs no kernels of ours" in lab._view.panels["Roofline"].value
    select(lab, "Compare")
    assert "<img" in lab._view.compared.value


def test_the_roofline_measures_its_ceilings_once(lab):
    lab._view.header.backends["wasm-simd"].value = True
    run(lab)
    select(lab, "Roofline")
    assert "<img" in lab._view.panels["Roofline"].value
    ceilings = lab.session.runs[0].ceilings
    run(lab)
    assert lab.session.runs[1].ceilings is ceilings


def test_pressing_a_column_sorts_the_kernels_and_pressing_it_again_turns_them_round(lab):
    run(lab)
    select(lab, "Kernels")
    sorter = lab._view.sorter

    def order():
        return re.findall(r"<tr[^>]*><td[^>]*>(\d+)</td>", sorter.rows.value)

    press(sorter.buttons["#"])
    assert order() == ["1", "2"]
    assert sorter.buttons["#"].description == "# ▼"
    press(sorter.buttons["#"])
    assert order() == ["2", "1"]
    assert sorter.buttons["#"].description == "# ▲"
    assert sorter.buttons["ms"].description == "ms"


def test_runs_are_compared_by_their_check_boxes(lab):
    run(lab)
    lab._view.side.batch.value = 4
    run(lab)
    select(lab, "Compare")
    first, second = lab._view.choices.children
    assert re.fullmatch(r"#1 small on cpu, \d\d:\d\d:\d\d", first.description)
    assert re.fullmatch(r"#2 small on cpu \(batch 4\), \d\d:\d\d:\d\d", second.description)
    assert lab._view.compared.value.count("<tr>") == 3
    first.value = False
    lab._tabs.drawer.wait()
    assert lab._view.compared.value.count("<tr>") == 2
    second.value = False
    lab._tabs.drawer.wait()
    assert "choose runs" in lab._view.compared.value


def test_a_session_is_saved_loaded_and_exported_by_the_buttons(lab, tmp_path):
    side = lab._view.side
    side.path.value = str(tmp_path / "mine.json")
    run(lab)
    lab._view.notes.value = "first try"
    for name in ("Save", "HTML", "CSV", "JSON"):
        press(side.buttons[name])
        assert lab.wait(30)
        assert "tfl-fine" in lab._view.message.value, lab._view.message.value
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine-results.json", "mine.csv", "mine.html", "mine.json"]
    with Lab() as other:
        other.load(tmp_path / "mine.json")
        assert other.session == lab.session
        assert other._view.notes.value == "first try"
        assert 'data-figure="median"' in other._view.strip.value
        select(other, "Graph")
        assert "saved session does not hold it" in other._view.panels["Graph"].value
    side.path.value = str(tmp_path / "gone.json")
    press(side.buttons["Load"])
    assert "No such file" in lab._view.message.value
    with pytest.raises(InputError):
        lab.load(tmp_path / "gone.json")


def test_figures_and_tabs_show_the_run_that_is_picked_under_its_name(lab):
    run(lab)
    lab._view.side.batch.value = 4
    run(lab)
    picker = lab._view.picker
    first, second = (r.name for r in lab.session.runs)
    assert [label for label, _ in picker.run.options] == [second, first]
    assert second in lab._view.name.value, "the last one is picked"
    for name in ("Layers", "Memory", "Kernels"):
        select(lab, name)
        picker.run.value = 1
        lab._tabs.drawer.wait()
        shown = lab._view.sorter.note if name == "Kernels" else lab._view.panels[name]
        assert first in shown.value
        picker.run.value = 2
        lab._tabs.drawer.wait()
        assert second in shown.value
    picker.run.value = 1
    assert f"{lab.session.runs[0].result.median_ms:.3f}" in lab._view.strip.value
    assert first in lab._view.name.value
    run(lab)
    assert picker.run.value == 3, "a new run is picked"


def test_a_run_is_compared_with_a_baseline_of_the_session_or_of_a_file(lab, tmp_path):
    run(lab)
    profile = lab.session.runs[0].profile
    saved = tmp_path / "before.json"
    profiles.save(profile, saved)
    run(lab)
    picker = lab._view.picker
    assert "choose a baseline" in lab._view.difference.value
    picker.baseline.value = 1
    lab._tabs.drawer.wait()
    expected = profiling.diff(profile, lab.session.runs[1].profile)
    assert f"against {lab.session.runs[0].name}: " in html.unescape(picker.told.value)
    assert expected.total.verdict in html.unescape(picker.told.value)
    assert "By node, the largest changes first" in lab._view.difference.value
    picker.baseline.value = FILE
    assert picker.path.layout.display == ""
    lab._tabs.drawer.wait()
    assert picker.told.value == "", "no file is given yet"
    picker.path.value = str(saved)
    lab._tabs.drawer.wait()
    assert f"against {saved}: " in html.unescape(picker.told.value)
    picker.path.value = str(tmp_path / "gone.json")
    run(lab)
    assert "gone.json: cannot be read" in picker.told.value
    assert "choose a baseline" in lab._view.difference.value
    picker.baseline.value = 3
    lab._tabs.drawer.wait()
    assert picker.path.layout.display == "none"
    assert picker.told.value == "", "a run is not compared with itself"


def test_a_tab_keeps_its_height_until_it_is_drawn_and_the_page_is_not_held_up(lab, monkeypatch):
    run(lab)
    gate = threading.Event()

    def slow(_run, _graph):
        assert gate.wait(30)
        return "drawn"

    monkeypatch.setitem(tabs.PANELS, "Layers", Panel("Layers", slow))
    lab._view.tabs.selected_index = TABS.index("Layers")
    assert "tfl-waiting" in lab._view.panels["Layers"].value
    assert "drawing ..." in lab._view.panels["Layers"].value
    gate.set()
    lab._tabs.drawer.wait()
    assert lab._view.panels["Layers"].value.endswith("drawn")


def test_a_run_waits_for_what_is_being_drawn(lab, monkeypatch):
    run(lab)
    gate, inside, opened = threading.Event(), threading.Event(), []

    def slow(_run, _graph):
        inside.set()
        assert gate.wait(30)
        return "drawn"

    def load(backend, threads):
        opened.append(gate.is_set())
        return Model(GRAPH, backend, threads, "small")

    monkeypatch.setitem(tabs.PANELS, "Layers", Panel("Layers", slow))
    monkeypatch.setitem(lab._model._own, "small", load)
    lab._view.tabs.selected_index = TABS.index("Layers")
    assert inside.wait(30)
    press(lab._view.header.run)
    assert opened == []
    gate.set()
    assert lab.wait(30)
    assert opened == [True]
    lab._tabs.drawer.wait()


def test_a_tab_that_cannot_be_drawn_says_why(lab, monkeypatch):
    run(lab)

    def broken(_run, _graph):
        raise ZeroDivisionError("no <b>time</b>")

    monkeypatch.setitem(tabs.PANELS, "Layers", Panel("Layers", broken))
    select(lab, "Layers")
    assert "this cannot be drawn: ZeroDivisionError: no &lt;b&gt;time" in lab._view.panels["Layers"].value


def test_while_a_run_is_under_way_a_tab_is_drawn_between_two_inferences(lab):
    run(lab)
    lab._view.side.runs.value = 1_000_000
    drawn = threading.Event()
    lab._view.panels["Layers"].observe(lambda c: drawn.set() if "<img" in c["new"] else None, "value")
    names = []
    lab._view.panels["Layers"].observe(lambda _: names.append(threading.current_thread().name), "value")
    press(lab._view.header.run)
    lab._view.tabs.selected_index = TABS.index("Layers")
    assert drawn.wait(30)
    assert lab.snapshot.busy
    assert names[-1] == "tfjslab-lab"
    press(lab._view.header.stop)


class Explored(View):
    """A view whose widget is a plain one."""

    def widget(self):
        """A new widget; none for the third run."""
        if self.data["run"] == 3:
            raise UsageError("no <view> of this")
        return widgets.Label(value=f"explore run {self.data['run']}")


def test_a_view_takes_the_place_of_its_panel_and_is_given_back(lab, monkeypatch):
    monkeypatch.setattr(tabs, "EXPLORABLE", True)
    panel = Panel("Layers", lambda _run, _graph: "as text",
                  lambda found, _graph: Explored("view", "mine", {"run": found.number}))
    monkeypatch.setitem(tabs.PANELS, "Layers", panel)
    run(lab)
    select(lab, "Layers")
    shown, first = lab._view.pages["Layers"].children
    assert "as text" not in shown.value
    assert first.value == "explore run 1"
    run(lab)
    assert lab._view.pages["Layers"].children[1].value == "explore run 2"
    assert first.comm is None, "it was closed"
    run(lab)
    (shown,) = lab._view.pages["Layers"].children
    assert "no &lt;view&gt; of this" in shown.value
    monkeypatch.setattr(tabs, "EXPLORABLE", False)
    lab._view.picker.run.value = 1
    lab._tabs.drawer.wait()
    assert lab._view.pages["Layers"].children[0].value.endswith("as text")


def test_a_limit_of_memory_says_whether_it_fits(lab):
    lab._view.side.limit.value = 1
    run(lab)
    assert "does not fit in 1.0 MB" in lab._view.live[PROCESS].value
    assert "fits in 1.0 MB" in lab._view.live[TENSORS].value
    lab._view.side.limit.value = 100_000
    assert 'tfl-fits">fits in 100.0 GB' in lab._view.live[PROCESS].value


def test_too_many_threads_are_cautioned_where_a_backend_has_threads(lab):
    lab._view.side.threads.value = 10_000
    assert lab._view.caution.value == "", "cpu has none of its own"
    lab._view.header.backends["wasm-threads"].value = True
    assert "threads is 10000" in lab._view.caution.value
    lab._view.side.threads.value = 1
    assert lab._view.caution.value == ""


def test_a_report_is_written_in_the_background_with_its_progress(lab, tmp_path):
    lab._view.side.path.value = str(tmp_path / "mine.json")
    run(lab)
    seen = []
    lab._view.header.progress.observe(lambda _: seen.append(shown(lab)), "value")
    press(lab._view.side.buttons["HTML"])
    assert lab.wait(30)
    assert "writing mine.html" in seen
    for name in ("Kernels", "Layers", "Graph"):
        assert f"drawing {name} of run #1" in seen
    assert shown(lab) == f"wrote {tmp_path / 'mine.html'}"
    lab._view.side.path.value = str(tmp_path / "nowhere" / "mine.json")
    press(lab._view.side.buttons["HTML"])
    assert lab.wait(30)
    assert "cannot be written" in lab._view.message.value


def test_another_session_has_other_runs_under_the_same_numbers(lab, tmp_path):
    run(lab)
    lab.save(tmp_path / "mine.json")
    with Model(GRAPH, "cpu", name="else") as model, Lab(model, "cpu") as other:
        run(other)
        other.load(tmp_path / "mine.json")
        assert [b.description for b in other._view.choices.children] == [lab.session.runs[0].name]
        assert other._view.picker.run.label == lab.session.runs[0].name


def test_settings_are_folded_away_until_asked_for(lab):
    assert lab._view.side.box.layout.display == "none"
    lab._view.header.settings.value = True
    assert lab._view.side.box.layout.display == ""


def test_closing_while_it_runs_frees_everything(no_leaks):
    before = set(widgets.Widget.get_manager_state()["state"])
    with no_leaks():
        lab = tf.Lab("blazeface", "cpu")
        lab.run()
        lab.close()
        lab.close()
    assert set(widgets.Widget.get_manager_state()["state"]) == before
    assert repr(lab) == "Lab(closed)"
    assert lab._repr_mimebundle_() == {"text/plain": "Lab(closed)"}


def test_as_text_it_is_the_same_every_time(lab):
    assert repr(lab) == "Lab()"
    bundle = lab._repr_mimebundle_()
    assert bundle["text/plain"] == "Lab()"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_what_cannot_be_chosen_is_refused_at_once():
    with pytest.raises(UsageError, match="backend 'wasn' is unknown"):
        Lab(backend="wasn")


def test_two_dashboards_at_once_measure_what_is_their_own(lab):
    """Both run together; each shows its own run, and one closes while the other goes on."""
    with Model(GRAPH, "wasm-simd", name="other") as model, Lab(model, "wasm-simd") as second:
        second._view.side.runs.value = 1_000_000
        running = threading.Event()
        second._view.header.progress.observe(lambda c: running.set() if "run " in c["new"] else None, "value")
        press(second._view.header.run)
        assert running.wait(30)
        run(lab)
        assert [r.label for r in lab.session.runs] == ["#1 small on cpu"]
        assert second.snapshot.busy
        press(second._view.header.stop)
        assert second.wait(30)
        second._tabs.drawer.wait()
        assert [r.label for r in second.session.runs] == ["#1 other on wasm-simd"]
        assert (lab._view.message.value, second._view.message.value) == ("", "")
    run(lab)
    assert len(lab.session.runs) == 2
