"""Which tensors remain after a function has run several times, which op made them, and in which line of code.

While a report runs, the engine reports every new tensor to it (``STATE.watch``); otherwise that is off.
"""

from __future__ import annotations

import inspect
import linecache
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import counted, scaled, shape
from tfjslab.engine.scopes import get_tensors_in_container
from tfjslab.engine.state import STATE
from tfjslab.engine.tensor import Tensor

_PACKAGE = str(Path(__file__).parents[1]) + os.sep  # what lies in here is not the user's code
_FEWEST_RUNS = 2  # growth is between runs


@dataclass(frozen=True)
class Site:
    """Where a tensor was made: by which op or function of tfjslab, called from which line of the user's code."""

    op: str
    file: str
    line: int
    function: str
    source: str

    @property
    def place(self) -> str:
        """``file:line``; a notebook's cells, whose files have made-up names, are called ``cell``."""
        if "ipykernel_" in self.file or self.file.startswith("<ipython-input"):
            return f"cell:{self.line}"
        return f"{self.file.removeprefix(str(Path.cwd()) + os.sep)}:{self.line}"


@dataclass(frozen=True)
class Leak:
    """Tensors of one kind that were left behind at one place.

    ``alive`` counts them after each run. ``tensors_per_run`` and ``bytes_per_run`` are the growth from the first
    counted run to the last. ``returned`` ones were in the result of the function: the caller disposes them.
    """

    site: Site
    shape: tuple[int, ...]
    dtype: str
    alive: tuple[int, ...]
    tensors_per_run: float
    bytes_per_run: float
    returned: bool

    @property
    def what(self) -> str:
        """The op, and the kind of tensor it made."""
        return f"{self.site.op} ({shape(self.shape)} {self.dtype})"


@dataclass(frozen=True, repr=False)
class LeakReport(Report):
    """What ``runs`` runs of a function left behind, after one run that does not count.

    ``num_tensors`` and ``num_bytes`` are the engine's counters after each run, the first before the first.
    ``other_per_run`` are tensors and bytes that grow but were not made one by one: weights of models that were loaded
    and not disposed, or what other threads did.
    """

    name: str
    runs: int
    leaks: tuple[Leak, ...]
    returned: tuple[Leak, ...]
    num_tensors: tuple[int, ...]
    num_bytes: tuple[int, ...]
    other_per_run: tuple[float, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing grows."""
        return not self.leaks and self.num_tensors[-1] <= self.num_tensors[0]

    def tables(self) -> tuple[Table, ...]:
        """The leaks, those that grow most first; then what was returned."""
        grown = (self.num_tensors[-1] - self.num_tensors[0]) / self.runs
        more = (self.num_bytes[-1] - self.num_bytes[0]) / self.runs
        verdict = "nothing leaks" if self.ok else f"{grown:+g} tensors and {more:+g} bytes a run"
        notes = []
        if any(self.other_per_run):
            tensors, num_bytes = self.other_per_run
            notes.append(f"not made one by one: {tensors:+g} tensors and {num_bytes:+g} bytes a run "
                         "(weights of models that were not disposed, or other threads)")
        if self.leaks:
            notes.append("tidy frees the tensors made in it, dispose the one it is given; those passed to keep stay")
        leaks = Table(f"{self.name}: {verdict}, over {self.runs} runs", _COLUMNS, _rows(self.leaks), tuple(notes), 3)
        title = "Returned to the caller, who has to dispose them (this report did)"
        return (leaks, Table(title, _COLUMNS, _rows(self.returned), (), 3)) if self.returned else (leaks,)

    def __repr__(self) -> str:
        if self.ok:
            return f"LeakReport({self.name}: nothing leaks in {self.runs} runs)"
        first = self.leaks[0] if self.leaks else None
        found = f", most by {first.site.op} at {first.site.place}" if first else ""
        return f"LeakReport({self.name}: {counted(len(self.leaks), 'leak')} in {self.runs} runs{found})"


_COLUMNS = ("tensors of", "made at", "code", "alive after each run", "tensors a run", "bytes a run")


def _rows(leaks: Sequence[Leak]) -> tuple[tuple[object, ...], ...]:
    return tuple(
        (leak.what, leak.site.place, leak.site.source, " ".join(map(str, leak.alive)), f"{leak.tensors_per_run:+g}",
         scaled(leak.bytes_per_run, "B"))
        for leak in leaks
    )


def leak_report(fn: Callable[[], Any], runs: int = 5) -> LeakReport:
    """Run ``fn`` once, so that its setup is done, then ``runs`` times, and report which tensors it leaves behind.

    Tensors in its result are the caller's to dispose: they are disposed here after each run, unless they were kept or
    there before, and are listed separately. What only replaces its predecessor from run to run is no leak. Tensors that
    ``fn`` makes in other threads are counted but not named.

    Raises UsageError for a coroutine function, for fewer than two runs, and while another report is running. An error
    in ``fn`` passes through.
    """
    if inspect.iscoroutinefunction(fn):
        raise UsageError("leak_report: the function is a coroutine; give one that runs to its end")
    if runs < _FEWEST_RUNS:
        raise UsageError(f"leak_report: runs is {runs}; expected at least {_FEWEST_RUNS}, since growth is between runs")
    watch = _Watch(threading.get_ident())
    with _watching(watch):
        watch.end_run(fn())
        counters = [_counters()]
        for _ in range(runs):
            watch.end_run(fn())
            counters.append(_counters())
    name = getattr(fn, "__name__", type(fn).__name__)
    return _report("the function" if name == "<lambda>" else name, watch, counters)


@contextmanager
def _watching(watch: _Watch) -> Iterator[None]:
    with STATE.lock:
        if STATE.watch is not None:
            raise UsageError("leak_report: another one is running; only one at a time can follow tensors")
        STATE.watch = watch
    try:
        yield
    finally:
        STATE.watch = None


def _counters() -> tuple[int, int]:
    return STATE.counters.num_tensors, STATE.counters.num_bytes


_Kind = tuple[Site, tuple[int, ...], str]


class _Watch:
    """Notes where each tensor was made, and which are alive at the end of each run. It follows one thread."""

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.alive: dict[int, tuple[Tensor, Site]] = {}
        self.new: set[int] = set()
        self.after: list[Counter[_Kind]] = []
        self.returned: list[Counter[_Kind]] = []
        self.num_bytes: Counter[_Kind] = Counter()

    def made(self, tensor: Tensor) -> None:
        """A tensor was made just now, by the code that is running."""
        if threading.get_ident() == self.thread:
            self.alive[tensor.id] = (tensor, _site(sys._getframe(1)))  # noqa: SLF001 - what traceback does, without its cost
            self.new.add(tensor.id)

    def ran(self, op: str, outputs: Sequence[Tensor]) -> None:
        """These tensors came from an op: its name says more than that of the function that was called."""
        for t in outputs:
            if t.id in self.alive:
                site = self.alive[t.id][1]
                self.alive[t.id] = (t, Site(op, site.file, site.line, site.function, site.source))

    def end_run(self, result: Any) -> None:
        """Dispose what was returned, and count what is alive."""
        returned = [t for t in get_tensors_in_container(result) if t.id in self.new and not t.is_kept]
        kinds = [self._kind(t.id) for t in returned if not t.is_disposed]
        for t in returned:
            t.dispose()
        self.alive = {i: held for i, held in self.alive.items() if not held[0].is_disposed}
        self.new.clear()
        self.returned.append(Counter(kinds))
        self.after.append(Counter(self._kind(i) for i in self.alive))

    def _kind(self, tensor_id: int) -> _Kind:
        tensor, site = self.alive[tensor_id]
        kind = (site, *tensor.signature)
        self.num_bytes[kind] = tensor.num_bytes
        return kind


def _site(frame: FrameType | None) -> Site:
    """The innermost line outside of tfjslab, and the function of tfjslab that it called."""
    called = "tensor"
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        called, frame = frame.f_code.co_name, frame.f_back
    if frame is None:
        return Site(called, "?", 0, "?", "")
    file, line = frame.f_code.co_filename, frame.f_lineno
    return Site(called, file, line, frame.f_code.co_name, linecache.getline(file, line).strip())


def _report(name: str, watch: _Watch, counters: Sequence[tuple[int, int]]) -> LeakReport:
    runs = len(counters) - 1
    every = Counter[_Kind]()
    for seen in watch.after:
        every |= seen
    found = [_leak(kind, watch.after, watch, returned=False) for kind in every]
    leaks = sorted((k for k in found if k.tensors_per_run > 0), key=lambda k: (-k.bytes_per_run, k.site.place))
    kinds = dict.fromkeys(kind for seen in watch.returned for kind in seen)
    given = [_leak(kind, watch.returned, watch, returned=True) for kind in kinds]
    named = (sum(k.tensors_per_run for k in found), sum(k.bytes_per_run for k in found))
    grown = ((counters[-1][i] - counters[0][i]) / runs for i in (0, 1))
    other = tuple(round(g - n, 9) for g, n in zip(grown, named, strict=True))
    return LeakReport(
        name, runs, tuple(leaks), tuple(given), tuple(c[0] for c in counters), tuple(c[1] for c in counters), other,
    )


def _leak(kind: _Kind, seen: Sequence[Counter[_Kind]], watch: _Watch, *, returned: bool) -> Leak:
    site, dims, dtype = kind
    alive = tuple(s[kind] for s in seen)
    per_run = sum(alive[1:]) / (len(alive) - 1) if returned else (alive[-1] - alive[0]) / (len(alive) - 1)
    return Leak(site, dims, dtype, alive[1:], per_run, per_run * watch.num_bytes[kind], returned)
