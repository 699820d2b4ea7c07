"""Ctrl-C at any line: it is raised, and everything that was taken is given back."""

import dis
import functools
import gc
import random
import signal
import sys
import threading

import numpy as np
import pytest

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.interrupts import Uninterrupted

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


@functools.cache
def instructions(code):
    return list(dis.get_instructions(code))


def leaves_a_block(frame):
    """Whether a ``with`` block ends next: Python hears no signal before its ``__exit__`` has run."""
    coming = [i for i in instructions(frame.f_code) if i.offset >= frame.f_lasti][:3]
    return [(i.opname, i.argval) for i in coming] == [("LOAD_CONST", None)] * 3


def traced(work, interrupt_at):
    """Call ``work`` with SIGINT at a line of the package, counted from 1; gives how many lines there were."""
    lines, due = 0, bool(interrupt_at)

    def line(frame, event, _argument):
        nonlocal lines, due
        lines += event == "line"
        if due and event == "line" and lines >= interrupt_at and not leaves_a_block(frame):
            due = False
            signal.raise_signal(signal.SIGINT)
        return line

    def call(frame, _event, _argument):
        return line if "/tfjslab/" in frame.f_code.co_filename else None

    sys.settrace(call)
    try:
        work()
    finally:
        sys.settrace(None)
    return lines


# Between opening a file and the block that closes it: Python closes it all the same, at once, and warns.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("work", "times"), [(loaded, 12), (optimized, 4), (quantized, 6)])
def test_whatever_line_it_comes_at(no_leaks, work, times):
    work()
    total = traced(work, 0)
    rng = random.Random(total)  # noqa: S311 - no secret
    for at in sorted(rng.sample(range(1, total + 1), times)):
        with no_leaks():
            with pytest.raises(KeyboardInterrupt):
                traced(work, at)
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
