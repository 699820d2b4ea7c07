"""The calling thread's part of an inference on a GPU: ``pytest -s tests/bench/test_submission.py`` prints it."""

from __future__ import annotations

import statistics
import time

import pytest
from support.available import need

from tfjslab import zoo

_RUNS = 30


@pytest.mark.parametrize("name", ["webgpu", "webgl"])
@pytest.mark.parametrize("model", ["mobilenet_v2", "blazeface"])
def test_an_inference_is_one_submission(model, name, monkeypatch):
    """The processor time of the thread is only printed: checking, upload, recording, waiting and reading included."""
    found = need(name)
    with zoo.load(model, backend=name) as loaded:
        x = loaded.sample()
        for _ in range(3):
            loaded.predict(x)
        times_ms = []
        for _ in range(_RUNS):
            before = time.thread_time()
            loaded.predict(x)
            times_ms.append((time.thread_time() - before) * 1e3)
        queue = loaded._running[1].device.queue
        submitted = []
        real = queue.submit
        monkeypatch.setattr(queue, "submit", lambda buffers: (submitted.append(len(buffers)), real(buffers))[1])
        loaded.predict(x)
        assert submitted == [1]
    where = f"{model} on {name} ({found.details['adapter_type']} adapter)"
    print(f"\n{where}: thread time of predict, fastest {min(times_ms):.2f}, "  # noqa: T201
          f"median {statistics.median(times_ms):.2f} ms of {_RUNS}")
