"""Names of models, nodes, layers, outputs and files never become elements, attributes or commands of a terminal."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.hostile import ACTING, ATTACKS, MARK, ONES, hostile_graph

import tfjslab
from tfjslab.base.messages import escaped
from tfjslab.cli.app import main
from tfjslab.cli.command import Outcome
from tfjslab.cli.output import emit, print_table
from tfjslab.model import Model

PACKAGE = Path(tfjslab.__file__).parent
# Where HTML is made safe: for all that is shown, for a page as an attribute, and twice for what has cuts of its own.
ESCAPING = {"base/messages.py", "views/view.py", "reports/markup.py", "export/web/folder.py"}


class Elements(HTMLParser):
    """Elements that arose from names, and what scripts hold."""

    def __init__(self, page):
        super().__init__()
        self.found, self.scripts, self.text, self._inside = [], [], "", False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        """See HTMLParser."""
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append((dict(attrs).get("type"), ""))
        for name, value in attrs:
            if name == "srcdoc":
                self.found += Elements(value).found
            address = name in ("src", "href") and not (value or "").startswith(("data:", "https:", "http:", "./", "#"))
            if name == MARK or name.startswith("on") or (address and value not in ("demo.js", "demo.css")):
                self.found.append((tag, name, value))
        if tag == MARK:
            self.found.append((tag,))

    def handle_endtag(self, _tag):
        """See HTMLParser."""
        self._inside = False

    def handle_data(self, data):
        """See HTMLParser."""
        self.text += data
        if self._inside:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)


def acting(text):
    """Characters that act, of those that names bring along, and line breaks that they do."""
    return sorted(set(ACTING) & set(text))


def test_no_text_acts_on_a_terminal(hostile):
    assert {what: acting(text) for what, text in hostile.texts.items() if acting(text)} == {}
    assert all("hacked" in text for what, text in hostile.texts.items() if what.startswith("repr of model"))


def test_charts_draw_names_as_they_are(hostile):
    """No name turns the direction of a label, or is a formula."""
    for what, texts in hostile.drawn.items():
        assert acting("".join(texts)) == [], what
        assert [t for t in texts if re.search(r"(?<!\\)\$", t)] == [], what
    assert MARK in "".join(hostile.drawn["kernel_time"])
    specs = {what: json.loads(text) for what, text in hostile.data.items() if what.startswith("chart")}
    assert [what for what, spec in specs.items() if acting(json.dumps(spec, ensure_ascii=False))] == []
    assert any(specs.values())


def test_no_element_or_attribute_arises_from_a_name(hostile):
    pages = hostile.pieces | hostile.pages | {"demo": (hostile.folder / "index.html").read_text()}
    assert {what: Elements(page).found for what, page in pages.items() if Elements(page).found} == {}
    assert {what: acting(page) for what, page in pages.items() if acting(page)} == {}
    assert MARK in Elements(pages["model"]).text  # the names are there


def test_scripts_of_pages_hold_names_as_data_only(hostile):
    for what, page in hostile.pages.items():
        for kind, script in Elements(page).scripts:
            if kind == "application/json":
                assert acting(json.dumps(json.loads(script), ensure_ascii=False)) == [], what
            else:
                assert MARK not in script, what


def test_traces_and_web_modules_hold_names_as_data(hostile):
    assert MARK in hostile.data["trace"]
    assert acting(hostile.data["trace"]) == []
    files = {f.name: f.read_text() for f in hostile.folder.iterdir() if f.suffix in (".js", ".ts", ".md", ".json", "")}
    assert {name: acting(text) for name, text in files.items() if acting(text)} == {}
    table = next(line for line in files["model.js"].splitlines() if line.startswith("export const MODEL = "))
    port = json.loads(table.removeprefix("export const MODEL = ").removesuffix(";"))["inputs"][0]
    assert port["name"] == hostile_graph().inputs[0].name  # the very name: it is how outputs are asked for
    assert f"<{MARK}" not in files["README.md"]
    assert files["model.d.ts"].count("*/") == files["model.d.ts"].count("/*")


def test_what_is_kept_and_collected_holds_names_as_data(hostile):
    assert MARK in json.loads(hostile.data["session"])["runs"][0]["result"]["model"]
    assert acting(hostile.data["session"]) == []
    labels = [line for line in hostile.data["metrics"].splitlines() if MARK in line and not line.startswith("#")]
    assert labels
    assert [line for line in labels if not re.fullmatch(r'\w+\{(\w+="([^"\\]|\\.)*",?)+\} \S+', line)] == []
    assert acting(hostile.data["metrics"]) == []


def test_the_command_line_shows_names_that_do_not_act(tmp_path, capsys):
    with Model(hostile_graph(), "cpu") as model:
        path = str(model.save(tmp_path / "model.tflite"))  # whose names may be any text
    for arguments in (["inspect"], ["run", "--backend", "cpu"], ["profile", "--backend", "cpu", "--runs", "1"]):
        assert main([arguments[0], path, *arguments[1:]]) == 0
    assert main(["inspect", str(tmp_path / ACTING)]) == 3
    out, err = capsys.readouterr()
    assert MARK in out
    assert (acting(out), acting(err)) == ([], [])
    assert "no" in err


def test_tables_of_the_command_line_show_markup_as_text(capsys):
    emit(Outcome({}, lambda console: print_table(console, ATTACKS[7], ATTACKS[7:8], [[a] for a in ATTACKS])), None)
    out = capsys.readouterr().out
    assert out.count("[bold red]x[/]") == 3
    assert acting(out) == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_escaped_text_is_one_short_line_without_markup(attack):
    found = escaped(f"node '{attack}'")
    assert found.isprintable()
    assert not set("<>\"'") & set(found)
    assert len(found) < 500


def test_html_is_made_safe_in_one_place():
    """Else a new page would not take what acts out of names."""
    calls = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py") if re.search(r"html\.escape|from html import", path.read_text())
    }
    assert calls == ESCAPING


def test_the_inputs_of_such_a_model_are_found_by_name():
    with Model(hostile_graph(), "cpu") as model:
        assert model.predict({model.inputs[0].name: ONES}).shape == (1, 4)
