"""Memory that cannot be had, of whatever kind: a typed error, everything given back, and the next call works."""

from __future__ import annotations

import random
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from support.available import need
from support.failing import GPU, failing

import tfjslab as tf
from tfjslab import zoo
from tfjslab.backends import registry
from tfjslab.backends.registry import ThreadsWarning
from tfjslab.backends.wasm.run.engine import Instance
from tfjslab.base.errors import TfjslabError
from tfjslab.base.out_of_memory import out_of_memory
from tfjslab.engine.recorder import KernelRecorder
from tfjslab.engine.sessions import release_sessions
from tfjslab.engine.state import STATE

IMAGES = np.random.default_rng(0).uniform(0, 1, (4, 8, 8, 1)).astype(np.float32)
FILTERS = np.ones((3, 3, 1, 2), np.float32)
CODES = {"memory", "backend.out_of_memory", "backend.threads"}


def digits(backend):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ThreadsWarning)  # three, also where there are fewer cores
        return zoo.load("digits", backend=backend, threads=3)


def loaded(backend):
    digits(backend).dispose()


def first(backend):
    with digits(backend) as model:
        return model.predict(IMAGES)


def on_tensors(backend):
    with digits(backend) as model, tf.tidy():
        return model.predict(tf.tensor(IMAGES)).numpy()


def profiled(backend):
    try:
        with digits(backend) as model:
            return tf.profile(lambda: model.predict(IMAGES)).result
    finally:
        assert not STATE.local.recorders


def eager(backend):
    tf.set_backend(backend)
    try:
        with tf.tidy():
            x = tf.tensor(IMAGES)
            best, _ = tf.topk(tf.conv2d(x, FILTERS, 1, "same").reshape([4, -1]), 2)
            return tf.concat([best * 2 + 1, best], 0).numpy()
    finally:
        tf.set_backend("cpu")
        release_sessions()


def quantized(backend):
    with digits(backend) as model:
        tf.quantize(model, calibration=[IMAGES]).model.dispose()


def optimized(backend):
    with digits(backend) as model:
        tf.optimize(model, measure=False).model.dispose()


def exported(backend):
    with digits(backend) as model, tempfile.TemporaryDirectory() as folder:
        try:
            tf.export_web(model, Path(folder, "web"), only=["simd"])
        except TfjslabError:
            assert list(Path(folder).iterdir()) == []
            raise


CASES = [
    (loaded, "cpu", 4), (first, "cpu", 2), (first, "wasm-simd", 5), (first, "wasm-threads", 5), (eager, "webgpu", 1),
    (on_tensors, "wasm-simd", 2), (eager, "cpu", 3), (eager, "wasm-simd", 4), (quantized, "wasm-simd", 4),
    (profiled, "wasm-simd", 4), (optimized, "cpu", 2), (exported, "cpu", 4),
]


@pytest.mark.parametrize(("work", "backend", "times"), CASES)
def test_whichever_time_it_fails(no_leaks, work, backend, times):
    """Every other time it fails for good: what gives back must not need memory."""
    need(backend)
    kinds = (GPU,) if backend == "webgpu" else ()
    expected = work(backend)  # what is kept on disk is there from now on
    with failing(0, *kinds) as calls:
        work(backend)
    rng = random.Random(calls.count)  # noqa: S311 - no secret
    for i, at in enumerate(rng.sample(range(1, calls.count + 1), times)):
        with no_leaks():
            with failing(at, *kinds, for_good=bool(i % 2)), pytest.raises(TfjslabError) as caught:
                work(backend)
            assert caught.value.code in CODES, f"{at}: {caught.value}"
    again = work(backend)
    assert (again is None and expected is None) or np.allclose(again, expected)


@pytest.mark.parametrize(("kind", "ats"), [("heap", (1, 4, 20)), ("engine", (1, 3, 5)), ("threads", (1, 2))])
def test_a_plan_that_cannot_be_made_leaves_the_model_as_it_was(kind, ats):
    with digits("wasm-threads") as model:
        for at in ats:
            with failing(at, kind), pytest.raises(TfjslabError) as caught:
                model.predict(IMAGES[:2])
            assert caught.value.code in CODES
            held = registry.memory()["wasm-threads x3"]
            assert (held["plans"], held["heap_bytes"], held["threads"]) == (0, 0, 0)
        assert model.predict(IMAGES[:2]).shape == (2, 10)


def test_a_profile_whose_records_cannot_be_made_has_ended(monkeypatch):
    """The next kernels are nobody's, and the profile around it goes on."""
    with tf.profile() as outer, tf.tidy():
        with monkeypatch.context() as patches:
            patches.setattr(KernelRecorder, "kernels", property(lambda _: np.empty(1 << 52)))
            with pytest.raises(TfjslabError, match="the records of a profile: there is not enough memory") as caught:
                tf.profile(lambda: tf.add(1, 2))
        assert caught.value.code == "memory"
        tf.mul(2, 3)
    assert outer.info.kernel_names == ("Multiply",)
    assert not STATE.local.recorders


def test_a_part_that_fails_on_one_thread_ends_the_run_on_all(monkeypatch):
    """Nobody waits at the barrier for the one that is not coming, and the plan works again."""
    with digits("wasm-threads") as model:
        expected = model.predict(IMAGES)
        call = Instance.call

        def failing_on_two(instance, name, *args):
            if name.startswith("run") and args[1] == 2:
                raise MemoryError
            call(instance, name, *args)

        for _ in range(3):
            with monkeypatch.context() as patched:
                patched.setattr(Instance, "call", failing_on_two)
                with pytest.raises(TfjslabError, match=r"a run of a plan: there is not enough memory"):
                    model.predict(IMAGES)
            assert np.array_equal(model.predict(IMAGES), expected)


def test_a_tensor_that_cannot_move_stays_where_it_is():
    with tf.tensor([1.0, 2.0]) as x:
        tf.set_backend("wasm-simd")
        with failing(1, "heap"), pytest.raises(TfjslabError, match="the heap is full"):
            tf.relu(x)
        assert x.numpy().tolist() == [1, 2]
        tf.relu(x).dispose()


def test_the_error_says_what_was_done_and_what_to_do():
    error = out_of_memory("a run", MemoryError("Unable to allocate 4.00 TiB"))
    assert (str(error), error.code, error.exit_code) == (
        "a run: there is not enough memory (Unable to allocate 4.00 TiB); free some, or try a smaller model or batch",
        "memory", 4,
    )
    assert isinstance(error, MemoryError)
    assert out_of_memory("more", error) is error
