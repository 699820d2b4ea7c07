"""What a browser tells of a job, as inert data: every field is checked, since it comes from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfjslab.base.errors import InputError
from tfjslab.base.limits import check_limit
from tfjslab.base.plain import from_plain

_MOST_SAMPLES, _MOST_KERNELS, _MOST_TEXT, _MOST_FLAGS = 100_000, 200_000, 2_000, 500


@dataclass(frozen=True)
class Renderer:
    """What draws or computes on a GPU, as the browser names it, and whether that is a program on the processor."""

    renderer: str
    software: bool


@dataclass(frozen=True)
class Battery:
    """Whether it is charging, and its level from 0 to 1."""

    charging: bool
    level: float


@dataclass(frozen=True)
class DeviceEnvironment:
    """Where a job ran. None is what the browser does not tell. ``clock_ms`` is the smallest step of its clock."""

    user_agent: str
    brand: str | None
    mobile: bool
    cores: int | None
    memory_gib: float | None
    isolated: bool
    secure: bool
    simd: bool
    relaxed_simd: bool
    threads: bool
    clock_ms: float | None
    webgl: Renderer | None
    webgpu: Renderer | None
    battery: Battery | None

    def renderer_of(self, backend: str) -> Renderer | None:
        """What a backend of TensorFlow.js draws or computes with; None for those without a GPU."""
        return {"webgl": self.webgl, "webgpu": self.webgpu}.get(backend)

    @property
    def no_threads(self) -> str:
        """Why WebAssembly threads cannot run there; empty where they can."""
        if self.threads:
            return ""
        if not self.secure:
            return "no threads: the page is not a secure context (they need https or the machine itself)"
        return "no threads: the page is not cross-origin isolated"


@dataclass(frozen=True)
class Opened:
    """A side that runs: versions and once-only times."""

    version: str
    backend: str
    threads: int
    import_ms: float
    backend_ms: float | None
    download_ms: float | None
    load_ms: float
    first_ms: float
    weight_bytes: int


@dataclass(frozen=True)
class DeviceBurst:
    """Runs in a row: milliseconds of one run, each over ``batch`` runs, and of the loop of fixed work before them."""

    round: int
    batch: int
    times_ms: tuple[float, ...]
    reference_ms: float
    hidden: bool


@dataclass(frozen=True)
class DeviceKernel:
    """A kernel of one run. ``ms`` is None with ``reason`` where it could not be measured."""

    name: str
    node: str
    ms: float | None
    reason: str = ""
    input_shapes: tuple[tuple[int, ...] | None, ...] = ()
    output_shapes: tuple[tuple[int, ...] | None, ...] = ()
    bytes_added: int = 0
    total_bytes: int = 0
    tensors_added: int = 0
    total_tensors: int = 0


@dataclass(frozen=True)
class DeviceRun:
    """One profiled run."""

    wall_ms: float
    kernels: tuple[DeviceKernel, ...]
    peak_bytes: int = 0
    new_bytes: int = 0
    new_tensors: int = 0
    bytes_before: int = 0


@dataclass
class SideRecord:
    """All that was told of one side of a job."""

    name: str
    opened: Opened | None = None
    flags: dict[str, Any] = field(default_factory=dict)
    bursts: list[DeviceBurst] = field(default_factory=list)
    outputs: dict[int, dict[str, Any]] = field(default_factory=dict)
    data: dict[int, bytes] = field(default_factory=dict)
    runs: tuple[DeviceRun, ...] = ()
    reason: str = ""


@dataclass
class JobRecord:
    """All that was told of a job. ``reason`` says why it ended early; empty when it is complete."""

    sides: list[SideRecord]
    environment: DeviceEnvironment | None = None
    text: str = ""
    ended: bool = False
    reason: str = ""

    def add(self, record: Mapping[str, Any], data: bytes | None = None) -> None:
        """Take in a message of the page. InputError for one that is none, LimitError for too much of it."""
        rest = {k: v for k, v in record.items() if k not in {"type", "job", "side"}}
        kind = record.get("type")
        if not isinstance(kind, str):
            raise InputError(f"a message has the type {kind!r:.40}; expected text")
        if kind == "environment":
            self.environment = from_plain(DeviceEnvironment, rest.get("environment"), "the environment")
        elif kind in {"done", "failed"}:
            self.ended, self.reason = True, _text(rest.get("reason", ""))
        elif kind == "bytes" and data is not None:
            self._side(record).data[_index(rest)] = data
        elif kind in _OF_SIDE:
            _OF_SIDE[kind](self, self._side(record), rest)
        else:
            raise InputError(f"a message of type {kind!r:.40} is unknown")

    def _side(self, record: Mapping[str, Any]) -> SideRecord:
        index = record.get("side")
        if type(index) is not int or not 0 <= index < len(self.sides):
            raise InputError(f"side {index!r:.40} is none of {len(self.sides)}")
        return self.sides[index]


def _progress(job: JobRecord, side: SideRecord, told: dict[str, Any]) -> None:
    job.text = f"{side.name}: {_text(told.get('text', ''))}"


def _opened(_job: JobRecord, side: SideRecord, told: dict[str, Any]) -> None:
    flags = told.pop("flags", {})
    if not isinstance(flags, dict) or len(flags) > _MOST_FLAGS:
        raise InputError("flags are no object, or too many")
    side.flags = {_text(k): v for k, v in flags.items() if isinstance(v, bool | int | float | str)}
    side.opened = from_plain(Opened, told, side.name)


def _burst(job: JobRecord, side: SideRecord, told: dict[str, Any]) -> None:
    found = from_plain(DeviceBurst, told, f"a burst of {side.name}")
    check_limit("samples", sum(len(b.times_ms) for b in side.bursts) + len(found.times_ms), _MOST_SAMPLES)
    if any(t < 0 for t in (*found.times_ms, found.reference_ms)) or found.batch < 1:
        raise InputError(f"a burst of {side.name} has negative times or an empty batch")
    side.bursts.append(found)
    job.text = f"{side.name}: round {found.round + 1}"


def _output(_job: JobRecord, side: SideRecord, told: dict[str, Any]) -> None:
    side.outputs[_index(told)] = told


def _profile(_job: JobRecord, side: SideRecord, told: dict[str, Any]) -> None:
    runs = told.get("runs")
    if not isinstance(runs, list):
        raise InputError(f"the profile of {side.name} has no runs")
    found = tuple(from_plain(DeviceRun, run, f"a profile of {side.name}") for run in runs)
    check_limit("kernels", sum(len(r.kernels) for r in found), _MOST_KERNELS)
    side.runs = found
    side.reason = side.reason or _text(told.get("reason", ""))


def _refused(_job: JobRecord, side: SideRecord, told: dict[str, Any]) -> None:
    side.reason = _text(told.get("reason", "")) or "it told no reason"


def _index(told: Mapping[str, Any]) -> int:
    at = told.get("at")
    if type(at) is not int or not 0 <= at < _MOST_FLAGS:
        raise InputError(f"output {at!r:.40} is no number of an output")
    return at


def _text(value: Any) -> str:
    """Text of a page, which may be long and hold anything: one line of it."""
    return " ".join(str(value).split())[:_MOST_TEXT]


_OF_SIDE = {
    "progress": _progress, "opened": _opened, "burst": _burst, "output": _output, "profile": _profile,
    "refused": _refused,
}
