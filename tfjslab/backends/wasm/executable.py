"""A lowered graph as a plan needs it: what to call, where everything lies, how constants are made.

It is made by lowering, or read from disk (``tfjslab.backends.wasm.plan_cache``); a plan does not know the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfjslab.backends.base import CommandInfo
from tfjslab.backends.kernels.describe import describe_records
from tfjslab.backends.kernels.memory_plan import plan_memory
from tfjslab.backends.wasm.builder import Builder, Constant
from tfjslab.backends.wasm.lowering import lower_program
from tfjslab.backends.wasm.run.heap import align
from tfjslab.backends.wasm.text.program import Segment, assemble
from tfjslab.backends.wasm.tuning import Tile
from tfjslab.graph.specialize import Specialized

if TYPE_CHECKING:
    from tfjslab.backends.wasm.backend import WasmBackend


@dataclass(frozen=True, eq=False)
class Lowered:
    """``module_key`` names the compiled module, ``slots`` are its table entries behind the fixed ones.

    ``offsets`` place the arena's buffers by name, ``scratch_bytes`` are for one thread. ``keeps`` tells whether the
    same graph with other weights would be lowered alike, so that all this may be kept without them.
    """

    module_key: str
    slots: tuple[str, ...]
    segments: tuple[Segment, ...]
    num_records: int
    threads: int
    scratch_bytes: int
    offsets: Mapping[str, int]
    peak_bytes: int
    lower_bound_bytes: int
    constants: Mapping[str, Constant]
    tiles: Mapping[str, Tile]
    describe: Callable[[], tuple[CommandInfo, ...]]
    text: Callable[[], str]
    keeps: bool


def lower(backend: WasmBackend, program: Specialized, outputs: Sequence[str]) -> Lowered:
    """Lower ``program``, lay its buffers out and write its functions."""
    builder = Builder(program, outputs, backend.lanes)
    lower_program(builder, program)
    buffers = builder.finish()
    memory = plan_memory(buffers)
    scratch = align(builder.scratch_bytes)
    threads = backend.threads if any(c.parallel for r in builder.records for c in r.calls) else 1
    made = assemble(builder.records, memory.offsets, backend.lanes, threads, scratch)
    return Lowered(
        made.key, made.slots, made.segments, len(builder.records), threads, scratch, memory.offsets,
        memory.peak_bytes, memory.lower_bound_bytes, builder.constants, builder.tiles,
        lambda: describe_records(builder, buffers), made.text, not builder.reads_weights,
    )
