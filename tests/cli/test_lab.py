"""``tfjslab lab`` up to the moment when JupyterLab starts; the browser test goes on from there."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from tfjslab.base import resources
from tfjslab.base.extras import install
from tfjslab.cli.app import main
from tfjslab.cli.command import INTERRUPTED
from tfjslab.cli.commands import lab

REPO = Path(__file__).parents[2]


@pytest.fixture
def started(monkeypatch):
    """What would have been started, instead of starting it; ``code`` is how it ends."""
    class Started:
        returncode = 0

        def start(self, command, **_how):
            self.command, self.told = command, []
            return self

        def wait(self, timeout=None):
            if self.returncode == INTERRUPTED and timeout is None:
                raise KeyboardInterrupt
            self.told.append("waited")
            return self.returncode

        def terminate(self):
            self.told.append("ended")

    monkeypatch.setattr(lab.subprocess, "Popen", (fake := Started()).start)
    return fake


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """As if the package came from a wheel, with two notebooks."""
    carried = tmp_path / "package" / "notebooks"
    carried.mkdir(parents=True)
    for name in ("01.ipynb", "02.ipynb", "notes.txt"):
        (carried / name).write_text(f"shipped {name}")
    monkeypatch.setattr(resources, "_found", lambda _name: carried)
    monkeypatch.setattr(lab, "documents_root", lambda: tmp_path / "documents" / "tfjslab")
    return tmp_path


def error(capsys, *argv):
    """Exit code and the one line on stderr."""
    code = main(list(argv))
    return code, capsys.readouterr().err.rstrip("\n")


def test_a_checkout_opens_its_own_notebooks(started, capsys):
    assert main(["lab", "--json", "-"]) == 0
    assert started.command == [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={REPO / 'notebooks'}"]
    assert json.loads(capsys.readouterr().out) == {"folder": str(REPO / "notebooks")}


def test_options_are_those_of_the_server(started):
    assert main(["lab", "--no-browser", "--port", "8899", "--allow-root"]) == 0
    assert started.command[4:] == ["--ServerApp.port=8899", "--no-browser", "--allow-root"]


def test_an_installed_package_copies_its_notebooks_and_keeps_those_that_are_there(started, installed, capsys):
    folder = installed / "documents" / "tfjslab"
    folder.mkdir(parents=True)
    (folder / "02.ipynb").write_text("mine")
    assert main(["lab"]) == 0
    assert f"--ServerApp.root_dir={folder}" in started.command
    assert {p.name: p.read_text() for p in folder.iterdir()} == {"01.ipynb": "shipped 01.ipynb", "02.ipynb": "mine"}
    assert f"the notebooks are in {folder}" in capsys.readouterr().out


def test_a_folder_of_ones_own_gets_the_notebooks(started, installed):
    assert main(["lab", "--folder", str(installed / "own")]) == 0
    assert sorted(p.name for p in (installed / "own").iterdir()) == ["01.ipynb", "02.ipynb"]


def test_ctrl_c_is_how_one_leaves(started):
    started.returncode = INTERRUPTED
    assert main(["lab"]) == INTERRUPTED
    assert started.told == ["ended", "waited"]


def test_what_cannot_be_is_one_line(started, installed, capsys, monkeypatch):
    (installed / "file").write_text("")
    assert error(capsys, "lab", "--folder", str(installed / "file")) == (
        2, f"tfjslab: error: {installed}/file: the notebooks cannot be copied there (File exists)")
    assert error(capsys, "lab", "--port", "65536") == (2, "tfjslab: error: --port 65536: expected at most 65535")
    started.returncode = 7
    code, line = error(capsys, "lab")
    assert code == 2
    assert line.startswith("tfjslab: error: JupyterLab ended with exit code 7; it was started by ")
    real = importlib.util.find_spec
    monkeypatch.setattr(lab, "find_spec", lambda name: None if name == "jupyterlab" else real(name))
    assert error(capsys, "lab") == (2, f"tfjslab: error: JupyterLab is not installed; {install('lab')}")
    monkeypatch.setattr(resources, "_found", lambda _name: None)
    code, line = error(capsys, "lab")
    assert code == 2
    assert line.endswith("; reinstall tfjslab")
