"""Tensors: making them, reading them, sharing and giving back their bytes."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.errors import DisposedError, DTypeError, InputError, LimitError, ShapeError, UsageError


@pytest.fixture(autouse=True)
def _tidy():
    with tf.tidy():
        yield


@pytest.mark.parametrize(("made", "dtype", "values"), [
    (lambda: tf.tensor([1, 2]), "float32", [1, 2]),
    (lambda: tf.tensor([1, 2], dtype="int32"), "int32", [1, 2]),
    (lambda: tf.tensor([1.9, -1.9], dtype="int32"), "int32", [1, -1]),
    (lambda: tf.tensor(np.array([1, 2])), "int32", [1, 2]),
    (lambda: tf.tensor(np.array([1, 2], np.float64)), "float32", [1, 2]),
    (lambda: tf.tensor([True, False]), "bool", [True, False]),
    (lambda: tf.tensor(["a", "bé"]), "string", ["a", "bé"]),
    (lambda: tf.tensor([b"a"]), "string", ["a"]),
    (lambda: tf.tensor([1, 2, 3, 4], [2, 2]), "float32", [[1, 2], [3, 4]]),
    (lambda: tf.tensor(tf.tensor([3])), "float32", [3]),
    (lambda: tf.scalar(3), "float32", 3),
    (lambda: tf.scalar(value=True), "bool", True),
    (lambda: tf.tensor1d([1]), "float32", [1]),
    (lambda: tf.tensor2d([1, 2], [1, 2]), "float32", [[1, 2]]),
    (lambda: tf.tensor3d([[[1]]]), "float32", [[[1]]]),
    (lambda: tf.tensor4d([1], [1, 1, 1, 1]), "float32", [[[[1]]]]),
    (lambda: tf.zeros([2], "int32"), "int32", [0, 0]),
    (lambda: tf.ones([2], "bool"), "bool", [True, True]),
    (lambda: tf.zeros_like(tf.tensor([1, 2], dtype="int32")), "int32", [0, 0]),
    (lambda: tf.ones_like(tf.tensor([1.5])), "float32", [1]),
    (lambda: tf.fill([2], 7), "float32", [7, 7]),
    (lambda: tf.fill([1], "x"), "string", ["x"]),
    (lambda: tf.eye(2), "float32", [[1, 0], [0, 1]]),
    (lambda: tf.eye(1, 3, dtype="int32"), "int32", [[1, 0, 0]]),
    (lambda: tf.linspace(0, 1, 3), "float32", [0, 0.5, 1]),
    (lambda: tf.range(0, 3), "float32", [0, 1, 2]),
    (lambda: tf.range(3, 0), "float32", [3, 2, 1]),
    (lambda: tf.range(0, 6, 2, "int32"), "int32", [0, 2, 4]),
    (lambda: tf.zeros([0, 3]), "float32", []),
])
def test_every_way_to_make_a_tensor(made, dtype, values):
    t = made()
    assert (t.dtype, t.array_sync()) == (dtype, values)


def test_random_numbers_follow_their_seed_and_bounds():
    a, b = tf.random_uniform([100], 2, 5, seed=1), tf.random_uniform([100], 2, 5, seed=1)
    assert a.array_sync() == b.array_sync()
    assert 2 <= a.numpy().min() <= a.numpy().max() < 5
    assert set(tf.random_uniform([99], 0, 3, "int32", seed=2).array_sync()) == {0, 1, 2}
    normal = tf.random_normal([4000], 3, 0.5, seed=3).numpy()
    assert abs(normal.mean() - 3) < 0.05
    assert abs(normal.std() - 0.5) < 0.05


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: tf.tensor([[1], [2, 3]]), ShapeError, "tensor: a ragged list cannot become a tensor"),
    (lambda: tf.tensor([1, 2], [3]), ShapeError, "tensor: 2 values; expected 3 for shape [3]"),
    (lambda: tf.tensor([1], [-1]), ShapeError, "tensor: shape [-1]; expected integers >= 0"),
    (lambda: tf.tensor([None]), DTypeError,
     "tensor: values of NoneType cannot become a tensor; expected numbers, bools or text"),
    (lambda: tf.tensor(["a"], dtype="float32"), DTypeError, "tensor: string values cannot become a tensor of float32"),
    (lambda: tf.tensor([1], dtype="variant"), DTypeError, "tensor: int32 values cannot become a tensor of variant"),
    (lambda: tf.tensor([1], dtype="float"), DTypeError,
     "dtype 'float' is not one of float32, int32, bool, complex64, string, variant; did you mean 'float32'?"),
    (lambda: tf.tensor2d([1, 2]), ShapeError, "tensor2d: values of shape [2]; expected rank 2"),
    (lambda: tf.zeros([1], "string"), DTypeError, "zeros: dtype 'string'; expected one of float32, int32, bool"),
    (lambda: tf.zeros([2**40]), LimitError,
     "zeros: number of elements is 1099511627776, above the limit of 2147483648"),
    (lambda: tf.fill([2], [1, 2]), ShapeError, "fill: a value of shape [2]; expected one number or text"),
    (lambda: tf.linspace(0, 1, 0), InputError, "linspace: num is 0; expected an integer of at least 1"),
    (lambda: tf.range(0, 1, 0), InputError, "range: step is 0; expected any other number"),
    (lambda: tf.keep(3), UsageError, "keep: int; expected a tensor"),
])
def test_what_cannot_become_a_tensor_is_refused(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def test_a_tensor_has_a_shape_dtype_size_rank_and_an_id_of_its_own():
    a, b = tf.zeros([2, 3]), tf.zeros([2, 3])
    assert (a.shape, a.dtype, a.size, a.rank, len(a)) == ([2, 3], "float32", 6, 2, 2)
    assert a.id != b.id
    assert {a: 1}[a] == 1


def test_values_are_copied_in_and_out_so_that_tensors_never_change():
    source = np.ones(3, np.float32)
    t = tf.tensor(source)
    source[:] = 5
    t.numpy()[:] = 6
    t.data_sync()[:] = 7
    np.asarray(t)[:] = 8
    assert t.array_sync() == [1, 1, 1]
    with pytest.raises(AttributeError):
        t.shape = [1]


def test_every_way_to_read_a_tensor():
    t = tf.tensor([[1, 2], [3, 4]])
    assert t.data_sync().tolist() == [1, 2, 3, 4]
    assert asyncio.run(t.data()).tolist() == [1, 2, 3, 4]
    assert asyncio.run(t.array()) == [[1, 2], [3, 4]]
    assert np.asarray(t, np.int64).dtype == np.int64
    assert (float(tf.scalar(2.5)), int(tf.scalar(2)), bool(tf.scalar(0)), tf.tensor([[9]]).item()) == (2.5, 2, False, 9)


def test_what_a_tensor_cannot_be_read_as_is_said():
    t = tf.tensor([1, 2])
    with pytest.raises(InputError, match=rf"tensor {t.id} has shape \[2\]; expected one element"):
        float(t)
    with pytest.raises(TypeError, match="a tensor of rank 0 has no length"):
        len(tf.scalar(1))
    with pytest.raises(ValueError, match="copy=False cannot be honoured"):
        np.asarray(t, copy=False)


def test_the_representation_has_values_and_no_address():
    t = tf.tensor([[1, 2.5]])
    assert repr(t) == "Tensor(shape=[1, 2], dtype=float32)\n[[1. , 2.5]]"
    assert t._repr_html_() == "<div><code>Tensor(shape=[1, 2], dtype=float32)</code><pre>[[1. , 2.5]]</pre></div>"
    assert "&lt;b&gt;" in tf.tensor(["<b>"])._repr_html_()
    t.dispose()
    assert repr(t) == "Tensor(shape=[1, 2], dtype=float32, disposed)"


def test_printing_prints_the_representation(capsys):
    tf.scalar(3).print()
    assert capsys.readouterr().out == "Tensor(shape=[], dtype=float32)\n3.\n"


def test_using_a_disposed_tensor_names_it():
    t = tf.tensor([1, 2])
    t.dispose()
    t.dispose()
    assert t.is_disposed
    for use in (t.numpy, t.clone, lambda: tf.add(t, 1), lambda: t.num_bytes, lambda: tf.keep(t)):
        with pytest.raises(DisposedError) as caught:
            use()
        assert str(caught.value) == f"tensor {t.id} (float32 [2]) is disposed and cannot be used"
        assert caught.value.code == "tensor.disposed"


def test_a_with_block_disposes_the_tensor():
    with tf.tensor([1]) as t:
        assert not t.is_disposed
    assert t.is_disposed


def test_clones_share_bytes_until_the_last_is_disposed():
    before = tf.memory()
    a = tf.tensor([1, 2, 3])
    b = a.clone()
    held = tf.memory()
    assert held.num_tensors - before.num_tensors == 2
    assert held.num_data_buffers - before.num_data_buffers == 1
    assert held.num_bytes - before.num_bytes == 24
    a.dispose()
    assert b.array_sync() == [1, 2, 3]
    b.dispose()
    after = tf.memory()
    assert (after.num_tensors, after.num_data_buffers, after.num_bytes) == (
        before.num_tensors, before.num_data_buffers, before.num_bytes)


def test_strings_count_their_utf8_bytes_and_make_the_count_unreliable():
    before = tf.memory()
    t = tf.tensor(["a", "bé"])
    copy = t.clone()
    held = tf.memory()
    assert held.num_bytes - before.num_bytes == 2 * 4
    assert (held.unreliable, len(held.reasons)) == (True, 1)
    tf.dispose([t, copy])
    assert tf.memory() == before


def test_a_variable_outlives_scopes_and_takes_new_values():
    with tf.tidy():
        v = tf.variable([1, 2], name="v")
        w = tf.variable(tf.tensor([1, 2]), dtype="int32")
    v.assign([3, 4])
    with tf.tensor([5, 6]) as t:
        v.assign(t)
    assert (v.array_sync(), w.dtype, (v + 1).array_sync()) == ([5, 6], "int32", [6, 7])
    with pytest.raises(ShapeError, match=r"variable 'v': shape \[1\]; expected \[2\]"):
        v.assign([1])
    with pytest.raises(DTypeError, match="variable 'v': dtype int32; expected float32"):
        v.assign(w)
    tf.dispose([v, w])
