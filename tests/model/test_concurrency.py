"""Threads, event loops, forks and the end of Python: the right answer or a typed error, and nothing that hangs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tfjslab as tf
from tfjslab import zoo
from tfjslab.backends import registry
from tfjslab.base.errors import DisposedError
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model

X = Port("x", "x", (None, 4), "float32")
GRAPH = Graph(
    (X,), (Port("y", "y", (None, 2), "float32"),),
    (Node("p", "BatchMatMul", ("x", "w"), {"transpose_a": False, "transpose_b": False}), Node("y", "Relu", ("p",))),
    {"w": np.arange(8, dtype=np.float32).reshape(4, 2) - 3},
)
THREADS = 8
HANGS_S = 60  # far above what any of these takes; reached only by what never ends


@pytest.fixture(params=["cpu", "wasm-simd", "wasm-threads"])
def models(request):
    """Three models of one backend."""
    made = [Model(GRAPH, request.param, 2) for _ in range(3)]
    yield made
    for model in made:
        model.dispose()


def answers(model, value, rows=1):
    """What the model says to ``rows`` rows of a value, checked."""
    np.testing.assert_array_equal(model.predict(np.full((rows, 4), value, np.float32)), [[0, 4 * value]] * rows)


def test_eight_threads_on_several_models_get_right_answers(models):
    """In turns on each, with shapes of their own, so that plans are made while others run."""
    def work(i):
        for n in range(24):
            answers(models[(i + n) % 3], i + 1, rows=1 + n % 2 * i)

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(work, range(THREADS))) == [None] * THREADS


def test_a_model_disposed_while_others_predict_says_so(models):
    gate = threading.Barrier(THREADS + 1)

    def work(i):
        gate.wait()
        try:
            while True:
                answers(models[0], i + 1)
        except DisposedError as e:
            return str(e)

    with ThreadPoolExecutor(THREADS) as pool:
        found = [pool.submit(work, i) for i in range(THREADS)]
        gate.wait()
        answers(models[0], 1)
        models[0].dispose()
        assert {f.result(HANGS_S) for f in found} == {"model 'model' is disposed and cannot be used"}
    answers(models[1], 3)


def test_event_loops_predict_in_their_executor_and_by_themselves(models):
    async def main():
        loop, x = asyncio.get_running_loop(), np.ones((1, 4))
        given = [loop.run_in_executor(None, models[i % 3].predict, (i + 1) * x) for i in range(THREADS)]
        awaited = [models[i % 3].predict_async((i + 1) * x) for i in range(THREADS)]
        return await asyncio.gather(*given, *awaited)

    found = asyncio.run(main())
    np.testing.assert_array_equal(np.concatenate(found), [[0, 4 * (i + 1)] for i in (*range(THREADS),) * 2])


FORKS = """
import multiprocessing, os, shutil, signal, sys, threading, warnings
import numpy as np
import tfjslab as tf
from tfjslab import zoo

warnings.simplefilter("ignore")  # Python and we say that threads, and forks of them, are no good idea
x = np.random.default_rng(0).uniform(0, 1, (1, 8, 8, 1)).astype(np.float32)
models = [zoo.load("digits", backend=b, threads=2) for b in ("cpu", "wasm-simd", "wasm-threads")]
expected, *_ = [m.predict(x) for m in models]
tf.set_backend("wasm-simd")
made, computed = tf.tensor([1.0, 2.0]), tf.tensor([1.0, 2.0]) + 1

def busy():
    while True:
        models[-1].predict(x)

def child(*emptied):
    for folder in emptied:
        shutil.rmtree(folder)
        os.mkdir(folder, 0o700)
    signal.alarm({hangs})
    for m in (*models, zoo.load("digits", backend="wasm-threads", threads=2)):
        np.testing.assert_allclose(m.predict(x), expected, atol=1e-5)
        m.dispose()
    assert (computed * made).array_sync() == [2.0, 6.0]
    sys.exit(7)

threading.Thread(target=busy, daemon=True).start()
cache = os.environ["TFJSLAB_CACHE_DIR"]
process = multiprocessing.get_context("fork").Process(target=child, args=[cache])  # which compiles everything anew
process.start()
process.join()
print(process.exitcode, flush=True)
pid = os.fork()  # ends as Python does
if not pid:
    child()
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
np.testing.assert_allclose(models[-1].predict(x), expected, atol=1e-5)
print("the parent goes on")
"""

GPU_FORK = """
import os, signal
import tfjslab as tf

tf.set_backend("webgpu")
x = tf.tensor([1.0]) + 1
if not os.fork():
    signal.alarm({hangs})
    for work in (x.array_sync, lambda: tf.tensor([1.0]) + 1, lambda: tf.set_backend("webgpu")):
        try:
            work()
        except tf.TfjslabError as e:
            print(e.code, "of which this one is a fork" in str(e), flush=True)
    os._exit(0)
os.wait()
print(x.array_sync())
"""


def lines_of(script, tmp_path):
    """What a script prints in a process of its own, whose cache is empty; a failure when it does not end."""
    cache = tmp_path / "cache"
    cache.mkdir(0o700)
    done = subprocess.run(
        [sys.executable, "-c", script.replace("{hangs}", str(HANGS_S // 3))], text=True, capture_output=True,
        timeout=HANGS_S, check=False, env=os.environ | {"TFJSLAB_CACHE_DIR": str(cache)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@forking
def test_a_fork_has_an_engine_of_its_own_whatever_the_parent_is_doing(tmp_path):
    """The parent ends at last as well, though a thread predicts, workers wait, and nothing was disposed."""
    assert lines_of(FORKS, tmp_path) == ["7", "7", "the parent goes on"]


@forking
def test_a_fork_of_a_process_with_gpu_drivers_is_told_that_they_stayed_there(tmp_path):
    found = registry.availability("webgpu")
    if not found.available:
        pytest.skip(found.reason)
    told = lines_of(GPU_FORK, tmp_path)
    assert told == ["backend.forked True", "backend.unavailable True", "backend.unavailable True", "[2.0]"]


def test_models_loaded_compiled_and_disposed_side_by_side_leave_nothing(no_leaks):
    """Eight threads share a backend and the cache of compiled code."""
    with zoo.load("digits", backend="cpu") as reference:
        x = reference.sample()
        expected = reference.predict(x)

        def work(_):
            with zoo.load("digits", backend="wasm-simd") as model:
                np.testing.assert_allclose(model.predict(x), expected, atol=1e-5)

        with no_leaks(), ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, range(THREADS)))
    assert tf.memory().num_tensors == 0
