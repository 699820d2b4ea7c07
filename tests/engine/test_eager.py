"""Eager functions: made from the op registry, with TensorFlow.js's conveniences and clear refusals."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.backends import registry as backends
from tfjslab.base.errors import DTypeError, ShapeError, TfjslabError, UsageError
from tfjslab.engine import sessions
from tfjslab.engine.eager import functions
from tfjslab.ops import conformance, registry


@pytest.fixture(autouse=True)
def _tidy():
    with tf.tidy():
        yield


def test_every_op_with_an_api_name_is_a_function_with_signature_and_docstring():
    for definition in registry.all_ops().values():
        if definition.api:
            function = getattr(tf, definition.api)
            assert function.__name__ == definition.api
            assert inspect.getdoc(function).startswith(definition.doc)
            names = {n.strip("*?") for n in definition.inputs} | {a.name for a in definition.attrs}
            assert set(inspect.signature(function).parameters) == names
    assert set(functions()) <= set(dir(tf))


def test_the_signature_reads_inputs_then_attributes():
    assert list(inspect.signature(tf.conv2d).parameters)[:4] == ["x", "filter", "strides", "padding"]
    assert str(inspect.signature(tf.leaky_relu)) == "(x: 'Tensor | Array | float | list', alpha=0.2) -> 'Tensor'"


@pytest.mark.parametrize(("call", "dtype", "expected"), [
    (lambda: tf.add([1, 2], 3), "float32", [4, 5]),
    (lambda: tf.tensor([1, 2], dtype="int32") + 1, "int32", [2, 3]),
    (lambda: 1.5 + tf.tensor([1, 2], dtype="int32"), "float32", [2.5, 3.5]),
    (lambda: tf.tensor([1, 2], dtype="int32") * [3, 4], "int32", [3, 8]),
    (lambda: tf.tensor([True, False]) + tf.tensor([1, 2], dtype="int32"), "int32", [2, 2]),
    (lambda: np.array([1, 2], np.float32) - tf.tensor([1, 1], dtype="int32"), "float32", [0, 1]),
    (lambda: tf.tensor([7.0]) // 2, "float32", [3]),
    (lambda: -7 % tf.tensor([3.0]), "float32", [2]),
    (lambda: 2 ** tf.tensor([3.0]), "float32", [8]),
    (lambda: tf.tensor([3.0]) ** 2, "float32", [9]),
    (lambda: 6 / tf.tensor([3.0]), "float32", [2]),
    (lambda: 6 - tf.tensor([3.0]), "float32", [3]),
    (lambda: tf.tensor([[1.0, 2]]) @ [[3], [4]], "float32", [[11]]),
    (lambda: -tf.tensor([1.0]), "float32", [-1]),
    (lambda: abs(tf.tensor([-1.0])), "float32", [1]),
    (lambda: ~tf.tensor([True]), "bool", [False]),
    (lambda: tf.tensor([True]) & tf.tensor([False]), "bool", [False]),
    (lambda: tf.tensor([True]) | tf.tensor([False]), "bool", [True]),
    (lambda: tf.tensor([1.0, 2]) < 2, "bool", [True, False]),
    (lambda: tf.tensor([1.0, 2]) <= 1, "bool", [True, False]),
    (lambda: tf.tensor([1.0, 2]) > 1, "bool", [False, True]),
    (lambda: tf.tensor([1.0, 2]) >= 2, "bool", [False, True]),
    (lambda: tf.tensor([1.0, 2]) == 2, "bool", [False, True]),
    (lambda: tf.tensor([1.0, 2]) != 2, "bool", [True, False]),
    (lambda: tf.where([True, False], tf.tensor([1, 2], dtype="int32"), 9), "int32", [1, 9]),
    (lambda: tf.sum([[1, 2], [3, 4]], axis=None), "float32", 10),
    (lambda: tf.sum([[1, 2], [3, 4]], -1, keep_dims=True), "float32", [[3], [7]]),
    (lambda: tf.max_pool(tf.ones([1, 4, 4, 1]), 2, strides=2, padding="valid"), "float32", [[[[1], [1]]] * 2][0:1]),
    (lambda: tf.tensor([[1.0, 2]]).sum(1), "float32", [3]),
    (lambda: tf.tensor([1.0, 4]).sqrt(), "float32", [1, 2]),
    (lambda: tf.unstack([[1, 2], [3, 4]])[1], "float32", [3, 4]),
    (lambda: tf.unstack(tf.tensor([[1, 2], [3, 4]]), -1)[1], "float32", [2, 4]),
    (lambda: tf.strided_slice(tf.range(0, 6), [1], [4]), "float32", [1, 2, 3]),
    (lambda: tf.gather([[1, 2], [3, 4]], [1], axis=1), "float32", [[2], [4]]),
    (lambda: tf.one_hot([1], 2), "int32", [[0, 1]]),
    (lambda: tf.concat([[1, 2], tf.tensor([3])]), "float32", [1, 2, 3]),
    (lambda: tf.stack([tf.scalar(1), 2]), "float32", [1, 2]),
])
def test_values_operators_and_dtypes(call, dtype, expected):
    out = call()
    assert out.dtype == dtype
    np.testing.assert_allclose(out.numpy(), np.reshape(expected, out.shape), rtol=1e-6)


def test_convolutions_take_numbers_and_lower_case_words():
    x, w = tf.ones([1, 4, 4, 1]), tf.ones([3, 3, 1, 1])
    same = tf.conv2d(x, w, 2, "same")
    padded = tf.conv2d(x, w, strides=[2, 2], padding=1)
    assert (same.shape, padded.shape) == ([1, 2, 2, 1], [1, 2, 2, 1])
    assert padded.data_sync().tolist() == [4, 6, 6, 9]


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: tf.add(1), TypeError, "add: missing a required argument: 'y'; expected add(x: "),
    (lambda: tf.add(1, 2, 3), TypeError, "add: too many positional arguments; expected add(x: "),
    (lambda: tf.sum(1, axes=3), TypeError, "sum: got an unexpected keyword argument 'axes'; expected sum(x: "),
    (lambda: tf.add([1, 2], [1, 2, 3]), ShapeError, "add: shapes [2] and [3] cannot be broadcast together"),
    (lambda: tf.add(["a"], ["b"]), DTypeError, "add: dtype string; expected float32 or int32"),
    (lambda: tf.sqrt(tf.tensor([1], dtype="int32")), DTypeError, "sqrt: dtype int32; expected float32"),
    (lambda: tf.add(object(), 1), DTypeError, "add: values of object cannot become a tensor"),
    (lambda: tf.conv2d(1, 1, padding="sme"), UsageError,
     "conv2d: Conv2D: attribute 'padding' is 'SME'; expected one of SAME, VALID, EXPLICIT; did you mean 'SAME'?"),
])
def test_what_does_not_fit_is_refused(call, error, message):
    before = tf.memory().num_tensors
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
    assert tf.memory().num_tensors <= before + 1  # the test's own tensor at most


def test_temporary_tensors_of_an_op_are_freed():
    before = tf.memory().num_tensors
    tf.add([1, 2], np.ones(2))
    assert tf.memory().num_tensors == before + 1


def test_reshape_shares_bytes_and_counts_again():
    x = tf.zeros([2, 3])
    before = tf.memory()
    y = tf.reshape(x, [3, 2])
    after = tf.memory()
    assert (y.shape, after.num_tensors - before.num_tensors) == ([3, 2], 1)
    assert (after.num_data_buffers, after.num_bytes - before.num_bytes) == (before.num_data_buffers, 24)
    assert (y + tf.ones([3, 2])).shape == [3, 2]


def test_plans_are_reused_for_equal_shapes_and_the_oldest_makes_room(monkeypatch):
    monkeypatch.setattr(sessions, "MAX_PLANS", 3)
    eager = sessions.current_session()
    a, b = tf.ones([2]), tf.ones([3])
    for _ in range(5):
        tf.mul(a, a)
        tf.mul(b, b)
    assert len(eager.plans) == 2
    for n in range(4, 9):
        tf.neg(tf.ones([n]))
    assert len(eager.plans) == 3
    assert backends.memory()["cpu"]["plans"] == 3


def test_tensors_move_to_the_backend_that_needs_them(monkeypatch):
    """A second instance of the same backend stands for any other backend."""
    first = backends.backend("cpu")
    with tf.tidy():
        x = tf.tensor([1, 2])
        view = x.clone()
        monkeypatch.setitem(backends._STATE.made, ("cpu", 1), type(first)())
        backends.set_backend("cpu")
        assert (x + 1).array_sync() == [2, 3]
        assert view.array_sync() == [1, 2]
        assert first.memory()["buffers"] == 0
    sessions.release_sessions()
    monkeypatch.undo()
    backends.set_backend("cpu")


def test_an_op_whose_shape_depends_on_data_runs_on_the_host():
    with tf.profile() as p:
        values, index = tf.unique(tf.tensor([3, 1, 3], dtype="int32"))
    assert (values.array_sync(), index.array_sync()) == ([3, 1], [0, 1, 0])
    assert [(k.name, k.output_shapes, k.fallback) for k in p.info.kernels] == [("Unique", ((2,), (3,)), False)]


@pytest.mark.parametrize("check", [c for c in conformance.cases() if c.op.api], ids=lambda c: c.name)
def test_every_case_of_every_op_runs_eagerly(check):
    """The eager path gives what the definition says, on the reference backend."""
    if any(t.dtype == "variant" for t in check.case.inputs):
        pytest.skip("lists of tensors live in models only")
    out = _call(check)
    found = [t.numpy() for t in (out if isinstance(out, list) else [out])]
    assert conformance.problem(check, found) == ""


def _call(check):
    """Inputs by name, so that the order in which TensorFlow.js takes them does not matter."""
    function, inputs = getattr(tf, check.op.api), [tf.tensor(x) for x in check.inputs]
    names = [n.strip("?") for n in check.op.inputs]
    attrs = check.op.resolve_attrs(check.case.attrs, check.name)
    if not names or not names[-1].startswith("*"):
        return function(**dict(zip(names, inputs, strict=False)), **attrs)
    several = names[-1].strip("*")
    if inspect.signature(function).parameters[several].kind is inspect.Parameter.VAR_POSITIONAL:
        return function(*attrs.values(), *inputs)
    fixed = len(names) - 1
    return function(**dict(zip(names[:fixed], inputs, strict=False)), **{several: inputs[fixed:]}, **attrs)


def test_an_unknown_name_suggests_a_close_one():
    with pytest.raises(AttributeError) as caught:
        tf.mat_mull  # noqa: B018 - the look-up is what is tested
    assert str(caught.value) == "module 'tfjslab' has no attribute 'mat_mull'; did you mean 'mat_mul'?"
    with pytest.raises(AttributeError, match=r"Tensor has no attribute or op 'summ'; did you mean 'sum'\?"):
        tf.scalar(1).summ()


@pytest.mark.parametrize("first", ["(tf.scalar(1) + 1).item()", "tf.scalar(4).sqrt().item()", "tf.add(1, 1).item()"])
def test_any_first_use_of_an_op_works_in_a_fresh_interpreter(first):
    code = f"import tfjslab as tf; tf.set_backend('cpu'); print({first})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "2.0\n"


def test_errors_of_ops_are_of_our_own_tree():
    with pytest.raises(TfjslabError):
        tf.mat_mul([[1, 2]], [[1, 2]])
