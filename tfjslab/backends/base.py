"""The one protocol every backend implements, and the registry that menus, CLI and docs read.

A backend compiles a specialized graph into a ``Plan``. An eager op is a plan of one node, a model is a plan of many;
there is no second path. Arrays cross the border as numpy arrays in row-major order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, overload, runtime_checkable

from tfjslab.base.dtypes import Array
from tfjslab.graph.specialize import Specialized


@dataclass(frozen=True)
class BufferLife:
    """A buffer that a command makes, and how long a plan holds it.

    ``name`` is the value in it, or ``temporary``, which has no shape. ``commands`` counts those that it is held for,
    this one included. ``last_user`` is the node that reads it last; empty for outputs of the plan, which are held to
    its end and are the caller's then.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    num_bytes: int
    commands: int
    last_user: str


@dataclass(frozen=True)
class CommandInfo:
    """What one command of a plan is, known before it runs.

    ``kernel`` is the TF.js kernel name of the main op, ``node`` the model node whose value it makes (the last one
    when several were fused; ``nodes`` lists all). ``fallback`` marks a host step on a backend that is not the host,
    with ``reason``. ``bytes_live`` is what intermediates and the outputs made so far occupy while it runs; ``buffers``
    are those of them that begin here.
    """

    kernel: str
    node: str
    nodes: tuple[str, ...]
    layer: str
    input_shapes: tuple[tuple[int, ...], ...]
    output_shapes: tuple[tuple[int, ...], ...]
    flops: int
    bytes_moved: int
    bytes_added: int
    bytes_live: int
    tensors_added: int
    tensors_live: int
    fallback: bool = False
    reason: str = ""
    buffers: tuple[BufferLife, ...] = ()


class Described(Sequence[CommandInfo]):
    """Commands that are described when somebody looks: a first inference need not wait for it."""

    def __init__(self, describe: Callable[[], tuple[CommandInfo, ...]]) -> None:
        self._describe = describe

    @cached_property
    def _all(self) -> tuple[CommandInfo, ...]:
        return self._describe()

    @overload
    def __getitem__(self, index: int) -> CommandInfo: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[CommandInfo, ...]: ...

    def __getitem__(self, index: int | slice) -> CommandInfo | tuple[CommandInfo, ...]:
        return self._all[index]

    def __len__(self) -> int:
        return len(self._all)


@dataclass(frozen=True)
class PlanInfo:
    """What a plan takes: bytes of weights and of the arena, its lower bound, how long compiling took, cached or not."""

    commands: Sequence[CommandInfo]
    weight_bytes: int
    peak_bytes: int
    peak_lower_bound_bytes: int
    compile_ms: float
    cached: bool
    threads: int
    clock: str
    details: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class ListsCommands(Protocol):
    """A session that can tell what a plan would run without making the plan."""

    def commands(self, program: Specialized, outputs: Sequence[str]) -> Sequence[CommandInfo]:
        """What ``compile`` of the same program would put into ``info.commands``."""
        ...


@dataclass(eq=False)
class Buffer:
    """A tensor's bytes where the backend keeps them. ``native`` is the backend's own (array, address, GPU buffer).

    Whoever holds a Buffer owns it and gives it back with ``Session.free``, exactly once.
    """

    shape: tuple[int, ...]
    dtype: str
    native: Any


class RunStamps(list[float]):
    """Milliseconds of a run's commands, and of its copies between host and device where the plan is on one."""

    def __init__(self) -> None:
        super().__init__()
        self.upload_ms: float | None = None
        self.download_ms: float | None = None


def uploaded(stamps: list[float] | None, began: float) -> None:
    """A copy to the device began then (seconds of ``time.perf_counter``) and is done: add it where somebody counts."""
    if isinstance(stamps, RunStamps):
        stamps.upload_ms = (stamps.upload_ms or 0.0) + (time.perf_counter() - began) * 1e3


def downloaded(stamps: list[float] | None, began: float) -> None:
    """The same of a copy from the device."""
    if isinstance(stamps, RunStamps):
        stamps.download_ms = (stamps.download_ms or 0.0) + (time.perf_counter() - began) * 1e3


class Plan(Protocol):
    """A compiled graph. Several threads may run it at once; ``dispose`` gives everything back."""

    @property
    def info(self) -> PlanInfo:
        """What the plan takes and what its commands are; it may be put together when it is first asked for."""
        ...

    def run(
        self, feeds: Mapping[str, Array | Buffer], *, stamps: list[float] | None = None, keep: bool = False,
    ) -> dict[str, Array | Buffer]:
        """Compute the outputs by value name. Feeds by value name: row-major arrays or Buffers of this session.

        Specs of feeds are checked by the caller; a Buffer's bytes are read in the shape that the plan was made for,
        whatever its own shape is (tensors that share bytes may differ in shape). Outputs are fresh arrays, or with
        ``keep`` Buffers that the caller owns. With ``stamps`` the milliseconds of each command are appended to it, in
        the order of ``info.commands``; ``RunStamps`` are told of copies, too.
        """
        ...

    def dispose(self) -> None:
        """Free all memory, threads and handles of the plan. Calling it twice is fine."""
        ...


class Session(Protocol):
    """What shares memory: one for each loaded model and one for eager ops. Weights are packed once per session."""

    def compile(self, program: Specialized, outputs: Sequence[str]) -> Plan:
        """Make a plan of the nodes in ``program.graph``, all of which must be in ``program.static``.

        Raises BackendError when the engine refuses. Ops without a kernel become host steps, marked ``fallback``.
        """
        ...

    def put(self, array: Array, dtype: str) -> Buffer:
        """Copy an array in."""
        ...

    def get(self, buffer: Buffer) -> Array:
        """Copy a buffer out."""
        ...

    def free(self, buffer: Buffer) -> None:
        """Give a buffer back."""
        ...

    def dispose(self) -> None:
        """Free plans, weights and buffers. Calling it twice is fine."""
        ...


class Backend(Protocol):
    """A place where plans run."""

    name: str
    engine: str  # what executes, with its version, as shown beside every figure
    threads: int
    adapter_type: str  # of a GPU's or a software one; empty where there is no adapter
    kernel_clock: str  # what kernels are timed by, where it is not the host's clock

    def open_session(self) -> Session:
        """A new session."""
        ...

    def memory(self) -> dict[str, int]:
        """Counters of native resources (heap bytes in use, sessions, plans, threads ...)."""
        ...

    def dispose(self) -> None:
        """Give everything back, open sessions included."""
        ...


@dataclass(frozen=True)
class Availability:
    """Whether a backend can run here, and why not."""

    available: bool
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BackendDef:
    """One registry row. Higher ``priority`` wins automatic choice (tfjs: webgpu 3, webgl 2, wasm 2, cpu 1)."""

    name: str
    priority: int
    doc: str
    stands_for: str
    module: str  # imported only when the backend is asked about
    variant: str = ""
    alias_of: tuple[str, ...] = ()  # candidates in order, for names such as "wasm"
    flags: tuple[str, ...] = ()  # an alias takes this backend only if these flags are true
    threaded: bool = False  # whether ``create`` is given a thread count above 1
    checked_against: str = ""  # the backend with all digits, where this one has fewer
    on_adapter: bool = False  # whether it runs on the adapter that ``set_adapter`` names
    factory: Callable[[], Backend] | None = None  # makes a user's backend, which has no module
    declares: str = ""  # the module whose ``FLAGS`` steer it; it is light, so flags can be listed without the engine
