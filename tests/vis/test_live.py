"""A notebook's visor follows what is drawn: at once, not too often, and to the end; nothing is left behind."""

from __future__ import annotations

import gc
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest

from tfjslab.vis import live, render, show, visor
from tfjslab.vis.visor import Visor

EXECUTE = """import sys, nbformat
from nbclient import NotebookClient
book = nbformat.read(sys.argv[1], 4)
NotebookClient(book, timeout=120).execute()
nbformat.write(book, sys.argv[1])"""


class Notebook:
    """What IPython has: events, and a display whose handles note what they show."""

    def __init__(self):
        self.displays, self.listeners = [], []
        self.kernel = object()
        self.events = SimpleNamespace(register=lambda _name, f: self.listeners.append(f),
                                      unregister=lambda _name, f: self.listeners.remove(f))

    def display(self, bundle, *, raw, display_id):
        """Note what is shown, and give what can change it."""
        assert raw
        shown = [bundle]
        self.displays.append(shown)
        if display_id is None:
            return None
        return SimpleNamespace(update=lambda b, raw: shown.append(b) if raw else None)

    def end_of_cell(self):
        """A cell has run."""
        for listener in list(self.listeners):
            listener(None)


@pytest.fixture(name="notebook")
def _notebook(monkeypatch):
    visor().clear()
    live._PLACES.clear()
    made = Notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: made, version_info=(99,)))
    monkeypatch.setitem(sys.modules, "IPython.display", made)
    monkeypatch.setattr(live, "LEAST_S", 0.0)
    monkeypatch.setattr(live, "SHARE", float("inf"))  # each change is shown at once
    yield made
    visor().clear()
    live._PLACES.clear()


def line(values):
    return render.linechart({"name": "Loss", "tab": "Training"}, {"values": values})


def test_an_open_visor_changes_where_it_was_shown(notebook):
    visor()._ipython_display_()
    line([3, 2])
    line([3, 2, 1])
    ((first, second, third),) = notebook.displays
    assert "nothing drawn yet" in first["text/html"]
    assert second["text/html"] != third["text/html"]
    assert third["text/html"] == visor()._repr_html_()
    visor().close()
    assert "closed, 1 surfaces" in notebook.displays[0][-1]["text/html"]


def test_the_last_place_follows(notebook):
    visor()._ipython_display_()
    visor()._ipython_display_()
    line([1, 2])
    assert [len(d) for d in notebook.displays] == [1, 2]


def test_what_changes_often_is_shown_as_often_as_leaves_time_and_once_at_the_end(notebook, monkeypatch):
    monkeypatch.setattr(live, "LEAST_S", 3600.0)
    visor()._ipython_display_()
    for n in range(2, 8):
        line(list(range(n)))
    assert len(notebook.displays[0]) == 2
    notebook.end_of_cell()
    assert notebook.displays[0][-1]["text/html"] == visor()._repr_html_()
    assert len(notebook.displays[0]) == 3
    notebook.end_of_cell()
    assert len(notebook.displays[0]) == 3, "nothing has changed"


def test_a_training_appears_and_follows_without_a_call(notebook):
    callbacks = show.fit_callbacks({"name": "Training"}, ["loss"], callbacks=["on_epoch_end"])
    for epoch in range(3):
        callbacks["on_epoch_end"](epoch, {"loss": 3.0 - epoch})
    (shown,) = notebook.displays
    assert [len(shown), shown[-1]["text/html"]] == [3, visor().surface("Training").container]


def test_a_training_does_not_appear_twice_where_the_visor_is_shown(notebook):
    visor()._ipython_display_()
    callbacks = show.fit_callbacks({"name": "Training"}, ["loss"])
    callbacks["on_epoch_end"](0, {"loss": 3.0})
    assert len(notebook.displays) == 1


def test_a_terminal_and_a_script_show_nothing_by_themselves(notebook):
    notebook.kernel = None
    show.fit_callbacks({"name": "Training"}, ["loss"])["on_epoch_end"](0, {"loss": 3.0})
    assert notebook.displays == []
    visor()._ipython_display_()
    line([1, 2])
    assert [len(d) for d in notebook.displays] == [1]


def test_what_is_gone_is_not_followed_and_the_listener_goes_with_the_last(notebook):
    gone = Visor()
    gone._ipython_display_()
    assert len(notebook.listeners) == 1
    del gone
    gc.collect()
    notebook.end_of_cell()
    assert notebook.listeners == []


def test_a_surface_has_the_parts_that_it_has_in_tfjs_vis():
    line([1, 2])
    surface = visor().surface("Loss", "Training")
    assert surface.label == "Loss"
    assert surface.draw_area in surface.container
    assert "Loss</figcaption>" in surface.container
    assert "<img" in surface.draw_area
    visor().toggle_full_screen()
    assert visor().is_fullscreen()
    visor().toggle_full_screen()
    visor().clear()


def test_in_a_real_kernel_the_output_of_an_earlier_cell_changes(tmp_path):
    cells = ["import tfjslab as tf\ntf.vis.visor()",
             "tf.vis.render.linechart({'name': 'Loss'}, {'values': [3, 2, 1]});"]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    path = tmp_path / "book.ipynb"
    nbformat.write(book, path)
    # In a process of its own: beside a loop that runs, such as that of a browser, the client keeps a thread for ever.
    subprocess.run([sys.executable, "-c", EXECUTE, path], check=True, timeout=180)
    (output,) = nbformat.read(path, 4).cells[0].outputs
    assert 'alt="Loss"' in output["data"]["text/html"]
