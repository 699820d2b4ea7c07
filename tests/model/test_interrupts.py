"""Ctrl-C at any line: it is raised, and everything that was taken is given back."""

import gc
import random
import signal
import sys
import threading

import numpy as np
import pytest

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.interrupts import Heard, Presses, Uninterrupted, UninterruptedBut
from tfjslab.engine.sessions import release_sessions

IMAGES = np.random.default_rng(0).uniform(0, 1, (4, 8, 8, 1)).astype(np.float32)


def loaded():
    with zoo.load("digits", backend="wasm-simd") as model:
        model.execute(model.sample())


def optimized():
    with zoo.load("digits", backend="wasm-simd") as model:
        tf.optimize(model, measure=False).model.dispose()


def quantized():
    with zoo.load("digits", backend="wasm-simd") as model:
        tf.quantize(model, calibration=[IMAGES]).model.dispose()


def eager(backend):
    def chain():
        x = tf.tensor(IMAGES.reshape(4, 64))
        y = tf.relu(tf.mat_mul(x, tf.transpose(x)))
        y.clone().dispose()
        return y.reshape([16]).numpy()

    def work():
        tf.set_backend(backend)
        release_sessions()  # so that plans are made, too
        tf.tidy(chain)
        release_sessions()

    return work


# Between opening a file and the block that closes it: Python closes it all the same, at once, and warns.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("work", "times", "steps"), [
    (loaded, 12, "line"), (optimized, 4, "line"), (quantized, 6, "line"), (eager("cpu"), 60, "opcode"),
    (eager("wasm-simd"), 60, "opcode"), (eager("wasm-threads"), 30, "opcode"), (eager("webgpu"), 6, "opcode"),
], ids=["load", "optimize", "quantize", "cpu", "wasm-simd", "wasm-threads", "webgpu"])
def test_wherever_it_comes(no_leaks, tool, work, times, steps):
    at_step = tool("interrupts_calls").at_step
    work()
    total = at_step(work, 0, steps)
    rng = random.Random(total)  # noqa: S311 - no secret
    for at in sorted(rng.sample(range(1, total + 1), times)):
        with no_leaks():
            with pytest.raises(KeyboardInterrupt):
                at_step(work, at, steps)
            release_sessions()
            gc.collect()
    with no_leaks():
        work()


def test_it_waits_for_the_end_of_what_must_be_whole():
    done = []

    def whole():
        with Uninterrupted():
            signal.raise_signal(signal.SIGINT)
            with Uninterrupted():
                done.append("inner")
            done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        whole()
    assert done == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("kind", [Uninterrupted, UninterruptedBut])
def test_a_long_part_of_a_block_hears_it_where_the_block_says_so(kind):
    def work(at):
        done.clear()
        with kind():
            press(at, "before")
            with Heard():
                press(at, "long part")
            press(at, "after")

    def press(at, place):
        if at == place:
            signal.raise_signal(signal.SIGINT)
        done.append(place)

    done = []
    heard = kind is UninterruptedBut
    for at, reached in (("before", ["before"]), ("long part", ["before"]), ("after", ["before", "long part", "after"])):
        with pytest.raises(KeyboardInterrupt):
            work(at)
        assert done == (reached if heard else ["before", "long part", "after"])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_after_a_long_part_was_broken_off_what_gives_back_is_whole_again():
    done = []

    def work():
        with UninterruptedBut():
            try:
                with Heard():
                    signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGINT)
                done.append("given back")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["given back"]


@pytest.fixture
def program():
    """SIGINT as the command line hears it, with a clock that is a list of times."""
    times = []
    before = signal.signal(signal.SIGINT, Presses(lambda: times[0]))
    yield times
    signal.signal(signal.SIGINT, before)


def press_at(times, now):
    times[:] = [now]
    signal.raise_signal(signal.SIGINT)


def test_pressed_twice_is_heard_once_in_a_program(program):
    with pytest.raises(KeyboardInterrupt):
        press_at(program, 5.0)
    for now in (5.05, 6.9):
        press_at(program, now)
    with pytest.raises(KeyboardInterrupt):
        press_at(program, 7.0)  # what does not end is ended


def drop(ends):
    """Let go of an object whose ``__del__`` does that."""
    class Careless:
        def __del__(self):
            ends()

    held = [Careless()]
    held.clear()
    return "not heard"


@pytest.fixture
def hook(program, monkeypatch):
    """What a program does about errors that Python swallows."""
    program[:] = [1.0]
    monkeypatch.setattr(sys, "unraisablehook", signal.getsignal(signal.SIGINT).again)


@pytest.mark.usefixtures("hook")
def test_a_program_hears_what_python_swallows():
    with pytest.raises(KeyboardInterrupt):
        drop(lambda: signal.raise_signal(signal.SIGINT))


@pytest.mark.usefixtures("hook")
def test_other_errors_that_python_swallows_are_told_as_ever(capsys):
    assert drop([].pop) == "not heard"
    assert "IndexError: pop from empty list" in capsys.readouterr().err


def test_a_program_waits_for_the_end_of_what_must_be_whole_as_well(program):
    done = []

    def whole():
        with Uninterrupted():
            press_at(program, 1.0)
            done.append("all")

    with pytest.raises(KeyboardInterrupt):
        whole()
    assert done == ["all"]
    press_at(program, 1.1)  # the same one


def test_an_error_inside_is_raised_as_it_is():
    with pytest.raises(ZeroDivisionError), Uninterrupted():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_and_handlers_are_left_alone(monkeypatch):
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append("own"))
    try:
        with Uninterrupted():
            signal.raise_signal(signal.SIGINT)
        assert came == ["own"]
    finally:
        signal.signal(signal.SIGINT, before)

    def work():
        with Uninterrupted():
            came.append("thread")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert came == ["own", "thread"]
