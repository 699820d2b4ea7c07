"""Leaks that are planted in cycles are found, and what only settles is no leak."""

import json
import os
import random
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

import tfjslab as tf
from tfjslab.base.errors import UsageError

TOOLS = Path(__file__).parents[2] / "tools"
COUNT = 20


@pytest.fixture
def soaked(tool):
    """The faults after so many cycles."""
    def run(cycle, count=COUNT):
        @contextmanager
        def opened(_model):
            yield cycle

        kind = tool("soak_cycles").Kind("planted", count, opened)
        return list(tool("soak_verdict").faults(list(tool("soak_case").soak(kind, "", count))))

    return run


ALONE = """
import json, os, sys
from contextlib import contextmanager
sys.path.insert(0, sys.argv[1])
from soak_case import soak
from soak_cycles import Kind
from soak_verdict import faults

cycle, count = sys.argv[2], int(sys.argv[3])

@contextmanager
def opened(_model):
    kept = []
    yield lambda: eval(cycle, {"os": os, "kept": kept})

print(json.dumps(list(faults(list(soak(Kind("planted", count, opened), "", count))))))
"""


def alone(cycle):
    """The faults of cycles in a process of their own, as the tool's are: here other tests' threads give memory back."""
    command = [sys.executable, "-c", ALONE, str(TOOLS), cycle, str(COUNT)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_cache_that_grows_is_found_by_resident_memory():
    (fault,) = [f for f in alone("kept.append(os.urandom(1_000_000))") if f.startswith("resident memory went from")]
    told = re.search(r"and on and on: up to ([\d.]+) (k|M)B a cycle", fault)
    assert 500 < float(told[1]) * (1000 if told[2] == "M" else 1) < 2000


def test_small_objects_are_found_by_their_blocks():
    (fault,) = [f for f in alone("kept.append([object() for _ in range(100)])") if f.startswith("Python's blocks")]
    assert "and on and on: up to 1" in fault  # of 100 objects and a list


def test_a_tensor_that_stays_is_found_by_the_counters(soaked):
    kept = []
    found = soaked(lambda: kept.append(tf.ones([3])), 10)
    assert "tf.memory(): num_tensors: 0 before, 10 after" in found
    assert "tf.memory(): num_bytes: 12 after the first tenth, 120 at the end" in found
    tf.dispose(kept)


def test_a_thread_that_stays_is_found(soaked):
    stop, threads = threading.Event(), []

    def cycle():
        threads.append(threading.Thread(target=stop.wait))
        threads[-1].start()

    (fault,) = [f for f in soaked(cycle, 10) if f.startswith("threads")]
    before, after = (int(word) for word in fault.split() if word.isdecimal())
    assert after - before == 9
    stop.set()
    for thread in threads:
        thread.join()


def test_a_descriptor_and_a_temporary_file_are_found(soaked, tmp_path):
    kept = []
    found = soaked(lambda: kept.append(os.open(tmp_path / "temporary" / f"{len(kept)}", os.O_CREAT)))
    assert f"temporary files: 2 after the first tenth, {COUNT} at the end" in found
    assert [f for f in found if f.startswith("descriptors went from") and "up to 1 a cycle" in f]
    for descriptor in kept:
        os.close(descriptor)


def looks(values):
    """Looks between cycles of which one figure is known."""
    return [{"cycle": i, "resident": v} for i, v in enumerate(values, 1)]


def noise(seed=0):
    rng = random.Random(seed)  # noqa: S311 - no secret
    return [50_000_000 + rng.randrange(-100_000, 100_000) for _ in range(90)]


@pytest.mark.parametrize("at", range(0, 90, 10))
def test_steps_of_caches_that_end_are_no_leak(tool, at):
    stepped = [v + 5_000_000 * (i >= at) for i, v in enumerate(noise())]
    assert tool("soak_verdict").growth("resident", looks(stepped)).fault == ""


@pytest.mark.parametrize("seed", range(10))
def test_the_upper_end_is_above_the_true_growth(tool, seed):
    grown = [v + 30_000 * i for i, v in enumerate(noise(seed))]
    found = tool("soak_verdict").growth("resident", looks(grown))
    assert 30_000 <= found.most < 40_000
    assert "and on and on" in found.fault


def test_a_fifth_more_is_too_much_however_it_came(tool):
    stepped = [v + 11_000_000 * (i > 40) for i, v in enumerate(noise())]
    found = tool("soak_verdict").growth("resident", looks(stepped))
    assert found.fault.endswith(f"{max(stepped):,} at most")


def test_fonts_that_stay_open_are_no_leak_and_one_more_each_time_is(tool):
    """Matplotlib opens its fonts again in threads that it did not see before: two descriptors, now and then."""
    growth = tool("soak_verdict").growth
    opened = [12 + 2 * (i > 14) + 2 * (i > 15) for i in range(46)]
    found = [growth("descriptors", [{"cycle": i, "descriptors": n} for i, n in enumerate(v)])
             for v in (opened, range(12, 58))]
    assert [bool(g.fault) for g in found] == [False, True]


def test_few_looks_say_nothing_of_memory(tool):
    assert tool("soak_verdict").growth("resident", looks([1, 2, 3])) is None
    assert tool("soak_verdict").growth("resident", looks([None] * 90)) is None


@pytest.mark.parametrize(("fails_at", "told"), [(1, "not_run"), (2, "failed")])
def test_a_kind_that_never_works_is_not_run_and_one_that_stops_working_fails(tool, monkeypatch, fails_at, told):
    done = []

    @contextmanager
    def opened(_model):
        def cycle():
            done.append(1)
            if len(done) == fails_at:
                raise UsageError("planned")
        yield cycle

    monkeypatch.setitem(tool("soak_cycles").KINDS, "planted", tool("soak_cycles").Kind("", 10, opened))
    monkeypatch.setattr("sys.argv", ["soak_case.py", "planted", "digits", "1000"])
    said = []
    tool("soak_case").main(said.append)
    assert said[-1] == {told: "planned"}


def test_an_error_that_has_no_type_is_told_with_its_place(tool, monkeypatch):
    monkeypatch.setattr("sys.argv", ["soak_case.py", "nonesuch", "digits", "10"])
    said = []
    tool("soak_case").main(said.append)
    assert "KeyError: 'nonesuch'" in said[-1]["failed"]
