"""Every notebook runs from top to bottom in a kernel of its own, and says what is committed where that is checked."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
NOTEBOOKS = sorted((REPO / "notebooks").glob("*.ipynb"))
CHECKED, MEASURED = "nbval-check-output", "nbval-ignore-output"


def code_cells(notebook):
    return [c for c in json.loads(notebook.read_text())["cells"] if c["cell_type"] == "code"]


def run(notebook):
    """Run it in a process of its own: here its kernel's warnings would be errors, and xdist would deal out cells."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts=", "-o",
               "filterwarnings=", "-q", "--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=120", str(notebook)]
    # This tree, not one that happens to be installed.
    paths = [str(REPO), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return subprocess.run(command, cwd=REPO, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_says_what_is_committed(notebook):
    done = run(notebook)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(code_cells(notebook))} passed" in done.stdout


def test_notebooks_are_numbered_without_a_gap_and_the_readme_tells_how_many_there_are():
    assert [p.stem[:3] for p in NOTEBOOKS] == [f"{i:02}_" for i in range(1, len(NOTEBOOKS) + 1)]
    numbers = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    assert f"JupyterLab on {numbers[len(NOTEBOOKS)]} notebooks" in (REPO / "README.md").read_text()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_short_and_carries_no_noise(notebook):
    cells = json.loads(notebook.read_text())["cells"]
    assert len(cells) <= 15
    for cell in cells:
        assert re.fullmatch(r"[a-z-]+", cell["id"])
        assert set(cell["metadata"]) <= {"tags"}
        checked = CHECKED in cell["metadata"].get("tags", [])
        assert bool(cell.get("execution_count")) == checked, "nbval compares only what has a number"
        assert bool(cell.get("outputs")) == checked, f"{cell['id']}: outputs are committed where they are checked"
        for output in cell.get("outputs", []):
            assert re.search(r"0x[0-9a-f]{6,}|\d ms\b", json.dumps(output)) is None, "this changes from run to run"


def test_a_notebook_whose_output_changed_fails(tmp_path):
    """The check itself is checked: another value in a cell that is compared, and an error in one that is not."""
    document = json.loads(NOTEBOOKS[0].read_text())
    cells = [{"cell_type": "code", "id": name, "metadata": {"tags": [tag]}, "execution_count": 1, "source": source,
              "outputs": [{"output_type": "execute_result", "execution_count": 1, "metadata": {},
                           "data": {"text/plain": "3"}}]}
             for name, tag, source in (("same", CHECKED, "1 + 2"), ("other", CHECKED, "2 + 2"),
                                       ("free", MEASURED, "9"), ("error", MEASURED, "1 / 0"))]
    broken = tmp_path / "broken.ipynb"
    broken.write_text(json.dumps({**document, "cells": cells}))
    done = run(broken)
    assert done.returncode == 1
    assert "2 failed, 2 passed" in done.stdout


PUBLIC = {"import tfjslab as tf", "from tfjslab import zoo"}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_reads_as_a_story_that_imports_what_is_public(notebook):
    """No cell shows whether a test passes, as a tuple or a comparison, and nothing is imported from the inside."""
    for cell in code_cells(notebook):
        lines = [line for line in "".join(cell["source"]).splitlines() if not line.startswith("%")]
        plain = [re.sub(r"= %\w+.*", "= None", line) for line in lines]
        assert {line for line in plain if re.match(r"(from|import) tfjslab", line)} <= PUBLIC
        body = ast.parse("\n".join(plain)).body
        last = body[-1].value if body and isinstance(body[-1], ast.Expr) else None
        assert not isinstance(last, (ast.Tuple, ast.Compare)), cell["id"]
