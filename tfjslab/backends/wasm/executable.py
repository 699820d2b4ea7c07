"""A lowered graph as a plan needs it: what to call, where everything lies, how constants are made.

It is made by lowering, or read from disk (``tfjslab.backends.wasm.plan_cache``); a plan does not know the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfjslab.backends.base import CommandInfo
from tfjslab.backends.kernels.describe import describe_records, flops_of
from tfjslab.backends.kernels.lowering import lower_program
from tfjslab.backends.kernels.memory_plan import plan_memory
from tfjslab.backends.wasm import lower as _families  # noqa: F401 - fills the table
from tfjslab.backends.wasm.builder import WasmBuilder, WasmConstant
from tfjslab.backends.wasm.lower.expand import in_pairs
from tfjslab.backends.wasm.lower.movement import reserve_channels
from tfjslab.backends.wasm.lower.registry import TABLE
from tfjslab.backends.wasm.run.heap import align
from tfjslab.backends.wasm.text.program import Segment, assemble
from tfjslab.backends.wasm.tuning import WasmTile
from tfjslab.base.limits import check_flops
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.facts import IMAGE_RANK
from tfjslab.ops.registry import Spec

_CALL_FLOPS = 1_000_000_000  # of one call into a module: some 50 ms with SIMD, a third of a second without

_MOST_IMAGES = 10_000  # in a batch that is called one by one: as many calls take a second to compile

_MOST_COLUMNS = 250_000  # of an image: with a million a function is larger than the engine takes

if TYPE_CHECKING:
    from tfjslab.backends.wasm.backend import WasmBackend


@dataclass(frozen=True, eq=False)
class Executable:
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
    constants: Mapping[str, WasmConstant]
    tiles: Mapping[str, WasmTile]
    describe: Callable[[], tuple[CommandInfo, ...]]
    text: Callable[[], str]
    keeps: bool


def collect_calls(builder: WasmBuilder, program: Specialized) -> WasmBuilder:
    """The builder, with all calls and host steps of ``program`` added."""
    reserve_channels(builder, program.graph.nodes)
    lower_program(builder, program, TABLE, also_refuses=_refuses_extent, fuse=in_pairs)
    return builder


def _refuses_extent(node: Node, specs: Mapping[str, Spec]) -> str:
    """A reason against very many images, each of which is a call, and very long rows, which kernels write out."""
    if node.definition.facts.rank != IMAGE_RANK:
        return ""
    shapes = [s for s in (specs[v].known_shape for v in node.inputs if v) if len(s) == IMAGE_RANK]
    images, columns = (max((s[axis] for s in shapes), default=0) for axis in (0, 2))
    many = f"{images} images at once" if images > _MOST_IMAGES else ""
    return TABLE.none_for(many or (f"rows of {columns} pixels" if columns > _MOST_COLUMNS else ""))


def _breaks(builder: WasmBuilder) -> list[int]:
    """Records before which a call ends, so that Python hears an interrupt within a second in the largest models.

    LimitError when one of them computes more than a node may.
    """
    found, flops = [], 0
    for i, record in enumerate(builder.records):
        own = flops_of(builder, record)
        check_flops(f"node '{record.group.nodes[-1].name}' ({record.kernel_name})", own)
        if flops and flops + own > _CALL_FLOPS:
            found.append(i)
            flops = 0
        flops += own
    return found


def lower(backend: WasmBackend, program: Specialized, outputs: Sequence[str]) -> Executable:
    """Lower ``program``, lay its buffers out and write its functions."""
    builder = collect_calls(WasmBuilder(program, outputs, backend.lanes), program)
    buffers = builder.finish()
    memory = plan_memory(buffers)
    scratch = align(builder.scratch_bytes)
    threads = backend.threads if any(c.parallel for r in builder.records for c in r.calls) else 1
    breaks = _breaks(builder)
    made = assemble(builder.records, memory.offsets, backend.lanes, threads, scratch, breaks=breaks)
    return Executable(
        made.key, made.slots, made.segments, len(builder.records), threads, scratch, memory.offsets,
        memory.peak_bytes, memory.lower_bound_bytes, builder.constants, builder.tiles,
        lambda: describe_records(builder, buffers), made.text, not builder.reads_weights,
    )
