"""From collected calls to one WebAssembly module: a function a segment, addresses read from a table in memory.

The table holds the arena's address, the scratch, the stamps, the barrier, and one entry for every constant, input and
output, so that the module depends on nothing but the calls and can be cached by its content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from tfjslab.backends.kernels.sources import sources_digest
from tfjslab.backends.wasm.builder import WasmCall, WasmHostStep, WasmPlace, WasmRecord
from tfjslab.backends.wasm.text.emit import Lanes
from tfjslab.backends.wasm.text.templates import WasmKernel, functions, name_function

ARENA, SCRATCH, STAMPS, BARRIER, WAKE, FIRST_SLOT = range(6)  # entries of the table
_SPINS = 200000

# WASI wants the memory exported to write the time into it.
_HEAD = """(module
(import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
(import "env" "memory" (memory 1 65536 shared)) (export "memory" (memory 0))"""

# Threads that are done wait for the last one: a short spin, then sleep. Word 0 counts arrivals, word 1 generations,
# word 2 is set when a thread has failed, so that nobody waits for it.
_BARRIER_TEXT = """
(func $barrier (param $b i32) (param $threads i32) (local $gen i32) (local $spin i32)
  (local.set $gen (i32.atomic.load offset=4 (local.get $b)))
  (if (i32.eq (i32.atomic.rmw.add (local.get $b) (i32.const 1)) (i32.sub (local.get $threads) (i32.const 1)))
    (then
      (i32.atomic.store (local.get $b) (i32.const 0))
      (drop (i32.atomic.rmw.add offset=4 (local.get $b) (i32.const 1)))
      (drop (memory.atomic.notify offset=4 (local.get $b) (i32.const -1)))
      (return)))
  (local.set $spin (i32.const {spins}))
  (loop $wait
    (if (i32.ne (i32.atomic.load offset=4 (local.get $b)) (local.get $gen)) (then (return)))
    (if (i32.atomic.load offset=8 (local.get $b)) (then (unreachable)))
    (if (local.get $spin)
      (then (local.set $spin (i32.sub (local.get $spin) (i32.const 1))))
      (else (drop (memory.atomic.wait32 offset=4 (local.get $b) (local.get $gen) (i64.const 100000000)))))
    (br $wait)))
"""


@dataclass(frozen=True)
class Segment:
    """Records first..last that one exported function runs, or a host step between them."""

    export: str
    records: tuple[int, int]
    host: WasmHostStep | None = None


@dataclass(frozen=True)
class Program:
    """What makes the module's text, its cache key, the order of table entries behind the fixed ones, the segments.

    The key is known without rendering a kernel: on a second start nothing is rendered at all. ``body`` makes the
    functions alone, for modules with a head and a barrier of their own.
    """

    text: Callable[[], str]
    body: Callable[[], str]
    key: str
    slots: tuple[str, ...]
    segments: tuple[Segment, ...]


def assemble(
    records: Sequence[WasmRecord], offsets: Mapping[str, int], lanes: Lanes, threads: int, scratch_bytes: int, *,
    count: str = "", breaks: Collection[int] = (),
) -> Program:
    """Make the module; ``offsets`` are the arena's, by slot name.

    ``count`` is the text of the number of threads where that is known only when the module is loaded. ``breaks`` are
    records that begin a segment of their own.
    """
    names: dict[WasmKernel, str] = {}
    slots: dict[str, int] = {}
    writer = _Writer(names, slots, offsets, threads, scratch_bytes, count or f"(i32.const {threads})")
    segments, bodies = _segments(records, writer, breaks)
    barrier = _BARRIER_TEXT.replace("{spins}", str(_SPINS)) if threads > 1 else ""

    def body() -> str:
        return "\n".join([*functions(names, lanes), *bodies])

    parts = (sources_digest("wasm"), lanes.name, barrier, list(names), bodies)
    key = hashlib.sha256(repr(parts).encode()).hexdigest()
    return Program(lambda: f"{_HEAD}\n{barrier}\n{body()}\n)", body, key, tuple(slots), tuple(segments))


def _segments(
    records: Sequence[WasmRecord], writer: _Writer, breaks: Collection[int],
) -> tuple[list[Segment], list[str]]:
    segments: list[Segment] = []
    bodies: list[str] = []
    start = 0
    for i in range(len(records) + 1):
        host = records[i].host if i < len(records) else None
        if i < len(records) and host is None and i not in breaks:
            continue
        if start < i and any(r.calls for r in records[start:i]):
            export = f"run{len(bodies)}"
            bodies.append(writer.function(export, records, start, i))
            segments.append(Segment(export, (start, i)))
        if host is None:
            start = i
        else:
            # Layout changes of a host step's inputs are calls of its own record and run before it.
            if records[i].calls:
                export = f"run{len(bodies)}"
                bodies.append(writer.function(export, records, i, i + 1))
                segments.append(Segment(export, (i, i + 1)))
            segments.append(Segment("", (i, i + 1), host))
            start = i + 1
    return segments, bodies


@dataclass
class _Writer:
    """Writes the functions that call kernels."""

    names: dict[WasmKernel, str]
    slots: dict[str, int]
    offsets: Mapping[str, int]
    threads: int
    scratch_bytes: int
    count: str

    def function(self, export: str, records: Sequence[WasmRecord], first: int, last: int) -> str:
        """Run records first..last - 1 for thread ``$tid``; with ``$stamped`` note the time.

        Of the 16 bytes of a record the first 8 take the start, where it opens a segment, the others the end.
        """
        body = [_stamp(16 * first)]
        before: WasmCall | None = None
        for i in range(first, last):
            for c in records[i].calls:
                body += [self._barrier(before, c), self._call(c)]
                before = c
            if i == last - 1 and self.threads > 1:
                body.append(self._barrier_text())  # nobody may still be writing when the caller reads
            body.append(_stamp(16 * i + 8))
        mine = f"(i32.mul (local.get $tid) (i32.const {self.scratch_bytes}))"
        return "\n".join([
            f'(func ${export} (export "{export}") (param $table i32) (param $tid i32) (param $stamped i32)',
            "(local $arena i32) (local $scratch i32) (local $stamps i32)",
            f"(local.set $arena {_entry(ARENA)})",
            f"(local.set $scratch (i32.add {_entry(SCRATCH)} {mine}))",
            f"(local.set $stamps {_entry(STAMPS)})",
            *([_WAKE_TEXT] if self.threads > 1 else []), *body, ")",
        ])

    def _call(self, c: WasmCall) -> str:
        name = name_function(self.names, c.kernel)
        args = " ".join(map(self._address, c.args))
        if self.threads == 1:
            return f"(call ${name} (i32.const 0) (i32.const {c.units}) (local.get $scratch) {args})"
        if not c.parallel:
            return (f"(if (i32.eqz (local.get $tid)) (then"
                    f" (call ${name} (i32.const 0) (i32.const {c.units}) (local.get $scratch) {args})))")
        share = f"(i32.div_u (i32.mul {{}} (i32.const {c.units})) {self.count})"
        lo = share.format("(local.get $tid)")
        hi = share.format("(i32.add (local.get $tid) (i32.const 1))")
        return f"(call ${name} {lo} {hi} (local.get $scratch) {args})"

    def _barrier(self, before: WasmCall | None, c: WasmCall) -> str:
        """Wait for all threads where one may read what another wrote: not between two calls of the first thread."""
        if before is None or self.threads == 1 or not (before.parallel or c.parallel):
            return ""
        return self._barrier_text()

    def _barrier_text(self) -> str:
        return f"(call $barrier {_entry(BARRIER)} {self.count})"

    def _address(self, p: WasmPlace) -> str:
        if p.slot.startswith("arena:"):
            return f"(i32.add (local.get $arena) (i32.const {self.offsets[p.slot.removeprefix('arena:')] + p.offset}))"
        index = self.slots.setdefault(p.slot, FIRST_SLOT + len(self.slots))
        load = _entry(index)
        return f"(i32.add {load} (i32.const {p.offset}))" if p.offset else load


def _entry(index: int) -> str:
    """An address from the table."""
    return f"(i32.load offset={4 * index} (local.get $table))"


def _stamp(offset: int) -> str:
    """Write the time to the stamps, when that is wanted. WASI's clock 1 is monotonic."""
    where = f"(i32.add (local.get $stamps) (i32.const {offset}))"
    return f"(if (local.get $stamped) (then (drop (call $clock (i32.const 1) (i64.const 1) {where}))))"


# The first thread wakes the others, which wait on this word (see tfjslab.backends.wasm.run.workers).
_WAKE_TEXT = f"""(if (i32.eqz (local.get $tid)) (then
(drop (i32.atomic.rmw.add {_entry(WAKE)} (i32.const 1)))
(drop (memory.atomic.notify {_entry(WAKE)} (i32.const -1)))))"""
