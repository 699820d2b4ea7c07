"""Ceilings of adapters: what the loops do, how much work they are said to be, and whose numbers they are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.available import need
from support.sessions import adapter_backend

from tfjslab.backends.ceilings import ceilings_of
from tfjslab.base.errors import BackendError
from tfjslab.cli.app import main

ceilings = pytest.importorskip("tfjslab.backends.webgpu.ceilings")
recording = pytest.importorskip("tfjslab.backends.webgpu.run.recording")
templates = pytest.importorskip("tfjslab.backends.webgpu.text.templates")
trials = pytest.importorskip("tfjslab.backends.webgpu.trials")


@pytest.fixture(name="gpu", params=["webgpu", "webgl"])
def _gpu(request):
    with adapter_backend(request.param) as made:
        yield made


@pytest.fixture(name="device")
def _device(gpu):
    return gpu.open_session().device


def ran(device, trial, values):
    """What a trial leaves in its second buffer (the first, where that is its output), after one run."""
    sizes = np.zeros(64, np.uint32)
    sizes[: len(trial.sizes)] = np.array(trial.sizes, np.int64) & 0xFFFFFFFF
    pipeline = device.pipeline(templates.render(trial.kernel), "a test")
    written = [b.name for b in trial.kernel.bindings].index("c")
    buffers = [device.upload(np.zeros(4 * n, np.float32) if i == written else values)
               for i, n in enumerate(trial.lengths)]
    uniform = device.buffer(sizes.nbytes, "uniform")
    device.write(uniform, 0, sizes)
    ranges = [*((b, 0, 16 * n) for b, n in zip(buffers, trial.lengths, strict=True)), (uniform, 0, sizes.nbytes)]
    encoder = device.encoder()
    recording.dispatch_all(encoder, [(pipeline, device.bind(pipeline, ranges, "a test"), trial.groups)])
    (found,) = device.submit(encoder, [ranges[written]])
    for b in buffers:
        device.release(b)
    device.release(uniform, "uniform")
    return found.view(np.float32)


@pytest.mark.parametrize("work", ["copy", "sum"])
def test_what_moves_data_goes_over_all_of_it_once(device, work):
    """Each loop in its least rounds, and the kernel as it is: their amounts are what they read and write."""
    num_bytes = 1 << 20
    values = np.random.default_rng(0).integers(0, 2, num_bytes // (8 if work == "copy" else 4)).astype(np.float32)
    for loop in ceilings._moving(device, work, num_bytes):
        found = ran(device, loop.trial(loop.rounds), values)
        if work == "copy":
            np.testing.assert_array_equal(found, values)
        else:
            assert found.sum(dtype=np.float64) == values.sum()
        assert loop.amount * loop.rounds == num_bytes


@pytest.mark.parametrize("fused", [False, True])
def test_what_computes_does_the_steps_that_it_is_said_to_do(device, fused):
    """With x = 1/2 and y = 3, from the invocation's number on."""
    for loop in ceilings._computing(device, fused=fused):
        found = ran(device, loop.trial(1), np.repeat(np.array([0.5, 3], np.float32), 4))
        want = 0
        for v in range(loop.sums):
            value = np.arange(loop.invocations, dtype=np.float64) + v
            for _ in range(ceilings._UNROLL):
                value = value * 0.5 + 3 if fused else value * 0.5 if v % 2 else value + 3
            want = want + value
        np.testing.assert_allclose(found.reshape(-1, 4), np.repeat(want, 4).reshape(-1, 4), rtol=1e-5)
        assert loop.amount == (8 if fused else 4) * loop.sums * ceilings._UNROLL * loop.invocations


def test_rates_are_work_over_the_fastest_time(gpu, monkeypatch):
    """Every run takes four milliseconds, which is long enough, or longer."""
    times = iter(range(10**6))
    monkeypatch.setattr(trials.Timed, "seconds", lambda _: 4e-3 + next(times) % 2)
    monkeypatch.setattr(ceilings, "_MEMORY_MOST", 1 << 20)
    monkeypatch.setattr(ceilings, "cache_sizes", lambda: {2: 1 << 18, 3: 1 << 19})
    found, reason = ceilings_of(gpu)
    software = gpu.adapter.software
    sums = max(ceilings._SOFTWARE_SUMS if software else ceilings._SUMS)
    operations = 4 * sums * ceilings._UNROLL * ceilings._INVOCATIONS
    assert reason == ""
    assert found.mul_add_flops_per_s == pytest.approx(operations / 4e-3)
    assert found.fma_flops_per_s == pytest.approx(2 * operations / 4e-3)
    assert found.memory_copy_bytes_per_s == found.memory_sum_bytes_per_s == pytest.approx((1 << 20) / 4e-3)
    assert (found.threads, found.adapter) == (1, str(gpu.adapter))
    if software:
        assert (found.cache_bytes, found.cache_buffer_bytes, found.note) == (1 << 18, 1 << 17, "")


def test_short_loops_are_made_longer(device, monkeypatch):
    """Until they take four milliseconds, so that starting them is nothing."""
    seen = []
    monkeypatch.setattr(ceilings, "_best", lambda timed: seen.append(timed) or 5e-4 * 4 ** (len(seen) - 1))
    loop = ceilings._Loop("flops", 64, 1 << 10, 2)
    assert ceilings._rate(device, loop) == pytest.approx(loop.amount * 16 / 8e-3)


def test_a_clock_that_stands_still_is_refused(device, monkeypatch):
    monkeypatch.setattr(ceilings, "_best", lambda _timed: 0.0)
    with pytest.raises(BackendError, match=r"^ceilings cannot be measured with a clock that stands still$"):
        ceilings._rate(device, ceilings._Loop("flops", 64, 1 << 10, 2))


def test_a_profile_is_held_against_the_adapter(capsys, monkeypatch):
    """The table names the adapter, not the processor; a stamp for each kernel, a share for each."""
    need("webgpu")
    monkeypatch.setattr(ceilings, "_MEMORY_LEAST", 1 << 20)
    monkeypatch.setattr(ceilings, "_MEMORY_MOST", 1 << 20)
    assert main(["profile", "digits", "--backend", "webgpu", "--roofline", "--json", "-"]) == 0
    held = json.loads(capsys.readouterr().out)["roofline"]
    assert "adapter" in held["ceilings"]["adapter"]
    assert held["ceilings"]["mul_add_flops_per_s"] > 0
    assert all(row["compute_share"] is not None for row in held["kernels"])
