"""What messages say about installing: one command, which works for whoever has the repository."""

from __future__ import annotations

import builtins
import re
import sys
import tomllib
from pathlib import Path

import pytest

from tfjslab.base.extras import install
from tfjslab.magics.result import chart
from tfjslab.views.view import View

REPO = Path(__file__).parents[2]
EXTRAS = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_nothing_tells_to_install_from_a_registry_that_does_not_have_it():
    places = [*(REPO / "tfjslab").rglob("*.py"), *(REPO / "docs").rglob("*.md"), *(REPO / "notebooks").glob("*.ipynb"),
              REPO / "README.md"]
    wrong = re.compile(r"pip install (-e )?'?tfjslab\b")
    assert [p.relative_to(REPO).as_posix() for p in places if wrong.search(p.read_text(encoding="utf-8"))] == []


def test_hints_name_extras_that_exist():
    texts = [p.read_text(encoding="utf-8") for p in (REPO / "tfjslab").rglob("*.py")]
    named = {name for text in texts for name in re.findall(r"\binstall\(['\"](\w+)['\"]\)", text)}
    assert named >= {"lab", "gpu", "browser", "test"}
    assert named <= set(EXTRAS)


def test_a_view_without_anywidget_says_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    assert install("lab") in View("timeline", "a title", {})._repr_mimebundle_()["text/plain"]


def test_a_profile_without_matplotlib_is_shown_without_its_chart(monkeypatch):
    whole = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("tfjslab.vis"):
            raise ImportError("charts are drawn with matplotlib, which is missing")
        return whole(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    assert chart("kernel_time", None) == "<p>No chart: charts are drawn with matplotlib, which is missing</p>"


@pytest.mark.parametrize("extra", ["lab", "gpu"])
def test_the_command_is_that_of_the_readme(extra):
    command = install(extra).removeprefix("run ").partition(" in the folder")[0]
    assert f"`{command}`" in (REPO / "README.md").read_text()
