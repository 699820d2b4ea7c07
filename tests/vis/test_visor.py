"""The visor's state, and its HTML as a browser without scripts reads it."""

import gc
import subprocess
import sys
import weakref
from html.parser import HTMLParser

import pytest

import tfjslab as tf
from tfjslab.base.errors import UsageError
from tfjslab.vis import render, visor
from tfjslab.vis.canvas import ChartFigure
from tfjslab.vis.image import data_uri, png
from tfjslab.vis.visor import Surface, Visor


@pytest.fixture(autouse=True)
def _empty_visor():
    visor().clear()
    visor().open()
    visor().fullscreen(on=False)
    yield
    visor().clear()


class Reader(HTMLParser):
    """Collects tags with their attributes, and texts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """A tag and its attributes."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        """A text."""
        self.texts.append(data)

    def all(self, tag):
        """The attributes of every such tag."""
        return [attrs for name, attrs in self.tags if name == tag]


def draw(name, tab=None):
    return render.linechart({"name": name} | ({"tab": tab} if tab else {}), {"values": [1, 2]})


def test_what_is_drawn_into_a_surface_replaces_what_was_there():
    first, second = draw("Loss", "Training"), draw("Loss", "Training")
    surface = visor().surface("Loss", "Training")
    assert list(surface.parts.values()) == [second.figure]
    assert first.figure is not second.figure
    assert repr(surface) == "Surface('Loss', tab 'Training', 1 chart)"
    surface.clear()
    assert repr(surface) == "Surface('Loss', tab 'Training', 0 charts)"


def test_there_is_one_visor_and_a_surface_is_found_by_name_and_tab():
    assert tf.vis.visor() is visor()
    one = visor().surface({"name": "a", "tab": "T"})
    assert visor().surface("a", "T") is one
    assert visor().surface("a") is not one
    assert visor().surface("a").tab == "Visor"


def test_a_new_tab_becomes_the_active_one_and_another_can_be_chosen():
    draw("a", "One")
    draw("b", "Two")
    draw("c", "One")
    assert (visor().tabs, visor().active_tab) == (("One", "Two"), "Two")
    visor().set_active_tab("One")
    assert visor().active_tab == "One"
    with pytest.raises(UsageError, match=r"^tab 'Tow' is not one of One, Two; did you mean 'Two'\?$"):
        visor().set_active_tab("Tow")


def test_open_close_toggle_and_full_screen():
    v = Visor()
    assert v.is_open()
    v.toggle()
    assert (v.is_open(), repr(v)) == (False, "Visor(closed, 0 surfaces on 0 tabs)")
    v.open()
    v.close()
    v.toggle()
    v.fullscreen()
    assert (v.is_fullscreen(), repr(v)) == (True, "Visor(open, full screen, 0 surfaces on 0 tabs)")
    v.toggle_fullscreen()
    assert not v.is_fullscreen()


def test_tabs_need_no_script_and_hold_their_surfaces_in_order():
    draw("a", "One")
    draw("b", "Two <&>")
    draw("c", "One")
    html = visor()._repr_html_()
    page = Reader(html)
    assert [(i["aria-label"], "checked" in i) for i in page.all("input")] == [("One", False), ("Two <&>", True)]
    assert [i["alt"] for i in page.all("img")] == ["a", "c", "b"]
    assert all(i["src"].startswith("data:image/png;base64,") and i["width"] == "560" for i in page.all("img"))
    assert len(page.all("form")) == 1
    assert not page.all("script")
    assert "<&>" not in html


def test_tables_are_text_in_the_visor():
    render.table({"name": "T"}, {"headers": ["layer"], "values": [["<script>"]]})
    page = Reader(visor()._repr_html_())
    assert "<script>" in page.texts
    assert len(page.all("table")) == 1
    assert not page.all("img")
    assert not page.all("script")


def test_a_closed_or_empty_visor_shows_a_line():
    assert "nothing drawn yet" in visor()._repr_html_()
    draw("a")
    visor().close()
    assert "<img" not in visor()._repr_html_()
    assert "closed, 1 surfaces" in visor()._repr_html_()


def test_full_screen_is_wide():
    draw("a")
    assert Reader(visor()._repr_html_()).all("form") == [{"class": "tfvis"}]
    visor().fullscreen()
    assert Reader(visor()._repr_html_()).all("form") == [{"class": "tfvis tfvis-wide"}]


def test_what_notebooks_get_has_text_without_addresses():
    draw("a")
    bundle = visor()._repr_mimebundle_(include=None, exclude=None)
    assert bundle["text/plain"] == "Visor(open, 1 surface on 1 tab)"
    assert len(Reader(bundle["text/html"]).all("img")) == 1


def test_styles_are_the_size_of_charts_and_lengths_of_the_page():
    render.barchart({"name": "a", "styles": {"width": 300, "height": "200px", "maxWidth": "50%"}}, [1, 2])
    surface = visor().surface("a")
    assert (surface.parts[""].get_size_inches() * 100).tolist() == [300, 200]
    assert 'style="width:300px;height:200px;max-width:50%;"' in surface._repr_html_()


@pytest.mark.parametrize("styles", [{"width": "1px;}</style>"}, {"color": "red"}, {"width": "wide"}])
def test_what_is_no_length_does_not_get_into_the_page(styles):
    with pytest.raises(UsageError, match="expected a length as one of width, height, max_width, max_height"):
        visor().surface("a", styles=styles)


@pytest.mark.parametrize("given", [{}, {"tab": "T"}, {"name": 3}, {"name": "a", "kind": "b"}])
def test_a_surface_needs_a_name(given):
    with pytest.raises(UsageError, match="expected a 'name', and a 'tab' and 'styles' at most"):
        visor().surface(given)


def test_a_surface_shows_figures_only():
    with pytest.raises(UsageError, match=r"^a surface shows matplotlib figures, not a str$"):
        Surface("a").show("picture")


def test_a_cleared_visor_lets_figures_go():
    figure = weakref.ref(draw("a").figure)
    visor().clear()
    gc.collect()
    assert figure() is None


def test_pyplot_is_never_touched():
    code = (
        "import sys; from tfjslab.vis import render, visor; render.histogram({'name': 'a'}, [1, 2]); "
        "visor()._repr_html_(); print('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_a_drawing_shows_itself_and_equal_ones_have_equal_bytes():
    drawn = draw("a")
    assert isinstance(drawn.figure, ChartFigure)
    data, size = drawn._repr_png_()
    assert data.startswith(b"\x89PNG")
    assert size == {"width": 560, "height": 340}
    assert png(draw("a").figure) == png(draw("b").figure)
    assert data_uri(drawn.figure).startswith("data:image/png;base64,iVBOR")
    assert " at 0x" not in repr(drawn)
    assert drawn._repr_html_() is None


def test_a_transparent_picture_is_asked_for():
    figure = draw("a").figure
    assert png(figure, transparent=True) != png(figure)
