"""A hundred runs of a model leave what ``tf.memory()`` tells as it was."""

from pathlib import Path

import pytest

import tfjslab as tf

SHARED = Path(__file__).parents[3] / "shared" / "models"
RUNS = 100
NAMES = ("blazeface-front", "facemesh", "handtrack", "mobilenet_v2_graph", "mobilenet_v2_layers")
SMALL = ("blazeface-front",)  # the reference takes ten seconds and more for the others
OPEN = {"handtrack": (1, 64, 64, 3)}


def tensors():
    """What the engine holds, whatever backends were opened since."""
    held = tf.memory()
    return held.num_tensors, held.num_data_buffers, held.num_bytes


@pytest.mark.parametrize(("name", "backend"), [
    *((name, "wasm-simd") for name in NAMES), *((name, "cpu") for name in SMALL)])
def test_a_hundred_runs_of_a_real_model_leave_memory_as_it_was(name, backend):
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip("the real models are not beside this repository")
    outside = tensors()
    with tf.load_model(folder, backend=backend) as model:
        x = model.sample()
        if name in OPEN:
            x = {n: a[:, :1, :1].repeat(OPEN[name][1], 1).repeat(OPEN[name][2], 2) for n, a in x.items()}
        model.predict(x)
        before = tf.memory()
        for _ in range(RUNS):
            model.predict(x)
        assert tf.memory() == before
    assert tensors() == outside


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
def test_a_hundred_runs_that_give_tensors_leave_memory_when_these_are_disposed(backend):
    with tf.zoo.load("digits", backend=backend) as model:
        x = tf.tensor(model.sample()["image"])
        model.predict(x).dispose()
        before = tf.memory()
        for _ in range(RUNS):
            model.predict(x).dispose()
        assert tf.memory() == before
        x.dispose()
