"""Whatever is handed in as data, wherever: an array, or an error of ours that says what was found and expected."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.errors import DTypeError, InputError, LimitError, ShapeError, UsageError
from tfjslab.graph.ir import Graph, Node, Port


class NoArray:
    """Something whose conversion fails in a way of its own."""

    def __array__(self, *_args, **_options):
        raise RuntimeError("it is busy")


def nested(depth):
    value = 1.0
    for _ in range(depth):
        value = [value]
    return value


HELD = "values of {} cannot become a tensor; expected numbers, bools or text"
BAD = {
    "a ragged list": ([[1], [2, 3]], ShapeError, "a ragged list cannot become a tensor"),
    "arrays of different lengths": ([[np.zeros(3)], [np.zeros(2)]], ShapeError, "a ragged list cannot become a tensor"),
    "a deep list": (nested(9), LimitError, "rank is 9, above the limit of 8"),
    "a list deeper than numpy takes": (nested(70), LimitError, "rank is 70, above the limit of 8"),
    "numbers and None": ([[1, None]], DTypeError, HELD.format("NoneType, int")),
    "numbers as objects": (np.array([1, 2.5], object), DTypeError, HELD.format("float, int")),
    "decimals": ([[Decimal("1.5")]], DTypeError, HELD.format("Decimal")),
    "an integer of 66 bits": (
        [[2**65]], DTypeError,
        f"the integer {2**65}, which takes more than 64 bits, cannot become a tensor; expected numbers, bools or text",
    ),
    "fields": (np.zeros(2, [("a", "f4")]), DTypeError, HELD.format("[('a', '<f4')]")),
    "raw bytes": (np.zeros(2, "V4"), DTypeError, HELD.format("|V4")),
    "dates": (np.zeros(2, "M8[s]"), DTypeError, HELD.format("datetime64[s]")),
    "a day": ([[dt.date(2020, 1, 1)]], DTypeError, HELD.format("date")),
    "a set": ([[{1, 2}]], DTypeError, HELD.format("set")),
    "an object that is no array": ([[NoArray()]], DTypeError, "list cannot become a tensor: it is busy"),
}


@pytest.fixture(scope="module")
def model():
    x = Port("x", "x", (None, 2), "float32")
    with tf.Model(Graph((x,), (Port("y", "y", (None, 2), "float32"),), (Node("y", "Relu", ("x",)),)), "cpu") as made:
        yield made


WAYS = {
    "tensor": (lambda _, v: tf.tensor(v), "tensor"),
    "tensor of a dtype": (lambda _, v: tf.tensor(v, dtype="int32"), "tensor"),
    "an op": (lambda _, v: tf.add(v, 1), "add"),
    "predict": (lambda m, v: m.predict(v), "input 'x'"),
    "predict by name": (lambda m, v: m.predict({"x": v}), "input 'x'"),
    "execute inside": (lambda m, v: m.execute({"y": v}, "y"), "input 'y'"),
    "prepare": (lambda m, v: m.prepare(v), "input 'x'"),
    "evaluate": (lambda m, v: tf.evaluate(m, {"x": v}, [0]), "input 'x'"),
    "calibration": (lambda m, v: tf.quantize(m, calibration=[v]), "calibration batch 0: input 'x'"),
}


@pytest.mark.parametrize(("value", "error", "text"), BAD.values(), ids=BAD)
@pytest.mark.parametrize(("call", "where"), WAYS.values(), ids=WAYS)
def test_what_is_no_data_is_refused_with_what_it_is(model, call, where, value, error, text):
    with pytest.raises(error) as caught:
        call(model, value)
    assert str(caught.value) == f"{where}: {text}"


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda m: tf.evaluate(m, np.zeros((1, 2)), [[0], [1, 2]]), InputError,
     "labels are a ragged list; expected [n] class numbers"),
    (lambda m: tf.evaluate(m, np.zeros((1, 2)), [None]), DTypeError, f"labels: {HELD.format('NoneType')}"),
    (lambda m: tf.evaluate(m, np.zeros((1, 2)), [0], top_k=None), UsageError,
     "top_k is None and batch_size 64; expected integers >= 1"),
    (lambda m: tf.evaluate(m, np.zeros((1, 2)), [0], output=3), UsageError,
     "'3' is not an output of the model; outputs: y"),
    (lambda m: m.execute([[1, 2]], 3), InputError, "outputs are 3; expected a name or a list of names"),
    (lambda m: m.execute([[1, 2]], ["y", None]), InputError,
     "outputs are ['y', None]; expected a name or a list of names"),
    (lambda m: m.sample("two"), InputError, "batch is 'two'; expected an integer of at least 1"),
    (lambda m: m.sample(seed=-1), InputError, "seed is -1; expected an integer of at least 0"),
    (lambda _: tf.load_model(None), UsageError, "the model is None; expected a path or an address"),
    (lambda _: tf.load_model(b"model.json"), UsageError, "the model is b'model.json'; expected a path or an address"),
    (lambda m: tf.evaluate(m, np.zeros((1, 2), complex), [0]), InputError,
     "input 'x' is complex128 of shape [1, 2]; expected numbers with samples along the first axis of 2"),
    (lambda m: tf.quantize(m, calibration=[np.zeros((1, 2), complex)]), InputError,
     "calibration batch 0: input 'x' holds complex128; expected numbers"),
    (lambda m: m.predict(np.zeros((1, 2), complex)), DTypeError,
     "input 'x': dtype complex64 (complex128); expected float32; convert it with .astype(np.float32)"),
    (lambda _: tf.tensor([1j], dtype="float32"), DTypeError,
     "tensor: complex64 values cannot become a tensor of float32"),
    (lambda _: tf.add(None, [1]), DTypeError, f"add: {HELD.format('NoneType')}"),
    (lambda _: tf.tensor([1], dtype=np.zeros(2)), DTypeError,
     "dtype array([0., 0.]) is not one of float32, int32, bool, complex64, string, variant"),
    (lambda _: tf.tensor([1, 2], shape=2), ShapeError, "tensor: shape 2; expected a list of integers >= 0"),
    (lambda _: tf.zeros([float("nan")]), ShapeError, "zeros: shape [nan]; expected integers >= 0"),
    (lambda _: tf.tensor("\ud800"), DTypeError, r"tensor: '\ud800' is no Unicode text: it holds half a character"),
    (lambda _: tf.linspace("a", 1, 2), InputError, "linspace: start is 'a'; expected a finite number"),
    (lambda _: tf.range(0, float("nan")), InputError, "range: stop is nan; expected a finite number"),
    (lambda _: tf.range(0, -(10**400)), InputError,
     f"range: stop is -1{'0' * 16}...{'0' * 19}; expected a finite number"),
    (lambda _: tf.range(0, 1, 1e-12), LimitError,
     "range: number of elements is 1000000000000, above the limit of 2147483648"),
    (lambda _: tf.linspace(0, 1, 2**40), LimitError,
     "linspace: number of elements is 1099511627776, above the limit of 2147483648"),
    (lambda _: tf.random_uniform([2], 3, 1), InputError,
     "random_uniform: minval is 3 and maxval 1; expected them in order"),
    (lambda _: tf.random_uniform([2], seed="x"), InputError,
     "random_uniform: seed is 'x'; expected an integer of at least 0"),
    (lambda _: tf.random_normal([2], std_dev=-1), InputError, "random_normal: std_dev is -1; expected 0 or more"),
    (lambda _: tf.random_normal([2], mean=None), InputError, "random_normal: mean is None; expected a finite number"),
])
def test_arguments_that_make_no_sense_are_named_with_what_is_expected(model, call, error, message):
    with pytest.raises(error) as caught:
        call(model)
    assert str(caught.value) == message


def test_bytes_that_are_no_text_survive_as_in_the_weights_of_models():
    with tf.tensor([b"\xff", b"ok"]) as made:
        assert made.numpy().tolist() == ["\udcff", "ok"]
    port = Port("s", "s", None, "string")
    with tf.Model(Graph((port,), (port,), ()), "cpu") as model:
        assert model.predict(np.array([b"\xff", b"ok"])).tolist() == ["\udcff", "ok"]


def test_batches_that_do_not_fit_together_are_named(model):
    from tfjslab.evaluation.evaluate import samples_of  # noqa: PLC0415 - only here, it is not public

    with pytest.raises(InputError) as caught:
        samples_of(model, [np.zeros((1, 2)), np.zeros((1, 3))])
    assert str(caught.value) == (
        "input 'x' has batches of shapes [1, 2], [1, 3]; expected samples of one shape along the first axis")
