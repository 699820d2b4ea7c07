"""Resizing of images, and cutting boxes out of them."""

from __future__ import annotations

import numpy as np

from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.webgpu.builder import GpuBuilder, GpuPlace
from tfjslab.backends.webgpu.lower.operands import element_type, refuses_words
from tfjslab.backends.webgpu.lower.registry import TABLE, lowering
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.attrs import Attrs
from tfjslab.ops.image import bilinear_taps, nearest_taps
from tfjslab.passes.fusion import Group

_GROUP = 64


@lowering("ResizeBilinear", "ResizeNearestNeighbor", refuses=refuses_words)
def lower_resize(b: GpuBuilder, group: Group) -> None:
    """Where each new row and column comes from is a table, made while planning."""
    core = group.core_node
    x, nearest = core.inputs[0], core.op == "ResizeNearestNeighbor"
    _, h, w, c = b.shape(x)
    out = b.shape(group.output)
    if out == b.shape(x):
        b.alias(group.output, x)
        return
    tables = [_table(b, old, new, core.attrs, nearest=nearest) for old, new in ((h, out[1]), (w, out[2]))]
    lanes = 4 if c % 4 == 0 else 1
    count = size_of(out) // lanes
    sizes = {"count": count, "h": h, "w": w, "channels": c // lanes, "height": out[1], "width": out[2]}
    bindings = (
        Binding("a", element_type(b.spec(x).dtype, lanes), b.place(x).constant),
        *(Binding(name, "vec4<f32>", constant=True, exact=True) for name in ("rows", "columns")),
        Binding("c", element_type(b.spec(group.output).dtype, lanes)),
    )
    k = kernel("resize", bindings, tuple(sizes), lanes=lanes, group=_GROUP, nearest=nearest)
    b.call(k, (b.place(x), *tables, b.new(group.output)), sizes, grid(-(-count // _GROUP)))


def _table(b: GpuBuilder, old: int, new: int, attrs: Attrs, *, nearest: bool) -> GpuPlace:
    """A vector for each new row: the two old ones it lies between, and how far it is from the first.

    Whole numbers of this size are exact as floats.
    """
    low, high, fraction = (nearest_taps(old, new, attrs),) * 2 + (0.0,) if nearest else bilinear_taps(old, new, attrs)
    table: Array = np.zeros((new, 4), np.float32)
    table[:, 0], table[:, 1], table[:, 2] = low, high, fraction
    return b.constant(("resize", table.tobytes()), lambda: table, exact=True)


def _refuses_crop(node: Node, specs: Specs) -> str:
    return TABLE.only(node, specs, "float32", "int32") or empty(node, specs)


@lowering("CropAndResize", refuses=_refuses_crop)
def lower_crop(b: GpuBuilder, group: Group) -> None:
    """Positions are computed in float32, as in TF.js; boxes of images that do not exist are 0."""
    core = group.core_node
    places = [b.place(v) for v in core.inputs]
    (n, h, w, channels), out = b.shape(core.inputs[0]), b.spec(group.output)
    lanes = 4 if channels % 4 == 0 else 1
    count, outside = out.size // lanes, np.float32(core.attrs["extrapolation_value"])
    _, height, width, _ = out.known_shape
    sizes = {
        "count": count, "images": n, "h": h, "w": w, "channels": channels // lanes, "height": height, "width": width,
        "outside": int(outside.view(np.uint32)),
    }
    vector = element_type("float32", lanes)
    types = (("a", vector), ("boxes", "f32"), ("which", "i32"))
    bindings = [Binding(name, t, p.constant) for (name, t), p in zip(types, places, strict=True)]
    k = kernel(
        "crop", (*bindings, Binding("c", vector)), tuple(sizes), lanes=lanes, group=_GROUP,
        nearest=core.attrs["method"] == "nearest",
    )
    b.call(k, (*places, b.new(group.output)), sizes, grid(-(-count // _GROUP)))
