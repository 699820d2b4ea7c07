"""A view as a widget and as a page: what it holds, what it needs, and that nothing of its data ends a script."""

from __future__ import annotations

import importlib
import json
import re
from html import unescape

import pytest

from tfjslab.base.errors import UsageError
from tfjslab.views.view import View

HOSTILE = "</script><script>alert(1)</script><!--module--><!--data-->"
VIEW = View("timeline", "a <b>", {"label": HOSTILE})


def scripts(page):
    """What stands in the scripts of a page, by what they are."""
    return dict(re.findall(r'<script type="([^"]*)"[^>]*>(.*?)</script>', page, re.DOTALL))


@pytest.fixture
def widgets():
    """The widgets that are alive."""
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    return importlib.import_module("ipywidgets.widgets.widget")._instances


def test_no_text_of_the_data_ends_the_script_that_holds_it():
    page = VIEW.to_html()
    found = scripts(page)
    assert list(found) == ["application/json", "module"]
    assert json.loads(found["application/json"]) == {"label": HOSTILE}
    assert page.count("<script") == 2
    assert "<title>a &lt;b&gt;</title>" in page


def test_a_page_reads_nothing_from_anywhere():
    """No address of a net, and no file beside it."""
    assert re.findall(r"https?://[^\s\"'\\]+|\bsrc=|\bhref=", VIEW.to_html()) == []


def test_a_frame_holds_the_whole_page():
    frame = VIEW.frame(300)
    assert unescape(re.search(r'srcdoc="([^"]*)"', frame)[1]) == VIEW.to_html()
    assert "height:300px" in frame
    assert 'title="a &lt;b&gt;"' in frame


def test_a_number_that_is_none_is_refused():
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        View("timeline", "", {"x": float("nan")}).to_html()


def test_it_is_saved_as_a_file(tmp_path):
    path = VIEW.save(tmp_path / "view.html")
    assert path.read_text(encoding="utf-8") == VIEW.to_html()


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UsageError) as caught:
        VIEW.save(tmp_path / "no" / "view.html")
    assert str(caught.value) == f"{tmp_path / 'no' / 'view.html'}: cannot be written (No such file or directory)"


def test_a_widget_has_the_data_and_is_gone_once_closed(widgets):
    before = dict(widgets)
    widget = VIEW.widget()
    assert (widget.data, widget.selected) == ({"label": HOSTILE}, "")
    assert "tfv-pane" in widget._css
    assert "tfv-bar" in widget._css
    widget.close()
    assert widgets == before


def test_a_notebook_shows_one_widget_however_often(widgets):
    view = View("timeline", "t", {})
    first, second = view._repr_mimebundle_(), view._repr_mimebundle_()
    kind = "application/vnd.jupyter.widget-view+json"
    assert first[0][kind]["model_id"] == second[0][kind]["model_id"] == view.shown.model_id
    view.shown.close()


def test_without_anywidget_a_line_says_what_to_install(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    view = View("timeline", "timeline of net", {})
    with pytest.raises(UsageError, match=r"^an interactive view in a notebook needs anywidget.*pip install") as caught:
        view.widget()
    assert caught.value.code == "usage.missing_extra"
    shown = view._repr_mimebundle_()["text/plain"]
    assert shown == f"View(timeline of net; save it with .save('view.html'))\n{caught.value}"
