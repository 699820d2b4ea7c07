"""Profiling code several times and on several backends, leaving as many tensors as one run leaves."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tfjslab.backends import registry
from tfjslab.engine.measure import ProfileInfo, Profiling
from tfjslab.engine.meter import meter_for
from tfjslab.engine.scopes import tidy
from tfjslab.engine.state import STATE
from tfjslab.engine.tensor import Tensor
from tfjslab.magics.line import Request
from tfjslab.magics.result import ProfileResult
from tfjslab.profiling.collect import from_info
from tfjslab.profiling.runs import join_runs

Run = Callable[[], Awaitable[Any]]
_UNSHARED = 2  # sys.getrefcount of a list item that nothing else refers to: the list, and the argument


async def measure(request: Request, name: str, run: Run) -> list[ProfileResult]:
    """Profile ``run`` on each requested backend, one after the other; the current backend is restored afterwards.

    Errors of the code pass through unchanged; then what it made is disposed. Otherwise all tensors stay, except
    those of earlier runs that nothing refers to any more.
    """
    __tracebackhide__ = True
    results = []
    with _backend_restored(), tidy() as scope:
        made = STATE.local.scopes[-1].tensors
        for backend in request.backends or (registry.get_backend(),):
            if backend != registry.get_backend():
                registry.set_backend(backend)
            results.append(await _profile_on_current(request, name, run, made))
        scope.returns(list(made))
    return results


@contextmanager
def _backend_restored() -> Iterator[None]:
    before = registry.get_backend()
    try:
        yield
    finally:
        if registry.get_backend() != before:
            registry.set_backend(before)


async def _profile_on_current(request: Request, name: str, run: Run, made: list[Tensor]) -> ProfileResult:
    __tracebackhide__ = True
    infos: list[ProfileInfo] = []
    meter = meter_for(registry.backend(), time.perf_counter)
    earlier, value = 0, None
    for _ in range(request.warmup + request.runs):
        value = None  # nothing refers to the value of the run before any more
        _dispose_unreachable(made, len(made))
        earlier = len(made)
        meter.mark()
        meter.start()
        with Profiling() as p:
            value = await run()
        meter.stop()
        infos.append(p.info)
    meter.mark()
    _dispose_unreachable(made, earlier)
    each = [replace(from_info(info, name), profiled_states=(state,))
            for info, state in zip(infos, meter.states, strict=True)]
    joined = replace(join_runs(each[request.warmup:]), steal_share=meter.steal_share)
    return ProfileResult(joined, request.warmup, value, request.memory)


def _dispose_unreachable(made: list[Tensor], end: int) -> None:
    """Dispose those of the first ``end`` tensors that only this list refers to: no other code could dispose them."""
    for i in range(end):
        if not made[i].is_kept and sys.getrefcount(made[i]) <= _UNSHARED:
            made[i].dispose()
    made[:] = [t for t in made if not t.is_disposed]
