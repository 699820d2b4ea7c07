"""Ctrl-C at any line: it is raised, and everything that was taken is given back."""

import gc
import random
import signal
import threading

import numpy as np
import pytest

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.interrupts import Presses, Uninterrupted

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


# Between opening a file and the block that closes it: Python closes it all the same, at once, and warns.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("work", "times"), [(loaded, 12), (optimized, 4), (quantized, 6)])
def test_whatever_line_it_comes_at(no_leaks, tool, work, times):
    at_line = tool("interrupts_calls").at_line
    work()
    total = at_line(work, 0)
    rng = random.Random(total)  # noqa: S311 - no secret
    for at in sorted(rng.sample(range(1, total + 1), times)):
        with no_leaks():
            with pytest.raises(KeyboardInterrupt):
                at_line(work, at)
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
