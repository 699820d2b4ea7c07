"""The scripts of `tools/`."""

import argparse
import importlib
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]


@pytest.fixture
def tool(monkeypatch):
    """A script of ``tools/`` by name, as a module."""
    monkeypatch.syspath_prepend(REPO / "tools")
    return importlib.import_module


def block(kind, *lines):
    return "\n".join([f"```{kind}", *lines, "```", ""])


def test_examples_are_run_and_what_they_print_is_written_behind_them(tool, tmp_path):
    page = "\n".join([
        "# Page\n", block("python", "x = 20"), block("python", "print(x + 1)"), block("text", "old"),
        block("sh", "echo two; echo unseen >&2"), block("text"), block("sh", "exit 1"), "The end.\n",
    ])
    filled = tool("fill_examples").filled(page, tmp_path)
    assert filled == page.replace("old", "21").replace(block("text"), block("text", "two"))


def test_an_example_that_fails_is_an_error_and_not_a_page(tool, tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        tool("fill_examples").filled(f"{block('sh', 'exit 3')}\n{block('text', 'kept')}", tmp_path)


PEER = {"median_ms": 4.0, "ratio": 2.0, "ratio_min": 1.5, "ratio_max": 2.5, "load_ms": 3.0, "first_ms": 2.0,
        "load_first_ratio": 2.5, "difference": 1.2e-6}
OURS = {"backend": "wasm-simd", "threads": 1, "median_ms": 2.0, "load_ms": 0.5, "compile_ms": 1.0, "first_ms": 0.5}


def test_the_page_of_performance_has_a_line_for_each_backend_with_the_load_beside_it(tool):
    tools = tool("measure_performance")
    rows = tools.bench_rows(tools.Figures("Model", 0.125, [{**OURS, "peer": PEER}, {**OURS, "peer": PEER}]))
    page = tools.page("Measured here.", rows, [], [])
    line = "`wasm-simd`, 1 | 2.00 | 4.00 | 2.00 (1.50 to 2.50) | 2.00 | 5.00 | 2.5 | 1.2e-06"
    assert page.endswith(f"| Model | {line} | 0.12 |\n|  | {line} |  |\n")
    assert "## int8" not in page


def test_what_the_peer_did_not_measure_is_a_dash(tool):
    tools = tool("measure_performance")
    failed = dict.fromkeys(PEER)
    (row,) = tools.bench_rows(tools.Figures("Model", None, [{**OURS, "peer": failed}]))
    assert row[3:] == ["-", "-", "2.00", "-", "-", "-", "-"]


def test_a_path_needs_a_label_so_that_no_page_names_it(tool):
    labelled = tool("measure_performance").labelled
    assert labelled("A, b=path/to/it") == ("A, b", "path/to/it")
    assert labelled("digits") == ("digits", "digits")
    with pytest.raises(argparse.ArgumentTypeError, match="give a label"):
        labelled("path/to/it")


@pytest.mark.parametrize(("slowest", "ends_with"), [(2.1, 0), (2.3, 1)])
def test_calibrations_beside_busy_loops_are_compared_with_the_quiet_one(tool, monkeypatch, capsys, slowest, ends_with):
    """Each in a folder of its own; while they run, so many loops do; the loops are gone before plans are compared."""
    check, begun, loops = tool("check_calibration"), [], []
    monkeypatch.setattr(check.subprocess, "Popen", lambda *_: loops.append(loop := _Loop()) or loop)

    def calibrate(model, folder):
        begun.append((model, Path(folder).name, sum(not loop.ended for loop in loops)))
        return {"ms": 1000.0, "classes": 20, "doubted": 3}

    def fastest(model, folders):
        assert all(loop.ended for loop in loops)
        return [2.0, slowest] if "Mobile" in model else [4.0, 4.0]

    monkeypatch.setattr(check, "calibrate_apart", calibrate)
    monkeypatch.setattr(check, "fastest_ms", fastest)
    assert check.main(["--fresh", "1", "--neighbours", "3"]) == ends_with
    assert begun == [(model, *how) for model in check.MODELS for how in (("quiet", 0), ("busy 1", 3))]
    told = capsys.readouterr().out.splitlines()
    assert told[1] == (f"MobileNetV2    busy 1      {slowest:.3f} ms, {slowest / 2:.3f} of quiet; made in 1000 ms, "
                       "3 of 20 classes in doubt")
    assert len(told) == 4


class _Loop:
    """A process that runs until it is ended."""

    def __init__(self):
        self.ended = False

    def kill(self):
        self.ended = True

    def wait(self):
        assert self.ended
