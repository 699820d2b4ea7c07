"""``--store`` on the commands that measure, and ``tfjslab history``."""

import json

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.cli.app import main
from tfjslab.store import StoredFigure


@pytest.fixture(name="path")
def _path(tmp_path):
    return str(tmp_path / "s.sqlite")


def fill(path, *parts):
    """Results of model m, in groups of (count, milliseconds)."""
    values = [level * (1 + 0.01 * (i % 3)) for count, level in parts for i in range(count)]
    with tf.open_store(path) as store:
        for i, value in enumerate(values):
            store.add({"i": i}, kind="bench", model="m", backend="cpu", machine="here", at=f"2026-11-{i + 1:02}",
                      figures=[StoredFigure("median_ms", value, "ms")])


def test_what_commands_measure_is_kept_with_its_figures(capsys, model, path, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((8, 3), np.float32))
    brief = ["--runs", "2", "--warmup", "0", f"--store={path}"]
    assert main(["bench", model, "--backend", "cpu,wasm-simd", *brief]) == 0
    assert f"tfjslab: store: kept 2 results in {path}" in capsys.readouterr().err
    assert main(["profile", model, "--backend", "cpu", *brief]) == 0
    data = ["--input", str(tmp_path / "x.npy")]
    assert main(["sweep", model, "--backend", "cpu", *data, "--kind", "uint8", *brief]) == 0
    assert main(["quantize", model, "--kind", "uint8", "--report", "--backend", "cpu", *brief]) == 0
    ops = tmp_path / "ops.json"
    ops.write_text('{"rows": [{"group": "g", "op": "Relu", "inputs": [[1, 4]]}]}')
    assert main(["bench", "--ops", str(ops), "--rounds", "1", "--backend", "cpu", f"--store={path}"]) == 0
    with tf.open_store(path) as store:
        found = store.results()
        kept = {(r.kind, r.backend) for r in found}
        assert kept == {("bench", "cpu"), ("bench", "wasm-simd"), ("profile", "cpu"), ("sweep", "cpu"),
                        ("quantize", "cpu"), ("ops", "cpu")}
        assert all(r.model == model for r in found if r.kind in {"bench", "quantize"})
        assert {r.digest for r in found if r.kind != "ops"} == {found[0].digest}
        names = {r.kind: {f.name for f in r.figures} for r in found}
    assert {"median_ms", "p95_ms", "peak_bytes", "load_ms"} <= names["bench"]
    assert {"wall_ms", "steady_ms", "peak_bytes"} <= names["profile"]
    assert {"uint8/median_ms", "float32/median_ms", "uint8/weight_bytes"} <= names["sweep"]
    assert {"weight_bytes_after", "after_ms"} <= names["quantize"]
    assert names["ops"] == {"cpu/Relu 1x4/ms"}


def test_a_store_that_cannot_be_made_is_told_before_anything_is_measured(capsys, model, tmp_path):
    (tmp_path / "file").write_text("")
    assert main(["bench", model, f"--store={tmp_path / 'file' / 'x'}"]) == 2
    out = capsys.readouterr()
    assert (out.out, "its folder cannot be made" in out.err) == ("", True)


def test_history_fails_on_a_regression_that_stands(capsys, path, tmp_path):
    fill(path, (12, 5.0), (8, 5.5))
    assert main(["history", "--store", path]) == 0
    assert main(["history", "--store", path, "--fail-on", "20%"]) == 0
    chart = str(tmp_path / "h.svg")
    assert main(["history", "--store", path, "--model", "m", "--fail-on", "5%", "--chart", chart]) == 1
    out = capsys.readouterr().out
    assert "m, cpu: median_ms: 20 results, 5.00 ms to 5.61 ms" in out
    assert "regression: m, cpu: median_ms is more than 5.0% worse since" in out
    assert (tmp_path / "h.svg").read_text().startswith("<?xml")
    assert main(["history", "--store", path, "--json", "-"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert [(c["point"], c["kind"]) for c in found["changes"]] == [(12, "worse")]
    assert len(found["points"]) == 20
    assert main(["history", "--store", path, "--since", "2026-11-13", "--fail-on", "5%"]) == 0


def test_history_of_nothing_says_what_there_is(capsys, path):
    assert main(["history", "--store", path]) == 2
    assert "there is no results store" in capsys.readouterr().err
    fill(path, (2, 5.0))
    assert main(["history", "peak", "--store", path]) == 3
    assert "no figure is called 'peak'; figures: median_ms" in capsys.readouterr().err
    assert main(["history", "--store", path]) == 0
    assert "at least 6 results that count are needed to tell of a change" in capsys.readouterr().out
