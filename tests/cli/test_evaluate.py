"""``evaluate`` and ``sweep`` from files: what they print, what JSON holds, and what they refuse."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tfjslab.cli.app import main
from tfjslab.vis import charts
from tfjslab.zoo import digits


@pytest.fixture
def files(tmp_path):
    """Images to calibrate on, images to judge by, their labels."""
    data = load_digits()
    images = (data.images / 16).astype(np.float32)[..., None]
    learn, test = map(list, digits.split(len(images)))
    arrays = {"learn": images[learn[:64]], "test": images[test[:100]], "labels": data.target[test[:100]]}
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    return {name: str(tmp_path / f"{name}.npy") for name in arrays}


def test_evaluate_counts_right_answers(files, capsys):
    argv = ["evaluate", "digits", "--input", files["test"], "--labels", files["labels"], "--top-k", "1,2", "-b", "cpu"]
    assert main(argv) == 0
    shown = capsys.readouterr().out
    assert "digits on cpu, 100 samples in batches of 64" in shown
    assert "top-2" in shown
    assert main([*argv, "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["accuracy"] >= 0.95
    assert [t["k"] for t in told["top"]] == [1, 2]
    assert sum(map(sum, told["confusion"])) == 100


def test_evaluate_measures_against_a_reference(files, tmp_path, capsys):
    assert main(["quantize", "digits", "--kind", "uint8", "--out", str(tmp_path / "small")]) == 0
    capsys.readouterr()
    argv = ["evaluate", str(tmp_path / "small"), "--reference", "digits", "--input", f"image={files['test']}"]
    assert main([*argv, "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["reference"] == "digits"
    assert told["errors"][0]["top1_agreement"] >= 0.97
    assert told["accuracy"] is None


def test_sweep_shows_its_rows_draws_them_and_recommends(files, tmp_path, capsys):
    chart = tmp_path / "sweep.png"
    argv = ["sweep", "digits", "--input", files["test"], "--labels", files["labels"], "--calibration", files["learn"],
            "--kind", "int8", "--kind", "uint8", "--goal", "size", "--chart", str(chart), "-r", "5", "-b", "wasm-simd"]
    assert main(argv) == 0
    shown = capsys.readouterr().out
    assert "accuracy and cost of settings, on 100 samples" in shown
    assert "> recommended: the one with the smallest weights of those whose accuracy passes" in shown
    assert chart.read_bytes().startswith(b"\x89PNG")
    assert main([*argv, "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["recommended"] in {r["setting"] for r in told["rows"]}
    assert told["measure"] == "top1"


@pytest.mark.parametrize(("extra", "code", "message"), [
    ([], 2, "give --labels, to count right answers, or --reference"),
    (["--labels", "none.npy"], 3, "none.npy: no such file"),
    (["--reference", "digits", "--top-k", "0"], 2, "--top-k 0: expected numbers from 1 with commas, such as 1,5"),
])
def test_what_cannot_be_evaluated_is_refused(files, capsys, extra, code, message):
    assert main(["evaluate", "digits", "--input", files["test"], *extra]) == code
    assert message in capsys.readouterr().err


def test_wrong_files_and_names_are_refused(files, capsys):
    wrong = ["--input", files["test"], "--input", files["learn"], "--labels", files["labels"]]
    assert main(["evaluate", "digits", *wrong]) == 2
    assert "input 'image' is given twice" in capsys.readouterr().err
    assert main(["sweep", "digits", "--input", files["test"], "--kind", "int9"]) == 2
    assert "kind 'int9' is not one of optimized, int8" in capsys.readouterr().err
    assert main(["evaluate", "digits", "--input", files["labels"], "--labels", files["labels"]]) == 3
    assert "expected numbers with samples along the first axis of 4" in capsys.readouterr().err
    argv = ["sweep", "digits", "--input", files["test"], "--kind", "uint8", "-r", "2", "--chart", "/none/c.png"]
    assert main(argv) == 2
    told = capsys.readouterr()
    assert "--chart /none/c.png: cannot be written" in told.err
    assert "uint8" in told.out, "the table is not lost"
    assert main([*argv, "--json", "-"]) == 2
    assert json.loads(capsys.readouterr().out)["rows"]


def test_whatever_goes_wrong_in_a_chart_the_table_is_there(files, capsys, monkeypatch, tmp_path):
    def broken(_sweep):
        raise TypeError("no such thing")

    monkeypatch.setattr(charts, "pareto", broken)
    target = str(tmp_path / "c.png")
    argv = ["sweep", "digits", "--input", files["test"], "--kind", "uint8", "-r", "2", "--chart", target]
    assert main(argv) == 2
    told = capsys.readouterr()
    assert "cannot be written (no such thing)" in told.err
    assert "uint8" in told.out
