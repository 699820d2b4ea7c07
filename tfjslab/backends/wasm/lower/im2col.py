"""Convolutions of any window as a matrix product over patches, a band of output rows at a time.

The product is that of 1x1 convolutions: what it reads is laid out in full cache lines, each weight that is splat serves
many pixels, and long sums are cut. Reading taps where they are in the planes instead reaches two thirds of that:
vectors cross cache lines, and lines of many planes are live at once. A band is small enough to stay in the second-level
cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import gcd

import numpy as np

from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.general import General, Image, filters
from tfjslab.backends.wasm.lower.operands import WasmEpilogue
from tfjslab.backends.wasm.lower.product import Made, Pointwise
from tfjslab.backends.wasm.text.layouts import PlaneGeometry, pitch, plane_geometry, tap_offsets, whole_lines
from tfjslab.backends.wasm.text.templates import WasmKernel, kernel

_BAND_BYTES = 512 * 1024  # of patches: about half of a second-level cache
_LEAST_PIXELS = 96  # of a band: each weight is splat once for so many
# Of the largest vectors, for all variants: bands are whole ones, so that the tail of one does not spoil the next, and
# columns are split by phase, so that what a tap meets lies side by side.
_LANES = 4


def _band_rows(conv: General) -> int:
    """Output rows of a band: all, or so many that two threads get as many bands each."""
    oh, ow = conv.win.out_size
    most = max(_BAND_BYTES // (4 * conv.k * ow), -(-_LEAST_PIXELS // ow))
    if oh <= most:
        return oh
    bands = -(-oh // most)
    step = _LANES // gcd(ow, _LANES)
    rows = oh // (bands + bands % 2)
    return min(max(rows - rows % step, step), oh)


@dataclass(frozen=True)
class Band:
    """Some rows of the output of a convolution."""

    conv: General
    rows: int

    @property
    def product(self) -> Pointwise:
        """The product of patches and filters."""
        width = self.conv.win.out_size[1]
        pixels = self.rows * width
        return Pointwise(4 * pitch(pixels, width), pixels, self.conv.k, self.conv.n, step_out=self.conv.pitch_out)

    @property
    def patch_bytes(self) -> int:
        """Bytes of the patches."""
        return self.conv.k * self.product.step

    @property
    def geometry(self) -> PlaneGeometry:
        """The padded rows that are read."""
        win = self.conv.win
        return plane_geometry(replace(win, out_size=(self.rows, win.out_size[1])), _LANES)

    def layout(self, first: int | None = None) -> WasmKernel:
        """The kernel that lays patches out; its units are channels. As a part it is told the first row."""
        win = self.conv.win
        return kernel(
            "im2col", ("x", "table", "columns", *(("row",) if first is None else ())), g=self.geometry,
            first=first, rows=self.rows, width=win.out_size[1], top=win.pad[0][0], h=win.in_size[0],
            stride=win.stride[0], taps=win.size[0] * win.size[1], pitch_in=self.conv.pitch_in,
            pitch_out=self.product.step,
        )

    def repeated(self, made: Made, tail: WasmEpilogue) -> Made:
        """Layout and product of such bands as one kernel, whose units are bands."""
        product = whole_lines(self.geometry.plane_bytes)
        patches = product + whole_lines(made.scratch_bytes)
        found = kernel(
            "bands", ("x", "table", "w", "c", *tail.pointers()), parts=(self.layout(), made.kernel),
            rows=self.rows, row_out=4 * self.conv.win.out_size[1], channels=self.conv.cin, units=made.units,
            product=product, patches=patches, kinds=tail.kinds,
        )
        return Made(found, self.conv.win.out_size[0] // self.rows, patches + self.patch_bytes, made.nr)


def by_patches(b: WasmBuilder, conv: General, w: str, tail: WasmEpilogue) -> Callable[[Image], None]:
    """What adds the calls for an image: one for all whole bands, and those for the rest, or for all rows at once."""
    oh = conv.win.out_size[0]
    band = Band(conv, _band_rows(conv))
    whole = oh // band.rows if band.rows < oh else 0
    steps = [_whole_bands(b, band, w, tail)] if whole else []
    rest = oh - whole * band.rows
    if rest:
        steps.append(_one_band(b, Band(conv, rest), oh - rest, w, tail))

    def lower(image: Image) -> None:
        for step in steps:
            step(image)

    return lower


def product_kernel(b: WasmBuilder, shape: Pointwise, w: str, tail: WasmEpilogue) -> tuple[Made, WasmPlace]:
    """The kernel of a product with the fastest tile, and the filters as it reads them."""
    made = shape.kernel(shape.fastest(b, tail), tail, b.lanes)
    return made, filters(b, w, made.nr)


def _whole_bands(b: WasmBuilder, band: Band, w: str, tail: WasmEpilogue) -> Callable[[Image], None]:
    """Threads share the bands."""
    conv = band.conv
    made, weights = product_kernel(b, band.product, w, tail)
    all_bands, table = band.repeated(made, tail), _table(b, band)

    def lower(image: Image) -> None:
        args = (image.source, table, weights + image.group * conv.filter_bytes, image.out, *image.operands)
        b.call(all_bands.kernel, args, all_bands.units, flops=conv.flops, scratch_bytes=all_bands.scratch_bytes)

    return lower


def _one_band(b: WasmBuilder, band: Band, first: int, w: str, tail: WasmEpilogue) -> Callable[[Image], None]:
    """From output row ``first``: threads share its channels, then its product."""
    conv, layout = band.conv, band.layout(first)
    made, weights = product_kernel(b, band.product, w, tail)
    table, patches = _table(b, band), b.temporary(band.patch_bytes)
    copied = 8 * conv.k * band.product.pixels
    at = 4 * first * conv.win.out_size[1]

    def lower(image: Image) -> None:
        copy = (image.source, table, patches)
        b.call(layout, copy, conv.cin, flops=copied, scratch_bytes=band.geometry.plane_bytes)
        operands = (p if k == "channel" else p + at for p, k in zip(image.operands, tail.kinds, strict=True))
        args = (patches, weights + image.group * conv.filter_bytes, image.out + at, *operands)
        b.call(made.kernel, args, made.units, flops=conv.flops, scratch_bytes=made.scratch_bytes)

    return lower


def _table(b: WasmBuilder, band: Band) -> WasmPlace:
    """The constant with the byte offset of every tap in a band."""
    offsets = tuple(tap_offsets(band.conv.win, band.geometry))
    return b.constant(("taps", offsets), lambda: np.array(offsets, np.int32))
