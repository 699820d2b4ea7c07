"""The scripts of the soak, in a process whose temporary files nobody else makes."""

import importlib
import tempfile
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch, tmp_path):
    """A script of ``tools/`` by name, as a module."""
    monkeypatch.syspath_prepend(TOOLS)
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return importlib.import_module
