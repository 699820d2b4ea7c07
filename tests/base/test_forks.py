"""Locks of the whole process in a forked child: free, and what they guard is in order, whatever other threads do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

SCRIPT = """
import gc, os, signal, threading, warnings
import numpy as np
from matplotlib.figure import Figure
import tfjslab as tf
from tfjslab import zoo
from tfjslab.backends.host_threads import _limits, host_threads
from tfjslab.base import forks
from tfjslab.base.collector import collector_paused
from tfjslab.vis.image import png

warnings.simplefilter("ignore")  # Python says that forks of threads are no good idea
x = np.ones((1, 8, 8, 1), np.float32)
model = zoo.load("digits", backend="cpu")
watched = tf.monitor(model)
watched.predict(x)
before = [library.get_num_threads() for library in _limits()._libraries]
held, end = threading.Event(), threading.Event()

def holding(contexts):
    for context in contexts:
        context.__enter__()
    held.set()
    end.wait()
    for context in reversed(contexts):
        context.__exit__(None, None, None)

def used():
    watched.predict(x)
    tf.env().get("WASM_HAS_SIMD_SUPPORT")
    png(Figure())
    with host_threads(1):
        np.ones((64, 64)) @ np.ones((64, 64))
    assert gc.isenabled()
    with collector_paused():
        assert not gc.isenabled()
        zoo.load("digits", backend="cpu").dispose()
    assert gc.isenabled()
    assert [library.get_num_threads() for library in _limits()._libraries] == before

def forked(*contexts):
    held.clear(), end.clear()
    other = threading.Thread(target=holding, args=[contexts])
    other.start()
    held.wait()
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        used()
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    end.set()
    other.join()
    return code

used()
locks = tuple(forks._LOCKS)
print(len(locks) > 4, forked(*locks), forked(collector_paused(), host_threads(1)))
with collector_paused(), host_threads(1):  # of the thread that forks: they hold in the child as well
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        assert not gc.isenabled()
if not pid:
    used()
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
used()
"""


def test_a_child_finds_every_lock_free_and_what_it_guards_in_order(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], text=True, capture_output=True, timeout=120, check=False,
        env=os.environ | {"TFJSLAB_CACHE_DIR": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["True", "0", "0", "0"]
