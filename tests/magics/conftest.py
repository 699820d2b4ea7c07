"""Real shells: one that can show HTML as a notebook's kernel does, and one that is a terminal."""

import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

import tfjslab as tf


class Cells:
    """Runs cells in a shell as if they were typed; what they leave goes at the end of the test."""

    def __init__(self, shell):
        self.shell = shell
        self.shown = None

    def __call__(self, *cells):
        """What the last cell gave; its error is raised. ``shown`` has what it printed and displayed."""
        for cell in cells:
            with capture_output() as self.shown:
                done = self.shell.run_cell(cell)
            if done.error_before_exec or done.error_in_exec:
                raise done.error_before_exec or done.error_in_exec
        return done.result

    def __getitem__(self, name):
        return self.shell.user_ns[name]


def _shell(kind, folder, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(folder))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # a shell puts its own module there
    config = Config()
    config.HistoryManager.enabled = False  # it has a thread
    config.TerminalInteractiveShell.simple_prompt = True
    config.InteractiveShell.colors = "nocolor"
    return kind(config=config)


def _cells(kind, folder, monkeypatch):
    shell = _shell(kind, folder, monkeypatch)
    hook = sys.excepthook
    cells = Cells(shell)
    cells("%load_ext tfjslab", "import tfjslab as tf, numpy as np")
    yield cells
    tf.dispose([v for v in shell.user_ns.values() if isinstance(v, (tf.Tensor, list))])
    shell.reset(new_session=False)
    shell.restore_sys_module_state()
    sys.excepthook = hook


@pytest.fixture
def cells(tmp_path, monkeypatch):
    """A shell with the extension loaded, in which cells are run."""
    yield from _cells(InteractiveShell, tmp_path / "ipython", monkeypatch)


@pytest.fixture
def terminal(tmp_path, monkeypatch):
    """The same in a terminal."""
    yield from _cells(TerminalInteractiveShell, tmp_path / "ipython", monkeypatch)
