"""What a profile is: inert data that can be written to JSON and read back. Collecting and reducing are elsewhere.

The JSON keys of a kernel and of a profile are the outside contract of ``tfjslab profile``. Times are in
milliseconds; what could not be measured is None and never 0.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tfjslab.backends.base import BufferLife
from tfjslab.base.errors import InputError
from tfjslab.base.machine import cpu_model, load_average, usable_cores
from tfjslab.base.messages import plain
from tfjslab.base.plain import from_plain, to_plain
from tfjslab.base.shapes import Shape
from tfjslab.base.tables import Table, as_html
from tfjslab.base.text import backend_words, counted, ms, percent, scaled
from tfjslab.base.version import __version__
from tfjslab.records.disturbance import Disturbance, RunState, judge
from tfjslab.records.host_share import HostShare, host_share
from tfjslab.records.statistics import ProcessFigure, figure_of

VERSION = 1  # of the JSON; a field that changes its meaning raises it
# Keys of the JSON that are not of the profile.
_BESIDE = ("version", "diff", "roofline", "host_share", "host_reason", "disturbance", "compile_cached_in_process")
_SHOWN = 20  # kernels in a notebook's table


@dataclass(frozen=True)
class KernelRecord:
    """One kernel that ran. ``bytes_added`` and the totals follow the counting rules of ``tf.memory()``.

    ``kernel_time_ms`` is the median over the runs that were not disturbed, ``fastest_ms`` the least of those and
    ``iqr_ms`` their spread: the middle half lies within it; the last two are None where there was one run. ``times_ms``
    are the times in every profiled run, in order, disturbed ones too; empty when there was one run, or one without it
    (loops may differ).

    ``nodes`` lists every model node that was fused into it; ``reason`` says why it fell back to the host. ``buffers``
    are those that it made in a plan, and for how many kernels each is held.
    """

    name: str
    node: str
    kernel_time_ms: float
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    bytes_added: int
    total_bytes_snapshot: int
    tensors_added: int
    total_tensors_snapshot: int
    flops: int
    fallback: bool
    nodes: tuple[str, ...] = ()
    layer: str = ""
    bytes_moved: int = 0
    reason: str = ""
    buffers: tuple[BufferLife, ...] = ()
    times_ms: tuple[float, ...] = ()
    fastest_ms: float | None = None
    iqr_ms: float | None = None


@dataclass(frozen=True)
class Environment:
    """Where figures were measured and when, which belongs to every figure.

    ``host`` is the machine's name where it is another one than that of who asked; ``date`` is ISO 8601 in UTC;
    ``load_average`` is how many programs wanted to run in the minute before.
    """

    python: str
    numpy: str
    cpu: str
    cores: int
    system: str
    backend: str
    engine: str
    threads: int
    clock: str
    adapter_type: str = ""
    date: str = ""
    load_average: float | None = None
    tfjslab: str = ""
    host: str = ""

    @property
    def where(self) -> str:
        """The backend, with the kind of its adapter if it has one."""
        return backend_words(self.backend, self.adapter_type)


def stamp_environment(backend: str, engine: str, threads: int, clock: str, adapter_type: str = "") -> Environment:
    """The environment of this process, running ``backend``, and of now."""
    return Environment(
        platform.python_version(), np.__version__, cpu_model(), usable_cores(), platform.platform(terse=True),
        backend, engine, threads, clock, adapter_type, datetime.now(UTC).isoformat(timespec="seconds"),
        load_average(), __version__,
    )


@dataclass(frozen=True)
class Phases:
    """Four times, always reported separately. ``steady_ms`` are the walls of runs without profiling, in order.

    ``compile_ms`` is None where the plan had been compiled before, which ``cached_in_process`` says: then its time is
    not known, and that of finding it is not what compiling takes.
    """

    load_ms: float | None = None
    compile_ms: float | None = None
    first_ms: float | None = None
    steady_ms: tuple[float, ...] = ()
    cached_in_process: bool = False

    @property
    def compile_text(self) -> str:
        """For people: milliseconds, or that there was nothing to compile."""
        return compile_words(self.compile_ms, cached=self.cached_in_process)


def compile_words(compile_ms: float | None, *, cached: bool) -> str:
    """How long compiling took, or ``cached in this process``."""
    return "cached in this process" if cached else ms(compile_ms)


@dataclass(frozen=True)
class Copies:
    """What copying between host and device takes in a run, host steps' inputs and outputs included."""

    upload_ms: float
    download_ms: float


@dataclass(frozen=True, repr=False)
class Profile:
    """Profiled runs of one thing: ``wall_ms`` is the kernels' times plus ``unattributed_ms``, exactly.

    All of these are medians of the runs that were not disturbed; what the medians of the kernels leave of that of the
    walls is ``unattributed_ms``, which rounding or kernels that take turns being slow may bring below 0.
    ``profiled_ms`` are the walls of all profiled runs; their difference to ``phases.steady_ms``, which alternated with
    them, is the profiler's cost. ``profiled_states`` and ``steady_states`` tell how the machine was in each of both.
    ``shown_run`` is the number of the undisturbed run whose wall is nearest to the median: the one to show by itself.
    ``model_digest`` is the same for models with the same nodes and weights, empty for code.
    ``copies`` are part of ``unattributed_ms``; None where the host is the backend. ``steal_share`` is the part of all
    processors' time that a hypervisor gave to others. ``processes`` are the figures of steady runs in other, fresh
    processes.
    """

    kernels: tuple[KernelRecord, ...]
    wall_ms: float
    unattributed_ms: float
    peak_bytes: int
    new_bytes: int
    new_tensors: int
    phases: Phases = field(default_factory=Phases)
    profiled_ms: tuple[float, ...] = ()
    environment: Environment | None = None
    model: str = ""
    profiled_states: tuple[RunState, ...] = ()
    steady_states: tuple[RunState, ...] = ()
    shown_run: int | None = None
    copies: Copies | None = None
    steal_share: float | None = None
    processes: tuple[ProcessFigure, ...] = ()
    model_digest: str = ""

    @property
    def disturbance(self) -> Disturbance:
        """Which of the profiled runs were disturbed; its ``text`` belongs beside every figure."""
        return judge(self.profiled_ms or (self.wall_ms,), self.profiled_states)

    @property
    def figures(self) -> tuple[ProcessFigure, ...]:
        """The steady time by process, this one first; of profiled runs where there were no others."""
        plain = bool(self.phases.steady_ms)
        walls = self.phases.steady_ms if plain else self.profiled_ms or (self.wall_ms,)
        return (figure_of(walls, self.steady_states if plain else self.profiled_states), *self.processes)

    @property
    def kernel_ms(self) -> float:
        """Time inside kernels."""
        return math.fsum(k.kernel_time_ms for k in self.kernels)

    @property
    def host(self) -> HostShare:
        """How much of the wall kernels took on the host in place of the backend."""
        return host_share(self.kernels, self.wall_ms, self.environment.backend if self.environment else "")

    @property
    def label(self) -> str:
        """The model and the backend, as far as they are known."""
        where = f" on {self.environment.where}" if self.environment else ""
        return f"{self.model or 'code'}{where}"

    def __repr__(self) -> str:
        return plain(f"Profile({self.label}: {counted(len(self.kernels), 'kernel')})")

    def _repr_html_(self) -> str:
        """What a notebook shows: the slowest kernels, and the sum that gives the wall."""
        slowest = sorted(self.kernels, key=lambda k: -k.kernel_time_ms)[:_SHOWN]
        rows = tuple(
            (k.node, k.name, ms(k.kernel_time_ms), percent(k.kernel_time_ms, self.wall_ms), scaled(k.flops),
             scaled(k.bytes_moved, "B"), k.reason or ("on the host" if k.fallback else ""))
            for k in slowest
        )
        title = f"{self.label}: the slowest {len(slowest)} of {counted(len(self.kernels), 'kernel')}"
        total = (f"kernels {ms(self.kernel_ms)} ms + unattributed {ms(self.unattributed_ms)} ms = "
                 f"wall {ms(self.wall_ms)} ms; peak {scaled(self.peak_bytes, 'B')}")
        columns = ("node", "kernel", "ms", "share", "FLOPs", "bytes moved", "fallback")
        cached = f"compile: {self.phases.compile_text}" if self.phases.cached_in_process else ""
        notes = tuple(filter(None, (total, self.disturbance.text, cached)))
        return as_html(Table(title, columns, rows, notes, left=2))


def attribute(kernels: Sequence[KernelRecord], wall_ms: float) -> tuple[float, float]:
    """``(wall_ms, unattributed_ms)`` such that the kernels' sum plus the rest is the wall to the last bit.

    The wall may move by one rounding step for that; figures that do not add up would not be trusted.
    """
    kernel_ms = math.fsum(k.kernel_time_ms for k in kernels)
    rest = wall_ms - kernel_ms
    return kernel_ms + rest, rest


def to_json(profile: Profile) -> dict[str, Any]:
    """Plain lists, dicts, text and numbers, with the ``version`` of this form.

    Beside them stand the host's share of the time, which runs were disturbed, and whether the plan had been compiled.
    """
    found = profile.host
    return {
        "version": VERSION, **to_plain(profile), "host_share": found.share, "host_reason": found.reason,
        "disturbance": profile.disturbance.to_json(),
        "compile_cached_in_process": profile.phases.cached_in_process,
    }


def from_json(data: Any) -> Profile:
    """The profile that ``to_json`` wrote; InputError names the first thing that is missing, unknown or damaged.

    What is told beside it, such as the ``diff`` or ``roofline`` of ``tfjslab profile``, is left out.
    """
    where = "this is not a profile written by tfjslab: it"
    if not isinstance(data, Mapping):
        raise InputError(f"{where} is a {type(data).__name__}; expected an object", code="input.profile")
    if data.get("version") != VERSION:
        found = f"has version {data['version']!r}" if "version" in data else "has no version"
        raise InputError(f"{where} {found}; expected {VERSION}", code="input.profile")
    given = {k: v for k, v in data.items() if k not in _BESIDE}
    try:
        return from_plain(Profile, given, "profile")
    except InputError as e:
        raise InputError(f"this is not a profile written by tfjslab: {e}", code="input.profile") from None
