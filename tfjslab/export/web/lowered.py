"""A variant whose kernels are chosen and whose constants stand in the file of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfjslab.backends.kernels.memory_plan import Lifetime, MemoryPlan, plan_memory
from tfjslab.backends.wasm.builder import WasmBuilder, WasmConstant
from tfjslab.backends.wasm.executable import collect_calls
from tfjslab.backends.wasm.text.packing import whole
from tfjslab.export.web.copies import StridedCopy, strided_copies
from tfjslab.export.web.plan import WebProgram, needs_host
from tfjslab.export.web.tuning import WebTuner
from tfjslab.export.web.variants import Variant
from tfjslab.export.web.weights import Stored, WeightFile
from tfjslab.export.web.widening import Widening, widening

MOST_THREADS = 8
_ITEMS = (1, 4)  # bytes of elements that there are kernels to copy


@dataclass(frozen=True)
class PackedConstant:
    """A constant: its bytes, where they stand in the file, and the copies that lay them out (None: as they are).

    With ``wider``, bytes become 16 bits then; ``factors`` are where what they are multiplied by stands.
    """

    stored: Stored
    num_bytes: int
    copies: tuple[StridedCopy, ...] | None
    item_bytes: int
    wider: Widening | None = None
    factors: Stored | None = None


@dataclass(frozen=True, eq=False)
class LoweredVariant:
    """What writing a variant needs. ``threads`` is the most that its program is made for."""

    variant: Variant
    builder: WasmBuilder
    memory: MemoryPlan
    buffers: tuple[Lifetime, ...]
    threads: int
    constants: Mapping[str, PackedConstant]

    @property
    def tiles(self) -> dict[str, str]:
        """The tiles that were taken, by class of kernels."""
        return {kind: str(t) for kind, t in self.builder.tiles.items()}


def lower(web: WebProgram, variant: Variant, weights: WeightFile, tuner: WebTuner) -> LoweredVariant:
    """Choose kernels for a variant and add what its constants are made from to the file of weights.

    Raises ModelError (``export.host``) for nodes whose lowering found that they have no kernel.
    """
    builder = collect_calls(WasmBuilder(web.program, web.made, variant.lanes, tuner, sums_weights=False), web.program)
    left = [(f"{r.host.node.op}: {r.reason}", r.host.node.name) for r in builder.records if r.host is not None]
    if left:
        raise needs_host(web.name, left)
    buffers = builder.finish()
    parallel = any(c.parallel for r in builder.records for c in r.calls)
    threads = MOST_THREADS if variant.threaded and parallel else 1
    constants = {slot: _pack(c, weights) for slot, c in builder.constants.items()}
    for state in web.states:
        if state.first is not None:
            constants[first_slot(state.start)] = PackedConstant(
                weights.block(state.first), state.first.nbytes, None, state.first.itemsize)
    return LoweredVariant(variant, builder, plan_memory(buffers), tuple(buffers), threads, constants)


def first_slot(state: str) -> str:
    """The slot of what a state is at first."""
    return f"first:{state}"


def _pack(constant: WasmConstant, weights: WeightFile) -> PackedConstant:
    """A constant as the model's weight with copies, or as what it is made to."""
    if constant.recipe is not None and constant.source is not None:
        packing, source = constant.recipe[2], constant.source
        copies = strided_copies(packing, source.shape) if source.itemsize in _ITEMS else None
        if copies is not None:
            return PackedConstant(weights.weight(source), packing(source).nbytes, copies, source.itemsize)
        if wider := widening(packing, source.shape, source.dtype.name):
            factors = None if wider.factors is None else weights.block(wider.factors)
            return PackedConstant(weights.weight(source), 2 * wider.size, wider.copies, source.itemsize, wider, factors)
    block = whole(constant.make())
    return PackedConstant(weights.block(block), block.nbytes, None, block.itemsize)
