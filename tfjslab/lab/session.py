"""The lab's data: the settings of a run, what it measured, all runs of a session. Inert data, no widgets.

A session can be written to JSON and read back. A run is kept whole, single times and kernels included, so that
every panel can be drawn again from a file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tfjslab.backends.ceilings import Ceilings
from tfjslab.base.errors import InputError, TfjslabError, UsageError
from tfjslab.base.files import write_whole
from tfjslab.base.plain import from_plain, to_plain
from tfjslab.base.text import counted
from tfjslab.bench.result import BenchResult
from tfjslab.graph.ir import Port
from tfjslab.lab.inputs import InputChoice
from tfjslab.lab.memory_trace import MemorySample
from tfjslab.lab.rewriting import Rewrite, variant
from tfjslab.passes.registry import chosen
from tfjslab.quantizer import KINDS
from tfjslab.records.profile import Profile

FORMAT = "tfjslab-session"
VERSION = 1


@dataclass(frozen=True)
class RunSettings:
    """What to measure and how. ``model`` is a name of the zoo, a path or an address; ``threads`` None is all cores.

    Before it is measured the model goes through ``passes`` of the optimizer and is quantized to ``quantize``, a kind of
    ``tf.quantize``; empty for neither. ``inputs`` are choices for some of its inputs; the others are generated.
    """

    model: str
    backend: str
    threads: int | None = None
    batch: int = 1
    warmup: int = 5
    runs: int = 50
    real_weights: bool = False
    passes: tuple[str, ...] = ()
    quantize: str = ""
    inputs: tuple[InputChoice, ...] = ()

    @property
    def variant(self) -> str:
        """How the model is changed, as text; empty for a model as it was loaded."""
        return variant(self.passes, self.quantize)

    def check(self) -> None:
        """UsageError for settings that make no sense."""
        if not self.model.strip():
            raise UsageError("no model is given; choose one of the zoo, or give a path, an address or files")
        for name, least in (("threads", 1), ("batch", 1), ("warmup", 0), ("runs", 1)):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise UsageError(f"{name} is {value!r}; expected an integer >= {least}")
        chosen(self.passes)
        if self.quantize and self.quantize not in KINDS:
            raise UsageError(f"quantize is {self.quantize!r}; expected one of {', '.join(KINDS)}, or nothing")


@dataclass(frozen=True)
class LabRun:
    """One finished run. ``number`` counts from 1; ``profile`` is None when the run was stopped before one was made.

    ``ceilings`` are those of its backend, once they were measured. ``rewrite`` says what was done to its model,
    None for a model as it was loaded. ``ended`` is the local time at its end, in the form of ISO 8601; ``memory`` is
    that of the process over its time.
    """

    number: int
    settings: RunSettings
    result: BenchResult
    profile: Profile | None = None
    ceilings: Ceilings | None = None
    rewrite: Rewrite | None = None
    ended: str = ""
    memory: tuple[MemorySample, ...] = ()

    @property
    def label(self) -> str:
        """A name that no other run has: number, model, backend, and threads and batch where they were chosen."""
        r, chosen = self.result, []
        if self.settings.threads is not None:
            chosen.append(counted(self.settings.threads, "thread"))
        if self.settings.batch > 1:
            chosen.append(f"batch {self.settings.batch}")
        if self.settings.inputs:
            chosen.append("inputs as chosen")
        extra = ", ".join(chosen)
        return f"#{self.number} {r.model} on {r.where}{f' ({extra})' if extra else ''}"

    @property
    def name(self) -> str:
        """The label with the time of day at which the run ended."""
        return ", ".join(filter(None, [self.label, self.ended.partition("T")[2]]))


@dataclass(frozen=True)
class LabSession:
    """All runs in order, and what the user wrote down."""

    runs: tuple[LabRun, ...] = ()
    notes: str = ""

    def with_run(
        self, settings: RunSettings, result: BenchResult, profile: Profile | None, rewrite: Rewrite | None = None,
        ended: str = "", memory: tuple[MemorySample, ...] = (),
    ) -> LabSession:
        """A session with one more run."""
        number = 1 + max((r.number for r in self.runs), default=0)
        known = self.ceilings_of(result.backend, result.threads)
        run = LabRun(number, settings, result, profile, known, rewrite, ended, memory)
        return replace(self, runs=(*self.runs, run))

    def run(self, number: int | None) -> LabRun | None:
        """The run of that number; None where there is none."""
        return next((r for r in self.runs if r.number == number), None)

    def ceilings_of(self, backend: str, threads: int) -> Ceilings | None:
        """The ceilings of a backend that another run has measured; None where none has."""
        same = (r.ceilings for r in self.runs if (r.result.backend, r.result.threads) == (backend, threads))
        return next((c for c in same if c is not None), None)

    def with_ceilings(self, backend: str, threads: int, found: Ceilings) -> LabSession:
        """All runs on that backend get its ceilings."""
        return replace(self, runs=tuple(
            replace(r, ceilings=found) if (r.result.backend, r.result.threads) == (backend, threads) else r
            for r in self.runs
        ))


def to_json(session: LabSession) -> dict[str, Any]:
    """Plain lists, dicts, strings and numbers."""
    return {"format": FORMAT, "version": VERSION, **to_plain(session)}


def from_json(data: Any) -> LabSession:
    """The session that ``to_json`` wrote; InputError says what is wrong with another."""
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise InputError(f"this is not a session of the lab; expected an object with format '{FORMAT}'",
                         code="input.session")
    if data.get("version") != VERSION:
        raise InputError(f"this session has version {data.get('version')!r}; expected {VERSION}", code="input.session")
    return from_plain(LabSession, {k: v for k, v in data.items() if k not in ("format", "version")}, "session")


def save(session: LabSession, path: str | os.PathLike[str]) -> Path:
    """Write a session to a JSON file."""
    return write_text(path, json.dumps(to_json(session), allow_nan=False))


def load(path: str | os.PathLike[str]) -> LabSession:
    """Read a session from a JSON file; InputError names the file and the reason."""
    try:
        return from_json(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) and e.strerror else str(e)
        code = e.code if isinstance(e, TfjslabError) else "input.session"
        raise InputError(f"{os.fspath(path)}: {reason}", code=code) from None


def write_text(path: str | os.PathLike[str], text: str) -> Path:
    """Write a file; UsageError names it and the reason where that cannot be done."""
    target = Path(path)
    try:
        write_whole(target, text)
    except OSError as e:
        raise UsageError(f"{target} cannot be written: {e.strerror or e}") from None
    return target


@dataclass(frozen=True)
class Snapshot:
    """What can be seen of a run at one moment. ``phase`` is one of ``PHASES``.

    ``done`` of ``total`` are steps of the phase; ``result`` has what is known so far. ``showing_share`` is the part of
    the time since Run that went into showing snapshots, which is in no figure. ``ports`` are the model's inputs, once
    it is loaded.
    """

    phase: str = "idle"
    message: str = ""
    done: int = 0
    total: int = 0
    settings: RunSettings | None = None
    result: BenchResult | None = None
    profile: Profile | None = field(default=None, repr=False)
    showing_share: float | None = None
    memory: tuple[MemorySample, ...] = field(default=(), repr=False)
    ports: tuple[Port, ...] = field(default=(), repr=False)

    @property
    def busy(self) -> bool:
        """Whether a run is under way."""
        return self.phase in BUSY

    @property
    def text(self) -> str:
        """One line for the progress bar, such as ``run 23/50, median 12.4 ms``."""
        return PHASES[self.phase](self)


def _running(s: Snapshot) -> str:
    return f"run {s.done}/{s.total}" + _median(s)


def _ended(s: Snapshot) -> str:
    return f"{s.phase}: {s.done}/{s.total}" + _median(s)


def _median(s: Snapshot) -> str:
    return f", median {s.result.median_ms:.3g} ms" if s.result and s.result.median_ms is not None else ""


# The text of each phase.
PHASES: dict[str, Callable[[Snapshot], str]] = {
    "idle": lambda _s: "ready",
    "rewriting": lambda s: s.message or "rewriting",
    "loading": lambda s: f"loading {s.message}".rstrip(),
    "compiling": lambda _s: "compiling",
    "warming": lambda s: f"warm-up {s.done}/{s.total}",
    "running": _running,
    "stopping": lambda _s: "stopping",
    "stopped": _ended,
    "done": _ended,
    "failed": lambda _s: "failed",
    "exporting": lambda s: s.message,
    "written": lambda s: s.message,
    "streaming": lambda s: s.message,
    "streamed": lambda s: s.message,
}
BUSY = frozenset({"loading", "rewriting", "compiling", "warming", "running", "stopping", "exporting", "streaming"})
