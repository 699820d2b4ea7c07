"""``memory``, ``profile`` and ``time``: what the engine holds, and what running something costs."""

from __future__ import annotations

import inspect
import time as clocks
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tfjslab.backends import registry
from tfjslab.base.errors import UsageError
from tfjslab.base.out_of_memory import tells_memory
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import count, counted, ms, scaled
from tfjslab.engine.recorder import KernelRecorder
from tfjslab.engine.state import STATE
from tfjslab.records.profile import Environment, KernelRecord, Profile, attribute

Clock = Callable[[], float]


@dataclass(frozen=True, repr=False)
class MemoryInfo(Report):
    """The figures of TensorFlow.js's ``memory()``, and native counters of the backends that were started.

    ``unreliable`` is True when strings are among the tensors, with the ``reasons``.
    """

    num_tensors: int
    num_data_buffers: int
    num_bytes: int
    unreliable: bool
    reasons: tuple[str, ...]
    backends: dict[str, dict[str, int]]

    def tables(self) -> tuple[Table, ...]:
        """What the engine counts, and the counters of each backend that was started."""
        rows = [("tensors", count(self.num_tensors)), ("data buffers", count(self.num_data_buffers)),
                ("bytes of tensors", scaled(self.num_bytes, "B"))]
        native = [
            (f"{backend}: {name.replace('_', ' ')}", scaled(value, "B") if "bytes" in name else count(value))
            for backend, counters in self.backends.items() for name, value in counters.items()
        ]
        return (Table("Memory", ("what", "now"), (*rows, *native), self.reasons),)

    def __repr__(self) -> str:
        held = ((self.num_tensors, "tensor"), (self.num_data_buffers, "data buffer"), (self.num_bytes, "byte"))
        return f"<Memory: {', '.join(counted(*h) for h in held)}>"


def memory() -> MemoryInfo:
    """Count tensors, data buffers and bytes. Weights of loaded models are among them."""
    with STATE.lock:
        c = STATE.counters
        strings = c.num_string_tensors > 0
        reasons = ("Bytes of string tensors are the lengths of their UTF-8 text, not what Python takes.",)
        return MemoryInfo(
            c.num_tensors, c.num_data_buffers, c.num_bytes, strings, reasons if strings else (), registry.memory(),
        )


@dataclass(frozen=True, repr=False)
class ProfileInfo:
    """What ``profile`` gives: the kernels in order and the tensors that they left behind.

    ``peak_bytes`` is the most ``num_bytes`` was after any kernel, as in TensorFlow.js (0 when none ran).
    ``wall_ms`` is the kernels' time plus ``unattributed_ms``. ``environment`` says where they ran, None when none did.
    """

    new_bytes: int
    new_tensors: int
    peak_bytes: int
    kernels: tuple[KernelRecord, ...]
    kernel_names: tuple[str, ...]
    wall_ms: float
    unattributed_ms: float
    result: Any = None
    environment: Environment | None = None

    @property
    def profile(self) -> Profile:
        """The same as the record that charts, reports and files take."""
        return Profile(
            self.kernels, self.wall_ms, self.unattributed_ms, self.peak_bytes, self.new_bytes, self.new_tensors,
            environment=self.environment,
        )

    def __repr__(self) -> str:
        where = f" on {self.environment.where}" if self.environment else ""
        return (f"ProfileInfo({counted(len(self.kernels), 'kernel')}{where} in {ms(self.wall_ms)} ms, peak "
                f"{scaled(self.peak_bytes, 'B')}, {self.new_tensors:+d} tensors)")

    def _repr_html_(self) -> str:
        return self.profile._repr_html_()


@dataclass(frozen=True)
class TimeInfo:
    """Time inside kernels, and of everything."""

    kernel_ms: float
    wall_ms: float


@dataclass
class Profiling:
    """``with tf.profile() as p:`` collects until the end of the block; then ``p.info`` has it.

    Profiles nest; each kernel goes to the innermost one. They belong to the thread that opened them.
    """

    clock: Clock = clocks.perf_counter
    result: Any = None
    _info: ProfileInfo | None = None
    _recorder: KernelRecorder = field(default_factory=KernelRecorder)
    _start: tuple[float, int, int] = (0.0, 0, 0)

    @property
    def info(self) -> ProfileInfo:
        """The finished profile; UsageError inside of the block."""
        if self._info is None:
            raise UsageError("this profile has not ended; read it after its with block")
        return self._info

    def __enter__(self) -> Self:
        self._recorder, c = KernelRecorder(self.clock), STATE.counters
        self._start = (self.clock(), c.num_bytes, c.num_tensors)
        STATE.local.recorders.append(self._recorder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        STATE.local.recorders.remove(self._recorder)  # whatever happens to what it found
        self._info = self._found(self.clock())

    @tells_memory("the records of a profile")
    def _found(self, end: float) -> ProfileInfo:
        start, num_bytes, num_tensors = self._start
        kernels, c = tuple(self._recorder.kernels), STATE.counters
        wall_ms, rest = attribute(kernels, (end - start) * 1e3)
        return ProfileInfo(
            c.num_bytes - num_bytes, c.num_tensors - num_tensors,
            max((k.total_bytes_snapshot for k in kernels), default=0), kernels,
            tuple(dict.fromkeys(k.name for k in kernels)), wall_ms, rest, self.result,
            self._recorder.environment,
        )


def profile(fn: Callable[[], Any] | None = None, *, clock: Clock = clocks.perf_counter) -> Any:
    """Run ``fn`` and record which kernels ran: a ``ProfileInfo``, awaitable when ``fn`` is a coroutine function.

    Without ``fn`` it is for a ``with`` block. ``clock`` gives seconds.
    """
    if fn is None:
        return Profiling(clock)
    if inspect.iscoroutinefunction(fn):
        return _profile_async(fn, clock)
    with Profiling(clock) as p:
        p.result = fn()
    return p.info


async def _profile_async(fn: Callable[[], Awaitable[Any]], clock: Clock) -> ProfileInfo:
    with Profiling(clock) as p:
        p.result = await fn()
    return p.info


def time(fn: Callable[[], Any], *, clock: Clock = clocks.perf_counter) -> Any:
    """Run ``fn`` and measure the time in kernels and in total: a ``TimeInfo``, awaitable for a coroutine function."""
    if inspect.iscoroutinefunction(fn):
        return _time_async(fn, clock)
    return _times(profile(fn, clock=clock))


async def _time_async(fn: Callable[[], Awaitable[Any]], clock: Clock) -> TimeInfo:
    return _times(await _profile_async(fn, clock))


def _times(info: ProfileInfo) -> TimeInfo:
    return TimeInfo(info.wall_ms - info.unattributed_ms, info.wall_ms)
