"""Where the operands of a group's expression lie, and the epilogue that reads them behind a core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.backends.kernels.operands import Operand, kind_of, prepare
from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.kernels.typed import ELEMENTS
from tfjslab.backends.webgpu.builder import GpuBuilder, GpuPlace
from tfjslab.backends.webgpu.lower.registry import TABLE
from tfjslab.backends.webgpu.text.emit import Function, function
from tfjslab.backends.webgpu.text.templates import Binding
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.graph.ir import Node
from tfjslab.ops.expr import X
from tfjslab.passes.fusion import Group

_WGSL = {"float32": "f32", "int32": "i32", "bool": "u32"}


def refuses_words(node: Node, specs: Specs) -> str:
    """Kernels read and write floats, integers and truth values."""
    return TABLE.only(node, specs, *ELEMENTS)


def element_type(dtype: str, lanes: int) -> str:
    """The WGSL type of elements, or of vectors of four, of a value; truth values are words."""
    return _WGSL[dtype] if lanes == 1 else f"vec4<{_WGSL[dtype]}>"


def stored_dtype(dtype: str) -> Any:
    """The numpy type of the four bytes that an element has where floats are not stored in two."""
    return np.uint32 if dtype == "bool" else numpy_dtype(dtype)


def place_operand(b: GpuBuilder, o: Operand) -> GpuPlace:
    """The operand row-major."""
    array = o.array
    if array is None or o.name in b.graph.constants:
        return b.place(o.name)
    return b.constant((o.name, "rows"), lambda: array)  # computed: the name is a digest of the content


@dataclass(frozen=True)
class GpuEpilogue:
    """What a core's kernel does with its results: a function of them and of operands of these kinds."""

    function: Function
    kinds: tuple[str, ...]
    places: tuple[GpuPlace, ...]

    def bindings(self, lanes: int) -> tuple[Binding, ...]:
        """Storage bindings ``e0``, ``e1``, ... of vectors where rows are, or were made, whole vectors."""
        types = ["vec4<f32>" if lanes > 1 or kind == "padded" else "f32" for kind in self.kinds]
        return tuple(
            Binding(f"e{i}", t, p.constant) for i, (t, p) in enumerate(zip(types, self.places, strict=True))
        )


NOTHING = GpuEpilogue(function(X, "float32"), (), ())


def epilogue(b: GpuBuilder, group: Group, lanes: int) -> GpuEpilogue:
    """The epilogue of a group with a core, on values of ``lanes``.

    Constants with one value a channel are ``padded`` where channels are no whole vectors.
    """
    expr, operands = prepare(b, group)
    out = b.shape(group.output)
    found = [(kind_of(o.shape, out), place_operand(b, o)) for o in operands]
    if lanes > 1 and out[-1] % lanes:
        found = [_padded(b, o) if o.array is not None and kind == "channel" else (kind, p)
                 for o, (kind, p) in zip(operands, found, strict=True)]
    # Only floats are followed by a chain, or read operands.
    dtype = b.spec(group.output).dtype
    made = function(expr, dtype, *("float32",) * len(operands), result=dtype, lanes=lanes)
    return GpuEpilogue(made, tuple(k for k, _ in found), tuple(p for _, p in found))


def _padded(b: GpuBuilder, o: Operand) -> tuple[str, GpuPlace]:
    def make() -> Array:
        flat = np.asarray(o.array, np.float32).reshape(-1)
        return np.pad(flat, (0, -flat.size % 4))

    return "padded", b.constant((o.name, "padded"), make, o.array if o.name in b.graph.constants else None)
