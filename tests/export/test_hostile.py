"""What the loader says to damaged files, half downloads and wrong calls, in Node."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.web import exported, run_script, small_graph

from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """(class, code, message) by case, and the sizes of the files."""
    folder, made = exported(tmp_path_factory.mktemp("hostile") / "web", small_graph(64))
    return run_script("hostile.mjs", folder), made.files


CASES = {
    "short weights": ("load.size", "weights.bin: found 100 bytes, expected {weights}; download it again"),
    "short code": ("load.size", "model-simd.wasm: found 100 bytes, expected {code}; download it again"),
    "an unknown variant": (
        "load.variant",
        "variant fast cannot run here (unknown); can run: plain, simd, relaxed, threads, threads-relaxed"),
    "wrong length": ("input.shape", "input 'x': found 12287 values, expected 12288 (1 x 64 x 64 x 3)"),
    "wrong dtype": ("input.dtype", "input 'x': found Int32Array, expected Float32Array (float32)"),
    "an array of numbers": ("input.dtype", "input 'x': found Array, expected Float32Array (float32)"),
    "nothing": ("input.dtype", "input 'x': found undefined, expected Float32Array (float32)"),
    "null": ("input.dtype", "input 'x': found undefined, expected Float32Array (float32)"),
    "wrong name": ("input.name", "input 'z' is unknown; expected x"),
    "no name": ("input.dtype", "input 'x': found undefined, expected Float32Array (float32)"),
    "a picture": ("input.picture", "input 'x' takes numbers; export it with --input image"),
    "disposed": ("disposed", "this model has been disposed"),
    "profile of a disposed one": ("disposed", "this model has been disposed"),
    "stopped before": ("load.aborted", "weights.bin: the download was stopped"),
    "stopped before, in a worker": ("load.aborted", "the download was stopped"),
    "in a worker, short weights": (
        "load.size", "weights.bin: found 100 bytes, expected {weights}; download it again"),
    "in a worker, wrong length": ("input.shape", "input 'x': found 12287 values, expected 12288 (1 x 64 x 64 x 3)"),
    "in a worker, disposed while it runs": ("disposed", "this model has been disposed"),
    "in a worker, disposed": ("disposed", "this model has been disposed"),
    "a table with another length": (
        "load.size", "weights.bin: found {weights} bytes, expected 64; download it again"),
}
# Those whose messages hold an address, a checksum or the engine's own words: how they start and end.
LOOSE = {
    "long weights": ("load.size", "weights.bin: found ", "; download it again"),
    "a flipped bit at the start": ("load.hash", "weights: found checksum ", "; download them again"),
    "a flipped bit at the end": ("load.hash", "weights: found checksum ", "; download them again"),
    "other code": ("load.module", "model-simd.wasm is damaged or not allowed here (CSP wasm-unsafe-eval): ", ""),
    "a file that is not there": ("load.read", "file://", ""),
    "nothing there": ("load.http", "http://127.0.0.1:", ": found HTTP 404, expected 200"),
    "half a download": ("load.read", "http://127.0.0.1:", ": cannot be read: terminated"),
    "stopped": ("load.aborted", "http://127.0.0.1:", ": the download was stopped"),
    "a table with another checksum": ("load.hash", "weights: found checksum ", "expected abc; download them again"),
    "a table with little memory": ("load.module", "model-simd.wasm does not fit to model.js: ", ""),
}
FINE = ("all of it", "right", "in a worker, right")


@pytest.mark.parametrize("case", CASES)
def test_each_mistake_is_a_model_error_with_its_code_and_message(found, case):
    told, files = found
    code, message = CASES[case]
    whole = message.format(weights=files["weights.bin"], code=files["model-simd.wasm"])
    assert told[case] == ["ModelError", code, whole]


@pytest.mark.parametrize("case", LOOSE)
def test_each_damage_is_a_model_error_with_its_code(found, case):
    code, start, end = LOOSE[case]
    kind, found_code, message = found[0][case]
    assert (kind, found_code) == ("ModelError", code)
    assert message.startswith(start)
    assert message.endswith(end)


@pytest.mark.parametrize("case", FINE)
def test_after_mistakes_right_calls_still_work(found, case):
    assert found[0][case] == ["nothing", "", ""]


def test_no_case_is_left_out(found):
    assert set(found[0]) == {*CASES, *LOOSE, *FINE}


def test_a_wrong_value_is_the_error_of_the_reference_and_the_module_runs_again(tmp_path):
    b = GraphBuilder()
    i, k = b.input("i", (3, 2), "int32"), b.input("k", (4,), "int32")
    table = b.constant("table", np.arange(12, dtype=np.float32).reshape(3, 4))
    none = b.constant("none", np.zeros(0, np.float32))
    outputs = [
        b.value("found", "GatherNd", table, i), b.value("rows", "GatherV2", table, k, axis=1),
        b.value("counts", "Bincount", k, none, size=3),
    ]
    folder, _ = exported(tmp_path / "web", b.build([Port(v, v, None, "float32") for v in outputs], {}))
    good, counted = {"i": [0, 3, 2, 0, 1, 1], "k": [0, 1, 2, 3]}, {"k": [0, 1, -7, -2]}
    indices = [{"i": [0, 3, 2, 4, 3, 1]}, {"i": [0, 3, 2, -1, 2, 1]}, {"k": [0, 1, 4, 3]}]
    bad = [good | wrong for wrong in (*indices, counted)]
    said = run_script("wrong_values.mjs", folder, stdin=json.dumps({"good": good, "bad": bad}))
    texts = [
        "GatherNd: index 3 is out of range for a length of 3", "GatherNd: index -1 is out of range for a length of 4",
        "GatherV2: index 4 is out of range for a length of 4",
        # The order of kernels decides which of two errors comes first.
        ("GatherV2: index -7 is out of range for a length of 4", "a value of -7 is counted; expected numbers >= 0"),
    ]
    assert {"plain", "simd"} <= set(said)
    for runs in said.values():
        assert all(code == "run" and message in text and same for (code, message, same), text in zip(
            runs, texts, strict=True))
