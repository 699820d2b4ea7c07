"""How weights travel: float16 and back, the checksum, and that variants add nothing twice."""

from __future__ import annotations

import numpy as np
import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st
from support.web import answers, exported, small_graph

from tfjslab.base.errors import UsageError
from tfjslab.export.web import initialize, module
from tfjslab.export.web.rounding import FEWEST, rounded
from tfjslab.export.web.weights import FLOAT16, WeightFile, checksum
from tfjslab.model.model import Model


@pytest.fixture(scope="module")
def functions():
    """The module's own helpers and their memory, in wasmtime."""
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    exports = '(memory (export "memory") 16) (export "widen" (func $widen))'
    text = f"(module {exports} {initialize._WIDEN} {module._HASH})"
    instance = wasmtime.Instance(store, wasmtime.Module(engine, text), [])
    yield store, instance.exports(store)
    store.close()


def test_all_halves_are_widened_as_numpy_does(functions):
    store, exports = functions
    halves = np.arange(65536, dtype=np.uint16)
    exports["memory"].write(store, halves.tobytes(), 0)
    exports["widen"](store, 0, 131072, halves.size)
    found = np.frombuffer(exports["memory"].read(store, 131072, 131072 + 4 * halves.size), np.uint32)
    wanted = halves.view(np.float16).astype(np.float32)
    nan = np.isnan(wanted)
    assert np.array_equal(found[~nan], wanted.view(np.uint32)[~nan])
    assert np.isnan(found[nan].view(np.float32)).all()


@given(st.integers(0, 2**32 - 1), st.integers(0, 500))
@settings(max_examples=50, deadline=None)
def test_the_checksum_is_the_same_in_python_and_in_the_module(functions, seed, words):
    store, exports = functions
    data = np.random.default_rng(seed).bytes(8 * words)
    exports["memory"].write(store, data, 64)
    assert f"{exports['hash'](store, 64, len(data)) % 2**64:016x}" == checksum(data)


@given(st.binary(min_size=8, max_size=64).filter(lambda b: len(b) % 8 == 0), st.integers(0, 511))
def test_a_changed_bit_changes_the_checksum(data, bit):
    at = bit % (8 * len(data))
    other = bytearray(data)
    other[at // 8] ^= 1 << at % 8
    assert checksum(bytes(other)) != checksum(data)


def test_weights_that_float16_holds_travel_as_such_whatever_is_asked_for():
    rng, found = np.random.default_rng(1), WeightFile()
    halves = rng.normal(size=FEWEST).astype(np.float16).astype(np.float32)
    singles = halves + np.float32(1e-5)
    assert found.weight(halves).halved
    assert not found.weight(singles).halved
    assert not found.weight(halves[1:]).halved, "few of them are not worth it"
    assert found.float16_bytes == 2 * FEWEST


def test_equal_content_travels_once():
    stored = WeightFile()
    a = np.arange(100, dtype=np.float32)
    assert stored.weight(a) == stored.weight(a.reshape(10, 10).copy()) == stored.block(a)
    assert len(stored.data()) == 448


def test_only_what_float16_holds_exactly_travels_as_float16():
    stored = WeightFile(FLOAT16)
    assert stored.weight(np.array([1, 0.5, 65504], np.float32)).halved
    for value in (1 / 3, 1e-9, 65520, np.nan):
        assert not stored.weight(np.array([value], np.float32)).halved
    assert not stored.weight(np.array([1], np.int32)).halved


def test_rounding_leaves_small_and_unfit_constants_alone():
    graph = small_graph()
    arrays = {
        "large": np.full(FEWEST, 1 / 3, np.float32), "small": np.full(FEWEST - 1, 1e-9, np.float32),
        "far": np.full(FEWEST, 1e9, np.float32), "whole": np.arange(FEWEST, dtype=np.int32),
    }
    found = rounded(graph.with_(constants=arrays)).constants
    assert np.array_equal(found["large"], np.float32(np.float16(1 / 3)) * np.ones(FEWEST, np.float32))
    assert all(found[n] is arrays[n] for n in ("small", "far", "whole"))


def test_an_unknown_encoding_is_refused(tmp_path):
    with pytest.raises(UsageError) as caught:
        exported(tmp_path / "web", weights="float61")
    assert str(caught.value) == "weights 'float61'; expected one of float32, float16; did you mean 'float16'?"


def test_float16_weights_answer_as_cpu_does_with_rounded_ones_and_take_half_the_bytes(tmp_path):
    graph = small_graph(8, 64)
    x = np.random.default_rng(1).uniform(-1, 1, (1, 8, 8, 64)).astype(np.float32)
    whole = exported(tmp_path / "whole", graph)[1].files["weights.bin"]
    folder, made = exported(tmp_path / "half", graph, weights=FLOAT16)
    assert whole - made.files["weights.bin"] >= 2 * 3 * 3 * 64 * 8  # two bytes less of each filter's values
    with Model(made.reference, "cpu") as model, Model(graph, "cpu") as before:
        wanted = model.predict(x)
        assert 0 < np.abs(wanted - before.predict(x)).max() < 1e-2
    for variant, found in answers(folder, {"x": x}).items():
        assert np.abs(found["y"] - wanted.ravel()).max() <= 1e-5 * np.abs(wanted).max(), variant
