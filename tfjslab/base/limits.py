"""Resource limits that are checked before anything is allocated. Input is hostile until checked."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from tfjslab.base.errors import LimitError
from tfjslab.base.machine import total_memory_bytes
from tfjslab.base.text import scaled

_SHARE = 0.75  # of the machine's memory, that a run may take where nobody says otherwise
T = TypeVar("T")
_UNKNOWN_MACHINE = 4 << 30  # bytes, where the system does not tell what it has


@dataclass(frozen=True)
class Limits:
    """Upper bounds for what a model file may ask for."""

    model_json_bytes: int = 256 << 20
    weight_bytes: int = 2 << 30
    tensor_bytes: int = 2 << 30
    rank: int = 8
    nodes: int = 200_000
    json_depth: int = 200
    function_depth: int = 32
    loop_iterations: int = 10_000_000
    download_bytes: int = 2 << 30
    shards: int = 10_000


@dataclass
class RunLimits:
    """Upper bounds for what one run of a model or an op may take; the flags of `tf.env()` set them.

    ``memory_bytes`` is for what it makes, without weights; ``seconds`` are for a loop of the model, ``run_seconds`` for
    a whole run. ``node_flops`` are for one node, which nothing but its end or Ctrl-C ends: hours, and none that is of
    use comes near.
    """

    memory_bytes: int
    seconds: float = 600.0
    run_seconds: float = math.inf
    node_flops: float = 1e15


@lru_cache(maxsize=1)
def default_memory_bytes() -> int:
    """What a run may take where nobody says: three quarters of the machine's memory."""
    total = total_memory_bytes()
    return _UNKNOWN_MACHINE if total is None else int(_SHARE * total)


class _Thread(threading.local):
    """``ends`` is when the run that a thread is in has to end, in seconds of ``time.monotonic``."""

    ends = math.inf


LIMITS = Limits()
RUN_LIMITS = RunLimits(default_memory_bytes())
_THREAD = _Thread()


def check_limit(what: str, found: int, limit: int) -> None:
    """Raise LimitError when ``found`` is above ``limit``."""
    if found > limit:
        raise LimitError(f"{what} is {found}, above the limit of {limit}")


def check_memory(what: str, num_bytes: int) -> None:
    """Raise LimitError when this is more than a run may take; asked before it is allocated."""
    if num_bytes > RUN_LIMITS.memory_bytes:
        raise LimitError(
            f"{what} would take {scaled(num_bytes, 'B')}; a run may take {scaled(RUN_LIMITS.memory_bytes, 'B')} "
            "(flag MAX_MEMORY_BYTES, option --max-memory)", code="limit.memory")


def check_seconds(what: str, seconds: float) -> None:
    """Raise LimitError when this is longer than a loop of a model may run."""
    if seconds > RUN_LIMITS.seconds:
        raise LimitError(f"{what} has run for {seconds:.0f} s; a loop may run for {RUN_LIMITS.seconds:g} s "
                         "(flag MAX_LOOP_SECONDS)", code="limit.seconds")


def check_flops(what: str, flops: int) -> None:
    """Raise LimitError when this is more than one node may compute; asked before it runs."""
    if flops > RUN_LIMITS.node_flops:
        raise LimitError(f"{what} would take {scaled(flops, 'FLOP')}; a node may take "
                         f"{scaled(RUN_LIMITS.node_flops, 'FLOP')} (flag MAX_NODE_FLOPS)", code="limit.flops")


# ---- seconds of a run ------------------------------------------------------------------------------------------------

def run_is_limited() -> bool:
    """Whether runs are to ask `check_run` between their steps; asked once a run, as a step may take a microsecond."""
    return RUN_LIMITS.run_seconds < math.inf


def limited_run(work: Callable[[], T]) -> T:
    """Call ``work``, which is one run of a model: what it does in this thread has to end in time."""
    if not run_is_limited():
        return work()
    _THREAD.ends = time.monotonic() + RUN_LIMITS.run_seconds
    try:
        return work()
    finally:
        _THREAD.ends = math.inf


def check_run(where: str) -> None:
    """Raise LimitError when the run that this thread is in has taken longer than it may; ``where`` is what comes next.

    A call into numpy or WebAssembly is not cut short.
    """
    if time.monotonic() > _THREAD.ends:
        raise LimitError(f"before {where}: the run has taken more than {RUN_LIMITS.run_seconds:g} s, which is what one "
                         "may take (flag MAX_RUN_SECONDS, option --max-seconds)", code="limit.seconds")


def in_time(steps: Iterable[T], what: str) -> Iterator[T]:
    """The same steps, of a loop within one op: between them the run may have to end."""
    return _checked(steps, what) if run_is_limited() else iter(steps)


def _checked(steps: Iterable[T], what: str) -> Iterator[T]:
    for step in steps:
        check_run(what)
        yield step
