"""Convolutions with few outputs: taps are read where they are, in padded planes, through a table of their offsets.

Laying patches out for a matrix product (see ``im2col``) would take as long as the few products that each takes part in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.general import General, Image, filters
from tfjslab.backends.wasm.lower.operands import WasmEpilogue
from tfjslab.backends.wasm.lower.product import Made, group_size, size_class, splat_round, tiles
from tfjslab.backends.wasm.text.layouts import image_tiles, plane_geometry, tap_offsets
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.backends.wasm.tuning import WasmTile, WasmTrial

MOST_OUTPUTS = 7  # with 8 both ways were as fast


@dataclass(frozen=True)
class Taps:
    """The kernel of a convolution over padded planes."""

    conv: General

    def kernel(self, tile: WasmTile, tail: WasmEpilogue, lanes: int) -> Made:
        """The kernel for a tile; its units are groups of outputs."""
        conv = self.conv
        walk = image_tiles(conv.win, plane_geometry(conv.win, lanes), lanes, (1, tile.vectors), conv.pitch_out)
        largest = max(rt * vt for rt, _, _, parts in walk.sections for vt, _ in parts)
        nr = group_size(conv.n, max(tile.outputs, tile.outputs * tile.vectors // largest))
        made = kernel(
            "taps", ("a", "w", "table", "c", *tail.pointers()), expressions=(tail.expr,), k=conv.k, nr=nr,
            tile=tile, splat=splat_round(conv.k * nr), tiles=walk, e=tail.text(),
        )
        return Made(made, conv.n // nr, conv.k * nr * 4 * lanes, nr)

    def padded_bytes(self, lanes: int) -> int:
        """Bytes of all padded planes."""
        return self.conv.cin * plane_geometry(self.conv.win, lanes).plane_bytes

    def table(self, lanes: int) -> tuple[int, ...]:
        """Byte offset of every tap of every input channel."""
        g = plane_geometry(self.conv.win, lanes)
        return tuple(c * g.plane_bytes + t for c in range(self.conv.cin) for t in tap_offsets(self.conv.win, g))

    def trial(self, tile: WasmTile, tail: WasmEpilogue, lanes: int) -> WasmTrial:
        """A trial on the real size."""
        conv, made = self.conv, self.kernel(tile, tail, lanes)
        first = (self.padded_bytes(lanes), conv.filter_bytes, 4 * conv.k, conv.n * conv.pitch_out)
        sizes = (*first, *tail.sizes(conv.n, conv.pitch_out))
        return WasmTrial(made.kernel, sizes, made.scratch_bytes, made.units)


def by_taps(b: WasmBuilder, conv: General, w: str, tail: WasmEpilogue) -> Callable[[Image], None]:
    """What adds the calls for an image: planes are padded, then read."""
    taps, win = Taps(conv), conv.win
    kind = f"conv {win.size} columns={win.out_size[1]} inner={size_class(conv.cin)} {tail}"
    tile = b.choose(kind, tiles(b.lanes), lambda t: taps.trial(t, tail, b.lanes))
    made, offsets = taps.kernel(tile, tail, b.lanes), taps.table(b.lanes)
    weights = filters(b, w, made.nr)
    table = b.constant(("taps", offsets), lambda: np.array(offsets, np.int32))
    padded = b.temporary(taps.padded_bytes(b.lanes))
    fill = kernel("planes", ("x", "padded"), g=plane_geometry(win, b.lanes), pitch_in=conv.pitch_in, value=0.0)
    copied = 8 * conv.cin * win.in_size[0] * win.in_size[1]

    def lower(image: Image) -> None:
        b.call(fill, (image.source, padded), conv.cin, flops=copied)
        args = (padded, weights + image.group * conv.filter_bytes, table, image.out, *image.operands)
        b.call(made.kernel, args, made.units, flops=conv.flops, scratch_bytes=made.scratch_bytes)

    return lower
