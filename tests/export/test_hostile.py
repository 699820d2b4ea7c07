"""What the loader says to damaged files, half downloads and wrong calls, in Node."""

from __future__ import annotations

import pytest
from support.web import exported, run_script, small_graph


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
