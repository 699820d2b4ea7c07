"""How much of a run is the host's: the one function, and everything that reads it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from tfjslab.backends.base import CommandInfo
from tfjslab.backends.host import Live
from tfjslab.bench.host_time import measure_host_share
from tfjslab.profiling.captions import totals
from tfjslab.records.host_share import HostShare, host_share
from tfjslab.records.profile import Environment, KernelRecord, Profile, attribute, from_json, to_json


def _kernel(ms, *, fallback=False):
    return KernelRecord("Add", "a", ms, (), (), 0, 0, 0, 0, 0, fallback)


def _profile(*kernels, backend="wasm-simd", wall=10.0):
    wall_ms, rest = attribute(kernels, wall)
    where = Environment("3.11", "2.4", "a cpu", 2, "Linux", backend, "an engine", 1, "a clock")
    return Profile(kernels, wall_ms, rest, 0, 0, 0, environment=where)


def test_the_share_is_of_the_wall_with_what_no_kernel_accounts_for():
    assert host_share([_kernel(2.0), _kernel(3.0, fallback=True), _kernel(4.5, fallback=True)], 10.0).share == 0.75


def test_a_run_of_which_nothing_is_on_the_host_has_a_share_of_0_which_is_known():
    assert host_share([_kernel(2.0)], 10.0, "wasm-simd") == HostShare(0.0, "")


@pytest.mark.parametrize(("wall", "backend", "reason"), [
    (10.0, "cpu", "the host is the backend"), (0.0, "wasm-simd", "no time was seen"),
])
def test_what_cannot_be_known_is_none_with_the_reason(wall, backend, reason):
    assert host_share([_kernel(2.0)], wall, backend) == HostShare(None, reason)


@pytest.mark.parametrize(("share", "text", "part", "is_most"), [
    (None, "", "-", False), (0.0, "", "0%", False), (0.004, "under 1% of the time on the host", "under 1%", False),
    (0.5, "50% of the time on the host", "50%", False), (0.784, "78% of the time on the host", "78%", True),
])
def test_people_read_it_as_a_percentage(share, text, part, is_most):
    found = HostShare(share)
    assert (found.text, found.part, found.is_most) == (text, part, is_most)


def test_a_profile_tells_it_in_its_line_and_in_json_and_reads_that_again():
    p = _profile(_kernel(1.0), _kernel(8.0, fallback=True))
    assert "= wall 10.00 ms; 80% of the time on the host; peak" in totals(p)
    plain = json.loads(json.dumps(to_json(p)))
    assert (plain["host_share"], plain["host_reason"]) == (0.8, "")
    assert from_json(plain) == p
    del plain["host_share"], plain["host_reason"]  # as earlier versions wrote them
    assert from_json(plain) == p


def test_a_profile_on_the_host_itself_does_not_count_itself_as_a_fallback():
    p = _profile(_kernel(8.0), backend="cpu")
    assert (to_json(p)["host_share"], to_json(p)["host_reason"]) == (None, "the host is the backend")
    assert "on the host" not in totals(p)


class _Model:
    """A model that takes the next of its times in milliseconds, of which so many are the host's."""

    def __init__(self, *runs, backend="wasm-simd"):
        self.backend = SimpleNamespace(name=backend)
        self.runs = list(runs)
        self.now = 0.0

    def clock(self):
        return self.now

    def run(self, _feeds, recorder):
        wall, on_host = self.runs.pop(0)
        self.now += wall / 1e3
        recorder.add(lambda: [_command(), _command(fallback=True)], [wall - on_host, on_host], Live())


def _command(*, fallback=False):
    return CommandInfo("Add", "a", ("a",), "", (), (), 0, 0, 0, 0, 0, 0, fallback)


def test_the_share_of_a_model_is_the_median_of_a_few_runs():
    """One that was interrupted does not decide."""
    model = _Model((16.0, 4.0), (64.0, 60.0), (8.0, 3.0), (1.0, 1.0))
    assert measure_host_share(model, None, model.clock).share == pytest.approx(0.375)
    assert len(model.runs) == 1


@pytest.mark.parametrize(("backend", "expected"), [
    ("wasm-simd", HostShare(0.0)), ("cpu", HostShare(None, "the host is the backend")),
])
def test_a_model_of_which_nothing_is_on_the_host_runs_once(backend, expected):
    model = _Model((16.0, 0.0), (1.0, 1.0), backend=backend)
    assert measure_host_share(model, None, model.clock) == expected
    assert len(model.runs) == 1
