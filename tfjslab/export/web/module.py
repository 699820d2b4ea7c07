"""One variant as WebAssembly text: kernels, a table of fixed addresses, what lays weights out, and what is called.

Exports: ``init`` (weights from where the loader put the file to where kernels read them), ``run(stamped)``, ``hash``,
``serve(tid)`` for the threads beside the caller, and ``image`` where an input takes pictures. Imports: the memory, and
a clock in the form of WASI, which stamped runs ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.backends.kernels.memory_plan import MemoryPlan, plan_memory
from tfjslab.backends.kernels.strides import collapse
from tfjslab.backends.wasm.builder import Builder, Constant
from tfjslab.backends.wasm.lowering import lower_program
from tfjslab.backends.wasm.run.heap import align
from tfjslab.backends.wasm.text.packing import Padded
from tfjslab.backends.wasm.text.program import ARENA, BARRIER, SCRATCH, STAMPS, WAKE, Program, assemble, first_slot
from tfjslab.backends.wasm.text.templates import Kernel, functions, kernel, name_function
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import size_of
from tfjslab.export.web.copies import Copy, strided_copies
from tfjslab.export.web.plan import WebProgram
from tfjslab.export.web.tuning import WebTuner
from tfjslab.export.web.variants import Variant
from tfjslab.export.web.weights import Stored, WeightFile

MOST_THREADS = 8
PAGE = 65536
_TABLE = 1024  # the first address in use: below it a lost pointer would be seen
_GUARD = 1024  # vectors may overrun the last block
_WORD = 4


@dataclass(frozen=True)
class _Packed:
    """A constant of the plan: its bytes, where they stand in the file, and the copies that lay them out."""

    stored: Stored
    num_bytes: int
    copies: tuple[Copy, ...] | None
    item_bytes: int


@dataclass(frozen=True, eq=False)
class Lowered:
    """A variant whose kernels are chosen and whose constants stand in the file of weights."""

    variant: Variant
    builder: Builder
    memory: MemoryPlan
    threads: int
    constants: dict[str, _Packed]
    tiles: dict[str, str]


@dataclass(frozen=True)
class Layout:
    """Byte addresses in the module's memory. ``file`` is where the loader puts the weights before ``init``."""

    slots: dict[str, int]
    stamps: int
    barrier: int
    file: int
    wide: int
    end: int


def lower(web: WebProgram, variant: Variant, weights: WeightFile, tuner: WebTuner) -> Lowered:
    """Choose kernels for a variant and add what its constants are made from to the file of weights."""
    builder = Builder(web.program, [p.value for p in web.outputs], variant.lanes, tuner)
    lower_program(builder, web.program)
    memory = plan_memory(builder.finish())
    parallel = any(c.parallel for r in builder.records for c in r.calls)
    threads = MOST_THREADS if variant.threaded and parallel else 1
    constants = {slot: _store(c, weights) for slot, c in builder.constants.items()}
    tiles = {kind: str(t) for kind, t in builder.tiles.items()}
    return Lowered(variant, builder, memory, threads, constants, tiles)


def _store(constant: Constant, weights: WeightFile) -> _Packed:
    """A constant as the model's weight with copies, or as what it is made to."""
    if constant.recipe is not None and constant.source is not None:
        packing, source = constant.recipe[2], constant.source
        copies = strided_copies(packing, source.shape)
        if copies is not None and source.dtype.itemsize in (1, _WORD):
            return _Packed(weights.weight(source), packing(source).nbytes, copies, source.dtype.itemsize)
    block = _filled(constant)
    return _Packed(weights.block(block), block.nbytes, None, block.dtype.itemsize)


def _filled(constant: Constant) -> Array:
    block = constant.make()
    if not isinstance(block, Padded):
        return block
    whole = np.zeros(block.shape, block.dtype)
    for index, values in block.parts:
        whole[index] = values
    return whole
