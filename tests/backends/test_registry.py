"""The table of backends: choice by priority, fallback that says so, aliases by flags."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import warnings
from types import ModuleType

import pytest

import tfjslab as tf
from tfjslab.backends import registry, rows
from tfjslab.backends.base import Availability, BackendDef
from tfjslab.backends.cpu import CpuBackend
from tfjslab.base.errors import BackendUnavailableError, UsageError
from tfjslab.base.machine import usable_cores

FAST = BackendDef("fast", 9, "made up", "nothing", "made_up_backend", "v")
FAST_THREADS = BackendDef("fast-threads", 0, "made up", "nothing", "made_up_backend", "t", threaded=True,
                          flags=("WASM_HAS_MULTITHREAD_SUPPORT",))
ANY = BackendDef("any", 5, "made up", "nothing", "made_up_backend", alias_of=("fast-threads", "fast"))
CPU = rows.row("cpu")


class Fake(ModuleType):
    """A backend module that is there or not, and notes what it was asked to make."""

    def __init__(self, reason=""):
        super().__init__("made_up_backend")
        self.reason, self.made = reason, []

    def availability(self, _variant):
        """There unless a reason was given."""
        return Availability(not self.reason, self.reason)

    def create(self, variant, threads):
        """Note what was asked."""
        self.made.append((variant, threads))
        return CpuBackend()


@pytest.fixture
def table(monkeypatch):
    """Put rows and a module in place of the real ones, with nothing chosen yet."""
    registry.get_backend()
    tf.env()

    def put(*made_up, module=None):
        monkeypatch.setattr(rows, "ROWS", made_up)
        monkeypatch.setattr(registry, "_STATE", registry._State())
        monkeypatch.setitem(sys.modules, "made_up_backend", module)
        return module

    yield put
    monkeypatch.undo()
    tf.env().reset()
    registry.set_backend("cpu")


def test_every_backend_is_listed_with_its_reason():
    listed = tf.backends()
    assert [r.name for r in listed[:4]] == ["webgpu", "webgl", "wasm", "cpu"]
    assert {r.name for r in listed[4:]} == {"webgpu-f16", "wasm-plain", "wasm-simd", "wasm-threads"}
    for r in listed:
        assert r.available or r.reason
        assert r.current == (r.name == "cpu")


def test_the_highest_priority_that_is_available_is_chosen(table):
    table(CPU, FAST, module=Fake())
    assert tf.get_backend() == "fast"


def test_what_may_not_be_chosen_is_passed_over_without_a_word(table):
    module = table(FAST, CPU, module=Fake())
    module.may_be_chosen = lambda variant: variant != "v"
    assert tf.get_backend() == "cpu"
    assert registry.availability("fast").available


def test_falling_back_says_so_once(table):
    table(FAST, CPU, module=Fake("no such chip"))
    with pytest.warns(tf.BackendFallbackWarning) as caught:
        assert tf.get_backend() == "cpu"
    assert [str(w.message) for w in caught] == ["backend 'fast' is not available (no such chip); using 'cpu'"]
    registry._STATE.current = None
    assert tf.get_backend() == "cpu"
    assert len(caught) == 1


def test_a_module_that_cannot_be_imported_is_a_reason(table):
    table(FAST, CPU)
    sys.modules["made_up_backend"] = None
    found = registry.availability("fast")
    assert not found.available
    assert found.reason.startswith("made_up_backend cannot be imported: ")


def test_nothing_available_lists_all_reasons(table):
    table(FAST, module=Fake("broken"))
    with pytest.raises(BackendUnavailableError) as caught:
        tf.get_backend()
    assert (str(caught.value), caught.value.exit_code) == ("backend 'fast' is not available (broken)", 4)
    with pytest.raises(BackendUnavailableError, match="backend 'fast' is not available: broken"):
        tf.set_backend("fast")


def test_an_alias_takes_the_first_candidate_that_flags_allow(table):
    module = table(ANY, FAST, FAST_THREADS, CPU, module=Fake())
    tf.set_threads_count(3)
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", value=True)
    registry.backend("any")
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", value=False)
    registry.backend("any")
    assert module.made == [("t", 3), ("v", 1)]
    assert next(r.resolved for r in tf.backends() if r.name == "any") == "fast"


def test_an_alias_without_candidates_gives_every_reason(table):
    table(ANY, FAST, FAST_THREADS, CPU, module=Fake("no engine"))
    assert registry.availability("any") == Availability(
        available=False, reason="fast-threads: no engine; fast: no engine")


def test_a_flag_that_rules_a_candidate_out_is_its_reason(table):
    table(BackendDef("any", 5, "", "", "made_up_backend", alias_of=("fast-threads",)), FAST_THREADS, module=Fake())
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", value=False)
    assert registry.availability("any").reason == "fast-threads: flag WASM_HAS_MULTITHREAD_SUPPORT is False"


def test_instances_are_shared_by_name_and_thread_count(table):
    module = table(FAST_THREADS, CPU, module=Fake())
    a, b, c = (registry.backend("fast-threads", n) for n in (2, 2, 4))
    assert a is b
    assert a is not c
    assert module.made == [("t", 2), ("t", 4)]


def test_ready_and_set_backend_may_be_awaited_or_not():
    async def main():
        return await tf.set_backend("cpu"), await tf.ready()

    assert asyncio.run(main()) == ("cpu", "cpu")
    assert repr(tf.ready()) == "ready: cpu"


NAMES = "webgpu, webgpu-f16, webgl, wasm, cpu, wasm-plain, wasm-simd, wasm-threads"
FLAGS = (
    "WEBGPU_CALIBRATE, WEBGPU_ANY_PRECISION, WASM_CALIBRATE, WASM_STRASSEN, WASM_WINOGRAD, WASM_HAS_SIMD_SUPPORT, "
    "WASM_HAS_MULTITHREAD_SUPPORT, DEBUG, PROD, MAX_MEMORY_BYTES, MAX_LOOP_SECONDS, "
    "MAX_RUN_SECONDS, MAX_NODE_FLOPS"
)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: tf.set_backend("wasm-simt"),
     f"backend 'wasm-simt' is unknown; known: {NAMES}; did you mean 'wasm-simd'?"),
    (lambda: tf.env().get("WASM_HAS_SIMD"),
     f"flag 'WASM_HAS_SIMD' is unknown; known: {FLAGS}; did you mean 'WASM_HAS_SIMD_SUPPORT'?"),
    (lambda: tf.env().set("WASM_HAS_SIMD_SUPPORT", 1), "flag WASM_HAS_SIMD_SUPPORT: 1; expected True or False"),
    (lambda: tf.set_threads_count(0), "threads count is 0; expected an integer >= 1"),
    (lambda: tf.set_threads_count(count=True), "threads count is True; expected an integer >= 1"),
])
def test_wrong_names_and_values_are_refused(call, message):
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value) == message


def test_listing_flags_loads_no_engine_and_registers_what_each_backend_declares():
    code = ("import sys, tfjslab as tf; from tfjslab.backends.flags import env; print(len(env()._flags));"
            "print([m for m in ('wasmtime', 'wgpu') if m in sys.modules])")
    told = subprocess.check_output([sys.executable, "-c", code], text=True).split("\n")
    assert told[:2] == [str(len(FLAGS.split(", "))), "[]"]


def test_flags_are_found_out_once_and_can_be_reset(table):
    tf.env().reset()
    found = tf.env().features()
    assert list(found) == FLAGS.split(", ")
    tf.env().set("WASM_HAS_SIMD_SUPPORT", not found["WASM_HAS_SIMD_SUPPORT"])
    assert tf.env().get("WASM_HAS_SIMD_SUPPORT") is not found["WASM_HAS_SIMD_SUPPORT"]
    tf.env().reset()
    assert tf.env().features() == found


def test_more_threads_than_cores_are_warned_about_once(table):
    module = table(FAST_THREADS, CPU, module=Fake())
    many = usable_cores() + 3
    with pytest.warns(tf.ThreadsWarning, match=rf"^backend 'fast-threads': {many} threads on {usable_cores()} core"):
        registry.backend("fast-threads", many)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.backend("fast-threads", many)
        registry.backend("fast-threads", 1)
    assert module.made == [("t", many), ("t", 1)]
    assert registry.is_threaded("fast-threads")
    assert not registry.is_threaded("cpu")


def test_the_thread_count_defaults_to_the_cores_and_is_kept(table):
    table(CPU)
    assert tf.get_threads_count() >= 1
    tf.set_threads_count(7)
    assert tf.get_threads_count() == 7
