"""Commands on a .tflite file whose tensors are quantized."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.flat import operator, subgraph, tensor, tflite

from tfjslab.cli.app import main


@pytest.fixture
def path(tmp_path):
    """A dense layer of two units on three bytes."""
    tensors = [
        tensor("x", (1, 3), "int8", scale=0.5, zero_point=3), tensor("w", (2, 3), "int8", 1, scale=0.25),
        tensor("b", (2,), "int32", 2), tensor("y", (1, 2), "int8", scale=2.0, zero_point=-1),
    ]
    made = subgraph(tensors, [operator(0, [0, 1, 2], [3], {0: ("<b", 0)})], [0], [3])
    stored = [np.arange(6, dtype=np.int8), np.array([8, -8], np.int32)]
    file = tmp_path / "dense.tflite"
    file.write_bytes(tflite(["FULLY_CONNECTED"], [made], stored))
    return str(file)


def test_inspect_tells_what_the_integers_stand_for(capsys, path):
    assert main(["inspect", path, "--backend", "cpu", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["inputs"] == [{"name": "x", "shape": [1, 3], "dtype": "int8", "scale": 0.5, "zero_point": 3}]
    assert (found["outputs"][0]["scale"], found["outputs"][0]["zero_point"]) == (2.0, -1)
    assert found["parameters"] == 8
    assert main(["inspect", path, "--backend", "cpu"]) == 0
    text = capsys.readouterr().out
    assert "int8, 0.5 x (q - 3)" in text
    assert "int8, 2 x (q - -1)" in text


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
def test_run_takes_stored_integers_from_a_file(capsys, tmp_path, path, backend):
    x = np.array([[3, 5, 127]], np.int8)  # 0, 1 and 62
    raw = tmp_path / "x.bin"
    x.tofile(raw)
    out = tmp_path / "y.npz"
    assert main(["run", path, "--backend", backend, "--input", str(raw), "--output", str(out)]) == 0
    assert "int8" in capsys.readouterr().out
    with np.load(out) as found:
        np.testing.assert_array_equal(found["y"], np.array([[15, 38]], np.int8))  # 258 and 620 / 16, - 1
        assert found["y"].dtype == np.int8
