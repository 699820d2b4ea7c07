"""Where the operands of a group's expression lie, and the epilogue that reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tfjslab.backends.kernels.operands import Operand, kind_of, prepare
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.text.layouts import Layout, pitch
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import Shape
from tfjslab.ops.expr import Expr, X, occurrences, replace_expr
from tfjslab.passes.fusion import Group


def place_rows(b: WasmBuilder, o: Operand) -> WasmPlace:
    """The operand row-major."""
    array = o.array
    if array is None or o.name in b.graph.constants:
        return b.rows(o.name)
    return b.constant((o.name, "rows"), lambda: array)  # computed: the name is a digest of the content


def place_planes(b: WasmBuilder, o: Operand, out: Shape) -> WasmPlace:
    """The operand as channel planes of the output's geometry; it has the output's size."""
    array = o.array
    if array is None:
        return b.planes(o.name)
    return b.constant((o.name, "planes", out), lambda: to_planes(array.reshape(out)), array)


def to_planes(array: Array) -> Array:
    """A rank-4 array as channel planes."""
    n, h, w, c = array.shape
    planes = np.zeros((n, c, pitch(h * w, w)), np.float32)
    planes[:, :, : h * w] = array.transpose(0, 3, 1, 2).reshape(n, c, h * w)
    return planes


@dataclass(frozen=True)
class EpilogueText:
    """What a kernel source needs of an epilogue: operand kinds, ``initial``, which expression, a prefix for names."""

    operands: tuple[str, ...]
    initial: int
    expr: int = 0
    p: str = ""


@dataclass(frozen=True)
class WasmEpilogue:
    """What a core's kernel does with its sums: expression, kinds and places of the operands.

    ``initial`` is the operand that the sums start from instead of being added (a bias), -1 for none.
    """

    expr: Expr
    kinds: tuple[str, ...]
    places: tuple[WasmPlace, ...]
    initial: int = -1

    def __str__(self) -> str:
        return f"{self.expr} of {', '.join(self.kinds) or 'sums'}"

    def text(self, expr: int = 0, prefix: str = "") -> EpilogueText:
        """For the kernel source; a kernel with two epilogues tells them apart by ``prefix``."""
        return EpilogueText(self.kinds, self.initial, expr, prefix)

    def pointers(self, prefix: str = "") -> tuple[str, ...]:
        """Names of the kernel's operand parameters."""
        return tuple(f"{prefix}op{i}" for i in range(len(self.kinds)))

    def sizes(self, channels: int, pitch: int) -> list[int]:
        """Bytes of each operand for an output of so many channels, ``pitch`` bytes apart."""
        sizes = {"channel": 4 * channels, "full": channels * pitch, "pixel": pitch}
        return [sizes[k] for k in self.kinds]

    def at(self, num_bytes: int, channels: int = 0) -> list[WasmPlace]:
        """The places for an output further on: for an image of a batch, and for a group of channels of it."""
        step = {"full": num_bytes, "channel": 4 * channels, "pixel": 0}
        return [p + step[k] for p, k in zip(self.places, self.kinds, strict=True)]


def epilogue(b: WasmBuilder, group: Group, layout: Layout, *, starts: bool = False) -> WasmEpilogue:
    """The epilogue of a group with a core. ``starts`` says that the kernel can start its sums from an operand."""
    expr, operands = prepare(b, group)
    out = b.shape(group.output)
    kinds = tuple(kind_of(o.shape, out) for o in operands)
    places = tuple(_place(b, o, k, layout, out) for o, k in zip(operands, kinds, strict=True))
    found = WasmEpilogue(expr, kinds, places)
    return _start_from_bias(found) if starts else found


def _start_from_bias(e: WasmEpilogue) -> WasmEpilogue:
    """Drop the addition of a channel operand to the bare sums, when the sums are read nowhere else."""
    sums = occurrences(e.expr, X)
    for i, kind in enumerate(e.kinds):
        leaf = Expr("in", leaf=i + 1)
        for biased in (X + leaf, leaf + X):
            if kind == "channel" and occurrences(e.expr, biased) == sums == occurrences(e.expr, leaf):
                return replace(e, expr=replace_expr(e.expr, biased, X), initial=i)
    return e


def _place(b: WasmBuilder, o: Operand, kind: str, layout: Layout, out: Shape) -> WasmPlace:
    if kind == "full" and layout is Layout.PLANES:
        return place_planes(b, o, out)
    return place_rows(b, o)
