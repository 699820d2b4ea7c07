"""float16 storage: the rewriting of kernels, every case of every op, and the check that belongs to using it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.available import need
from support.wasm import graph_of, run_node

import tfjslab as tf
from tfjslab.backends.webgpu.backend import availability, create
from tfjslab.backends.webgpu.storage import Storage
from tfjslab.base.errors import BackendError, BackendUnavailableError
from tfjslab.graph.ir import Node
from tfjslab.model.model import Model
from tfjslab.model.precision import BOUND, relative_error
from tfjslab.ops import registry
from tfjslab.ops.cells import CELLS
from tfjslab.ops.conformance import cases

NAME = "webgpu-f16"
_OPS = sorted({c.op.name for c in cases() if all(isinstance(x, np.ndarray) for x in c.inputs)})
rewriting = pytest.importorskip("tfjslab.backends.webgpu.text.float16")


@pytest.fixture(name="there", scope="module")
def _there():
    """Skipped with the reason where no adapter has float16."""
    need(NAME)


@pytest.fixture(name="session", scope="module")
def _session(there):
    backend = create(NAME, 1)
    yield backend.open_session()
    backend.dispose()
    assert set(backend.memory().values()) == {0}


# ---- kernels ---------------------------------------------------------------------------------------------------------


def test_reads_widen_and_writes_round():
    """Whatever stands in the brackets and behind the sign, and only for bindings that hold floats."""
    types = {"a": "vec4<f32>", "c": "f32", "e0": "f32"}
    text = "let x = a[i + b[j]] * a[a0[k]].x; c[at(i)] = f0(x, e0[min(n, u32(c[0]))]); if (a[i] == y) { aa[i] = 1; }"
    assert rewriting.widened(text, types) == (
        "let x = vec4<f32>(a[i + b[j]]) * vec4<f32>(a[a0[k]]).x; "
        "c[at(i)] = f16(f0(x, f32(e0[min(n, u32(f32(c[0])))]))); if (vec4<f32>(a[i]) == y) { aa[i] = 1; }"
    )
    assert rewriting.widened(text, {}) == text
    with pytest.raises(BackendError, match="kernel text changes 'c' in place"):
        rewriting.widened("c[i] += 1.0;", types)


@pytest.mark.parametrize("name", _OPS)
def test_cases_agree_with_the_reference_on_numbers_that_float16_holds(session, name):
    """Inputs are rounded first: what is left is one rounding of the results, and what ops do in float32."""
    op = registry.get(name)
    for check in cases({name}):
        with np.errstate(over="ignore"):  # what is too large for it is infinite
            inputs = tuple(
                x.astype(np.float16).astype(np.float32) if x.dtype == np.float32 else x for x in check.inputs)
        rounded = dataclasses.replace(check, inputs=inputs)
        for constant in (False, True):
            ran = run_node(session, op, inputs, check.attrs, len(check.expected()), constant=constant)
            if ran is not None:
                assert_near(rounded, list(ran[0].values()))


def assert_near(check, found):
    """The answer in float64, with one rounding to 11 bits more than other backends are allowed.

    Recurrent layers are written out on adapters and store their state after each step: a rounding each.
    """
    t, roundings = check.op.tolerance, check.inputs[0].shape[1] if check.op.name in CELLS else 1
    for f, e in zip(found, check.expected(), strict=True):
        assert f.shape == e.shape
        if e.dtype.kind != "f":
            np.testing.assert_array_equal(f, e, err_msg=check.name)
            continue
        with np.errstate(over="ignore"):
            wanted = e.astype(np.float16).astype(np.float64)  # what is too large for it is infinite
        finite = np.isfinite(wanted)
        np.testing.assert_array_equal(f[~finite], wanted[~finite].astype(np.float32), err_msg=check.name)
        scale = np.max(np.abs(e[finite]), initial=0)
        allowed = (t.relative + roundings * 2.0**-10) * scale + t.absolute + 2.0**-24
        assert np.max(np.abs(f[finite] - e[finite]), initial=0) <= allowed, check.name


@pytest.mark.parametrize(("dtype", "size", "stored", "copied"), [
    ("float32", 5, 16, 12), ("float32", 8, 16, 16), ("int32", 5, 32, 20), ("bool", 3, 16, 12), ("int8", 17, 32, 20),
    ("float32", 0, 16, 0),
])
def test_sizes_of_values(dtype, size, stored, copied):
    """Whole vectors are stored, whole words are copied."""
    storage = Storage(float16=True)
    assert (storage.stored_bytes(size, dtype), storage.copied_bytes(size, dtype)) == (stored, copied)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("array", [
    np.linspace(-2, 2, 7, dtype=np.float32), np.arange(-3, 4, dtype=np.int32), np.array([True, False, True]),
    np.arange(-3, 4, dtype=np.int8), np.zeros((0, 3), np.float32), np.array(1.5, np.float32),
], ids=lambda a: f"{a.dtype}{a.shape}")
def test_values_go_to_words_and_come_back(array, half):
    storage = Storage(half)
    dtype = str(array.dtype)
    data = storage.pack(array, dtype)
    assert data.nbytes == storage.copied_bytes(array.size, dtype)
    back = storage.unpack(np.ascontiguousarray(data).view(np.uint32), array.shape, dtype)
    assert back.dtype == array.dtype
    np.testing.assert_allclose(back, array, rtol=5e-4 if half else 0)


# ---- the check -------------------------------------------------------------------------------------------------------


def node(name, op, inputs, **attrs):
    return Node(name, op, inputs, registry.get(op).resolve_attrs(attrs, "test"))


X = np.linspace(0.1, 2, 12, dtype=np.float32).reshape(3, 4)
FINE = graph_of([node("y", "Exp", ("x",))], {"x": X}, {}, ["y"])
# 1 + x / 4096 is 1 in eleven bits: nothing is left of x.
LOST = graph_of(
    [node("a", "BatchMatMul", ("x", "w"), transpose_a=False, transpose_b=False), node("b", "Softmax", ("a",), axis=-1),
     node("y", "Sub", ("b", "c"))],
    {"x": X}, {"w": np.eye(4, dtype=np.float32) / 4096, "c": np.full((3, 4), 0.25, np.float32)}, ["y"],
)


def test_a_model_is_checked_before_its_first_answer_and_tells(there):
    with Model(FINE, NAME) as model:
        assert model.precision is None
        found = model.predict(X)
        told = model.precision
        assert (told.backend, told.reference, told.output, told.bound) == (NAME, "webgpu", "y", BOUND)
        assert 0 < told.error < 2.0**-11
        assert told.within
        assert told.error == pytest.approx(float(np.max(np.abs(found - np.exp(X))) / np.exp(2)), rel=0.01)
        assert str(told).startswith("webgpu-f16 is off by up to ")


def test_above_the_bound_it_is_refused_unless_one_insists(there):
    with Model(LOST, NAME) as model:
        with pytest.raises(BackendError) as caught:
            model.predict(X)
        assert caught.value.code == "backend.precision"
        assert str(caught.value).endswith(
            "the bound is 0.01; tf.env().set('WEBGPU_ANY_PRECISION', True) or TFJSLAB_ANY_PRECISION=1 runs it "
            "nevertheless",
        )
        tf.env().set("WEBGPU_ANY_PRECISION", value=True)
        try:
            model.predict(X)
            assert model.precision.error > BOUND
            assert not model.precision.within
            assert model.precision.to_json()["within"] is False
        finally:
            tf.env().reset()


def test_backends_with_all_digits_have_nothing_to_check():
    with Model(FINE, "cpu") as model:
        assert model.check_precision(X) is None


@pytest.mark.parametrize(("found", "wanted", "error"), [
    ([1.0, 2.0], [1.0, 4.0], 0.5), ([0.5], [0.0], 0.5), ([np.nan, 1], [np.nan, 1], 0), ([np.inf], [np.inf], 0),
    ([np.nan], [1.0], np.inf), ([1.0], [np.inf], np.inf), ([1.0, 2.0], [1.0], np.inf), ([], [], 0),
])
def test_errors_are_of_the_largest_value(found, wanted, error):
    assert relative_error(np.array(found, np.float32), np.array(wanted, np.float32)) == error


def test_an_adapter_without_float16_is_a_reason(monkeypatch):
    adapters = pytest.importorskip("tfjslab.backends.webgpu.run.adapters")

    class Handle:
        features = frozenset({"timestamp-query"})

    monkeypatch.setattr(adapters, "adapters", lambda: (adapters.Adapter("Old", "discrete", "Vulkan", "", Handle()),))
    assert adapters.choose("webgpu").name == "Old"
    with pytest.raises(BackendUnavailableError) as caught:
        adapters.choose(NAME)
    assert str(caught.value) == (
        "Old (discrete adapter, Vulkan) has no float16: its driver does not offer 'shader-f16'"
    )
    assert availability(NAME).reason == str(caught.value)
