"""One variant as WebAssembly text: kernels, a table of fixed addresses, what lays weights out, and what is called.

Exports: ``init`` (weights from where the loader put the file to where kernels read them), ``run(stamped)``, ``hash``,
``serve(tid)`` for the threads beside the caller, ``picture<i>`` for inputs that take pictures, and ``reset`` where
states are kept. Imports: the memory, the number of threads, whether this one may sleep, and a clock in the form of
WASI, which stamped runs ask.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from tfjslab.backends.wasm.run.engine import PAGE_BYTES
from tfjslab.backends.wasm.run.heap import align
from tfjslab.backends.wasm.text.program import ARENA, BARRIER, FIRST_SLOT, SCRATCH, STAMPS, WAKE, Program, assemble
from tfjslab.backends.wasm.text.templates import WasmKernel, functions
from tfjslab.export.web.exact import exact
from tfjslab.export.web.initialize import init_text
from tfjslab.export.web.lowered import LoweredVariant, first_slot
from tfjslab.export.web.picture import Picture
from tfjslab.export.web.plan import WebProgram, WebState
from tfjslab.export.web.weights import WeightFile

MAX_PAGES = 65536
_TABLE = 1024  # the first address in use: below it a lost pointer would be seen
_GUARD = 1024  # vectors may overrun the last block
_STAMP_BYTES, _WORD = 16, 4
_SPINS = 100_000  # some 100 us
_PLAN = "run0"


@dataclass(frozen=True)
class ModuleLayout:
    """Byte addresses in the module's memory.

    The loader puts the file of weights at ``file``; ``wide`` is where its float16 section is widened to. Both lie where
    inputs, outputs, the arena and scratch are later. ``end`` is the last byte without the scratch of threads, each of
    ``scratch_bytes``.
    """

    table: tuple[int, ...]
    slots: Mapping[str, int]
    stamps: int
    wake: int
    file: int
    wide: int
    scratch_bytes: int
    end: int


@dataclass(frozen=True)
class WebModule:
    """The text of a variant, with what a loader has to know of it."""

    text: str
    layout: ModuleLayout
    records: int
    threaded: bool


def web_module(
    web: WebProgram, lowered: LoweredVariant, weights: WeightFile, pictures: Mapping[str, Picture],
) -> WebModule:
    """Write a variant, whose constants stand in ``weights`` already."""
    scratch = align(lowered.builder.scratch_bytes)
    threaded = lowered.threads > 1
    made = assemble(
        lowered.builder.records, lowered.memory.offsets, lowered.variant.lanes, lowered.threads, scratch,
        count="(global.get $threads)" if threaded else "",
    )
    layout = _layout(web, lowered, made, weights, scratch)
    seen = {i: p.kernel(port, web.quantization.get(port.name)) for i, port in enumerate(web.inputs)
            if (p := pictures.get(port.name))}
    names = {k: f"picture{i}" for i, k in seen.items()}  # inputs that see alike share a kernel
    resets = bool(web.states)
    init, copies = init_text(lowered.constants, layout.slots, layout.file, layout.wide, weights, resets=resets)
    body = made.body() if lowered.variant.relaxed else exact(made.body())
    text = "\n".join([
        _head(layout, threaded=threaded), body, *functions({**copies, **names}, lowered.variant.lanes), init,
        *(_picture_text(layout.slots[f"in:{web.inputs[i].value}"], i, k, names[k]) for i, k in seen.items()),
        _run_text(web, made, layout.slots), *([_reset_text(web, layout.slots)] if resets else []),
        *([_SERVE] if threaded else []), ")",
    ])
    return WebModule(_filled(text, layout), layout, len(lowered.builder.records), threaded)


def _layout(web: WebProgram, lowered: LoweredVariant, made: Program, weights: WeightFile, scratch: int) -> ModuleLayout:
    """Addresses: what stays first, then the file of weights over what is used later."""
    places = _Bump(_TABLE)
    places.take(_WORD * (FIRST_SLOT + len(made.slots)))
    stamps = places.take(_STAMP_BYTES * (len(lowered.builder.records) + 1))
    barrier, wake = places.take(64), places.take(64)
    slots = {slot: places.take(c.num_bytes) for slot, c in lowered.constants.items()}
    file = places.top
    wide = align(file + weights.plain_bytes + weights.float16_bytes)
    for kind, values in (("in", web.fed), ("out", web.made)):
        slots |= {f"{kind}:{v}": places.take(web.program.specs[v].num_bytes) for v in values}
    arena = places.take(lowered.memory.peak_bytes)
    fixed = {ARENA: arena, SCRATCH: places.top, STAMPS: stamps, BARRIER: barrier, WAKE: wake}
    table = (*(fixed[i] for i in range(FIRST_SLOT)), *(slots[s] for s in made.slots))
    end = max(places.top, wide + 2 * weights.float16_bytes) + _GUARD
    return ModuleLayout(table, slots, stamps, wake, file, wide, scratch, end)


class _Bump:
    """Hands out blocks one after the other."""

    def __init__(self, top: int) -> None:
        self.top = top

    def take(self, num_bytes: int) -> int:
        """The address of a block."""
        address, self.top = self.top, align(self.top + max(num_bytes, 1))
        return address


def _head(layout: ModuleLayout, *, threaded: bool) -> str:
    shared = f"{MAX_PAGES} shared" if threaded else str(MAX_PAGES)
    data = "".join(f"\\{b:02x}" for b in struct.pack(f"<{len(layout.table)}I", *layout.table))
    return "\n".join([
        "(module",
        '(import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))',
        f'(import "env" "memory" (memory {-(-(layout.end + layout.scratch_bytes) // PAGE_BYTES)} {shared}))',
        *(['(import "env" "threads" (global $threads i32))',
           '(import "env" "sleeps" (global $sleeps i32))', _BARRIER] if threaded else []),
        f'(data (i32.const {_TABLE}) "{data}")', _HASH,
    ])


def _run_text(web: WebProgram, made: Program, slots: Mapping[str, int]) -> str:
    """A run, and what it leaves for the next one; a stamped run is for its times alone."""
    call = f"(call ${_PLAN} (i32.const {_TABLE}) (i32.const 0) (local.get $stamped))" if made.segments else ""
    kept = "".join(_copy(slots[f"in:{s.start}"], slots[f"out:{s.end}"], _bytes(web, s)) for s in web.states)
    advance = f"(if (i32.eqz (local.get $stamped)) (then {kept}))" if kept else ""
    return f'(func (export "run") (param $stamped i32) {call} {advance})'


def _reset_text(web: WebProgram, slots: Mapping[str, int]) -> str:
    """All states as at first."""
    lines = (
        f"(memory.fill (i32.const {slots[f'in:{s.start}']}) (i32.const 0) (i32.const {_bytes(web, s)}))"
        if s.first is None else _copy(slots[f"in:{s.start}"], slots[first_slot(s.start)], _bytes(web, s))
        for s in web.states
    )
    return f'(func $reset (export "reset") {"".join(lines)})'


def _bytes(web: WebProgram, state: WebState) -> int:
    return web.program.specs[state.start].num_bytes


def _copy(to: int, source: int, num_bytes: int) -> str:
    return f"(memory.copy (i32.const {to}) (i32.const {source}) (i32.const {num_bytes}))"


def _picture_text(to: int, i: int, kernel: WasmKernel, name: str) -> str:
    """The function that fills input ``i``, which stands at ``to``."""
    rows = dict(kernel.params)["rows"]
    return (
        f'(func (export "picture{i}") (param $pixels i32) (param $width i32) (param $height i32)'
        f" (call ${name} (i32.const 0) (i32.const {rows}) (i32.const 0) (local.get $pixels) (local.get $width)"
        f" (local.get $height) (i32.const {to})))"
    )


def _filled(text: str, layout: ModuleLayout) -> str:
    values = {"wake": layout.wake, "table": _TABLE, "spins": _SPINS}
    return reduce(lambda t, name: t.replace(f"{{{name}}}", str(values[name])), values, text)


# FNV-1a over 64-bit words: so the loader knows a file that was cut short or changed.
_HASH = """(func (export "hash") (param $at i32) (param $bytes i32) (result i64) (local $h i64) (local $end i32)
(local.set $h (i64.const 0xcbf29ce484222325))
(local.set $end (i32.add (local.get $at) (local.get $bytes)))
(loop $next (if (i32.lt_u (local.get $at) (local.get $end)) (then
  (local.set $h (i64.mul (i64.xor (local.get $h) (i64.load (local.get $at))) (i64.const 0x100000001b3)))
  (local.set $at (i32.add (local.get $at) (i32.const 8)))
  (br $next))))
(local.get $h))"""

# Threads that are done wait for the last one: a short spin, then sleep. A page's main thread must not sleep and goes on
# spinning; a thread that never comes (it was ended from outside) is a trap after some seconds, not a page that hangs.
_BARRIER = """(func $barrier (param $b i32) (param $threads i32) (local $gen i32) (local $spin i32)
(local.set $gen (i32.atomic.load offset=4 (local.get $b)))
(if (i32.eq (i32.atomic.rmw.add (local.get $b) (i32.const 1)) (i32.sub (local.get $threads) (i32.const 1)))
  (then
    (i32.atomic.store (local.get $b) (i32.const 0))
    (drop (i32.atomic.rmw.add offset=4 (local.get $b) (i32.const 1)))
    (drop (memory.atomic.notify offset=4 (local.get $b) (i32.const -1)))
    (return)))
(loop $wait
  (if (i32.ne (i32.atomic.load offset=4 (local.get $b)) (local.get $gen)) (then (return)))
  (local.set $spin (i32.add (local.get $spin) (i32.const 1)))
  (if (i32.and (global.get $sleeps) (i32.gt_u (local.get $spin) (i32.const {spins}))) (then
    (drop (memory.atomic.wait32 offset=4 (local.get $b) (local.get $gen) (i64.const 100000000)))
    (local.set $spin (i32.add (local.get $spin) (i32.const 0x4000000)))))
  (br_if $wait (local.get $spin)))
(unreachable))"""

# Word 0 at the wake address counts runs; word 1 is set when the threads are to end.
_SERVE = f"""(func (export "serve") (param $tid i32) (local $seen i32) (local $poll i32)
(loop $runs
  (local.set $poll (i32.const 20000))
  (loop $again
    (if (i32.eq (i32.atomic.load (i32.const {{wake}})) (local.get $seen)) (then
      (if (local.get $poll)
        (then (local.set $poll (i32.sub (local.get $poll) (i32.const 1))))
        (else (drop (memory.atomic.wait32 (i32.const {{wake}}) (local.get $seen) (i64.const -1)))))
      (br $again))))
  (local.set $seen (i32.atomic.load (i32.const {{wake}})))
  (if (i32.atomic.load offset=4 (i32.const {{wake}})) (then (return)))
  (call ${_PLAN} (i32.const {{table}}) (local.get $tid) (i32.const 0))
  (br $runs)))
(func (export "stop")
  (i32.atomic.store offset=4 (i32.const {{wake}}) (i32.const 1))
  (drop (i32.atomic.rmw.add (i32.const {{wake}}) (i32.const 1)))
  (drop (memory.atomic.notify (i32.const {{wake}}) (i32.const -1))))"""
