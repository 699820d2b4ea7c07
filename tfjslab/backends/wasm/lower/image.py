"""Resizing of images, on channel planes or on rows, and crops of row-major ones, whose pixels are read at any place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.channels import resize_rows, resizes_rows
from tfjslab.backends.wasm.lower.movement import lower_alias
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.layouts import Layout, pitch
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.attrs import Attrs
from tfjslab.ops.image import bilinear_taps, nearest_taps
from tfjslab.passes.fusion import Group


def _refuses_resize(node: Node, specs: Specs) -> str:
    """Nearest pixels are words that are moved; between pixels there are floats only."""
    moves_integers = node.op == "ResizeNearestNeighbor" and specs[node.inputs[0]].dtype == "int32"
    return "" if moves_integers else TABLE.images(node, specs)


@lowering("ResizeBilinear", "ResizeNearestNeighbor", refuses=_refuses_resize)
def lower_resize(b: WasmBuilder, group: Group) -> None:
    """Where each new row and column comes from is a table, made while planning."""
    core = group.core_node
    x, nearest = core.inputs[0], core.op == "ResizeNearestNeighbor"
    batch, h, w, c = b.shape(x)
    height, width = b.shape(group.output)[1:3]
    if (height, width) == (h, w):
        lower_alias(b, group)
        return
    pitch_in, pitch_out = 4 * pitch(h * w, w), 4 * pitch(height * width, width)
    on_rows = resizes_rows(b, x)
    pixel = 4 * c if on_rows else 4
    tables = [
        _table(b, old, new, step, core.attrs, nearest=nearest)
        for old, new, step in ((h, height, pixel * w), (w, width, pixel))
    ]
    if on_rows:
        resize_rows(b, group, tables, nearest=nearest)
        return
    k = kernel(
        "resize", ("x", "rows", "columns", "c"), nearest=nearest, height=height, width=width, width_in=w,
        pitch_in=pitch_in, pitch_out=pitch_out,
    )
    out = b.new(group.output, Layout.PLANES)
    flops = 9 * batch * height * width * c
    b.call(k, (b.planes(x), *tables, out), batch * c, flops=flops, scratch_bytes=4 * (w + b.lanes))


def _table(b: WasmBuilder, old: int, new: int, step: int, attrs: Attrs, *, nearest: bool) -> WasmPlace:
    """Rows of (first offset, second offset, fraction), or of the one offset; ``step`` is the bytes between old ones."""
    if nearest:
        table: Array = (nearest_taps(old, new, attrs) * step).astype(np.int32)
    else:
        low, high, fraction = bilinear_taps(old, new, attrs)
        bits = fraction.astype(np.float32).view(np.int32)
        table = np.ascontiguousarray(np.stack([low * step, high * step, bits], axis=1), np.int32)
    return b.constant(("resize", table.tobytes()), lambda: table)


def _refuses_crop(node: Node, specs: Specs) -> str:
    """Images and boxes are float32; the third input is always integers."""
    return empty(node, specs) or TABLE.only(replace(node, inputs=node.inputs[:2]), specs, "float32")


@lowering("CropAndResize", refuses=_refuses_crop)
def lower_crop(b: WasmBuilder, group: Group) -> None:
    """Threads share the rows of all crops."""
    core = group.core_node
    batch, h, w, c = b.shape(core.inputs[0])
    boxes, rows, columns, _ = b.shape(group.output)
    k = kernel(
        "crop", ("x", "boxes", "which", "c"), batch=batch, h=h, w=w, channels=c, rows=rows, columns=columns,
        nearest=core.attrs["method"] == "nearest", outside=float(np.float32(core.attrs["extrapolation_value"])),
    )
    places = (*map(b.rows, core.inputs), b.new(group.output))
    b.call(k, places, boxes * rows, flops=9 * size_of((boxes, rows, columns, c)))
