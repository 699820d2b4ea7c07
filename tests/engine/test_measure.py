"""memory, profile and time: the counts are TensorFlow.js's and the times add up."""

from __future__ import annotations

import asyncio
import itertools

import pytest

import tfjslab as tf
from tfjslab.base.errors import UsageError


def ticks():
    """A clock that moves on by one second whenever it is read."""
    return itertools.count(1.0).__next__


@pytest.fixture(autouse=True)
def _tidy():
    with tf.tidy():
        yield


def test_a_profile_counts_kernels_bytes_and_tensors():
    x = tf.ones([10])
    base = tf.memory()

    def work():
        y = x + x
        z = y * x
        y.dispose()
        return z

    info = tf.profile(work)
    assert [k.name for k in info.kernels] == ["Add", "Multiply"]
    assert info.kernel_names == ("Add", "Multiply")
    assert (info.new_bytes, info.new_tensors) == (40, 1)
    assert info.peak_bytes == base.num_bytes + 80
    add = info.kernels[0]
    assert (add.bytes_added, add.tensors_added) == (40, 1)
    assert (add.total_bytes_snapshot, add.total_tensors_snapshot) == (base.num_bytes + 40, base.num_tensors + 1)
    assert (add.input_shapes, add.output_shapes, add.flops, add.fallback) == (((10,), (10,)), ((10,),), 10, False)
    assert info.result.array_sync() == [2] * 10


def test_wall_time_is_kernels_plus_the_unattributed_rest():
    info = tf.profile(lambda: None, clock=ticks())
    assert (info.wall_ms, info.unattributed_ms, info.kernels, info.peak_bytes) == (1000, 1000, (), 0)
    real = tf.profile(lambda: tf.ones([3]) + 1)
    assert sum(k.kernel_time_ms for k in real.kernels) + real.unattributed_ms == real.wall_ms


def test_coroutine_functions_are_awaited():
    async def work():
        await asyncio.sleep(0)
        return tf.ones([2]) + 1

    async def main():
        return await tf.profile(work), await tf.time(work)

    info, times = asyncio.run(main())
    assert info.result.array_sync() == [2, 2]
    assert len(info.kernels) == 1
    assert times.wall_ms >= times.kernel_ms > 0


def test_the_with_form_has_its_result_after_the_block():
    with tf.profile() as p:
        tf.relu(tf.ones([2]))
        with pytest.raises(UsageError, match="this profile has not ended; read it after its with block"):
            _ = p.info
    assert [k.name for k in p.info.kernels] == ["Relu"]


def test_a_kernel_belongs_to_the_innermost_profile():
    with tf.profile() as outer:
        tf.relu(tf.ones([2]))
        with tf.profile() as inner:
            tf.neg(tf.ones([2]))
    assert [k.name for k in outer.info.kernels] == ["Relu"]
    assert [k.name for k in inner.info.kernels] == ["Neg"]


def test_a_profile_ends_when_its_function_fails():
    def fail():
        raise KeyError("planned")

    with pytest.raises(KeyError):
        tf.profile(fail)
    assert tf.profile(lambda: None).kernels == ()


def test_sharing_ops_are_kernels_that_move_nothing():
    x = tf.ones([4])
    (kernel,) = tf.profile(lambda: tf.reshape(x, [2, 2])).kernels
    assert (kernel.name, kernel.kernel_time_ms, kernel.output_shapes) == ("Reshape", 0, ((2, 2),))


def test_time_measures_kernels_and_wall():
    times = tf.time(lambda: tf.ones([3]) + 1)
    assert 0 < times.kernel_ms <= times.wall_ms


def test_memory_names_native_counters():
    assert set(tf.memory().backends["cpu"]) == {"sessions", "plans", "buffers", "buffer_bytes"}
