"""Both sides of a comparison on one processor."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tfjslab.backends import registry
from tfjslab.bench.peers.processor import same_processor

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity to set")


@pytest.fixture(name="child")
def _child():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.communicate(b"\n")


def test_both_compute_on_one_processor_and_are_free_afterwards(child):
    before, inside = os.sched_getaffinity(0), []

    def interrupted():
        with same_processor(child.pid, registry.backend("wasm-plain")):
            inside.extend(os.sched_getaffinity(p) for p in (0, child.pid))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert inside[0] == inside[1]
    assert len(inside[0]) == 1
    assert os.sched_getaffinity(0) == before


@pytest.mark.parametrize(("name", "threads"), [("wasm-threads", 2), ("cpu", None)])
def test_who_has_threads_goes_where_the_system_says(child, name, threads):
    before = os.sched_getaffinity(child.pid)
    with same_processor(child.pid, registry.backend(name, threads)):
        assert os.sched_getaffinity(child.pid) == before == os.sched_getaffinity(0)
