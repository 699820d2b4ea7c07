"""Depthwise convolution and pooling: one window over each channel, with weights or a fold."""

from __future__ import annotations

from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.webgpu.builder import GpuBuilder, GpuPlace
from tfjslab.backends.webgpu.lower.convolution import window_sizes
from tfjslab.backends.webgpu.lower.operands import element_type, epilogue
from tfjslab.backends.webgpu.lower.registry import TABLE, lowering
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.graph.ir import Node
from tfjslab.ops.pool import pool_window
from tfjslab.ops.window import Window, window
from tfjslab.passes.fusion import Group

# Outputs of one row that an invocation computes: they share what they read. On llvmpipe 8 invocations are a register.
_SOFTWARE_TILES, _SOFTWARE_GROUP = (4, 3, 2, 1), 8
_HARDWARE_TILES, _HARDWARE_GROUP = (4, 2, 1), 64
_GROUP = 64


@lowering("DepthwiseConv2dNative", refuses=TABLE.images, takes_epilogue=True, takes_padding=True)
def lower_depthwise(b: GpuBuilder, group: Group) -> None:
    """Each output channel has its own window of weights; TensorFlow's layout of them is right as it is."""
    core = group.core_node
    x, w = core.inputs[:2]
    kh, kw, _, multiplier = b.shape(w)
    win = window(b.shape(x), (kh, kw), core.attrs, "DepthwiseConv2dNative")
    _lower(b, group, win, "madd", b.place(w), multiplier)


def _refuses_pool(node: Node, specs: Specs) -> str:
    """Floats, and the largest of integers."""
    return TABLE.only(node, specs, "float32", "int32") or empty(node, specs)


@lowering("MaxPool", "AvgPool", refuses=_refuses_pool, takes_epilogue=True)
def lower_pool(b: GpuBuilder, group: Group) -> None:
    """Padding never wins, and is not counted in a mean."""
    core = group.core_node
    win = pool_window(core.op, b.shape(core.inputs[0]), core.attrs)
    _lower(b, group, win, "max" if core.op == "MaxPool" else "mean", None, 1)


@lowering("MaxPoolWithArgmax", refuses=_refuses_pool)
def lower_pool_with_index(b: GpuBuilder, group: Group) -> None:
    """An invocation for each window."""
    core = group.core_node
    x, shape = b.place(core.inputs[0]), b.shape(core.inputs[0])
    win = pool_window("MaxPoolWithArgmax", shape, {**core.attrs, "data_format": "NHWC"})
    count = b.spec(group.output).size
    sizes = window_sizes(win) | {"count": count, "channels": shape[3]}
    bindings = Binding("a", "f32", x.constant), Binding("c", "f32"), Binding("places", "i32")
    k = kernel(
        "pool_index", bindings, tuple(sizes), lanes=1, group=_GROUP, whole_batch=core.attrs["include_batch_in_index"],
    )
    b.call(k, (x, *map(b.new, core.outputs)), sizes, grid(-(-count // _GROUP)))


def _lower(b: GpuBuilder, group: Group, win: Window, combine: str, weights: GpuPlace | None, multiplier: int) -> None:
    x, (n, oh, ow, channels) = b.place(group.core_node.inputs[0]), b.shape(group.output)
    lanes = 4 if channels % 4 == 0 and multiplier == 1 else 1
    tail = epilogue(b, group, lanes)
    dtype = b.spec(group.output).dtype
    kind = element_type(dtype, lanes)
    bindings = [Binding("a", kind, x.constant), Binding("c", kind)]
    bindings += [Binding("w", kind, constant=weights.constant)] if weights else []
    tile = _tile(b, ow, kernel_width=win.size[1])
    across = -(-ow // tile)
    sizes = window_sizes(win) | {
        "cells": n * oh * across, "across": across, "channels": channels // lanes, "multiplier": multiplier,
        "in_channels": channels // lanes // multiplier,
    }
    size = _SOFTWARE_GROUP if b.capabilities.software else _HARDWARE_GROUP
    # In software the invocations of a group share a channel and so its weights; on a GPU neighbours read neighbours.
    k = kernel(
        "window", (*bindings, *tail.bindings(lanes)), tuple(sizes), functions=(tail.function,), lanes=lanes, group=size,
        tile=tile, combine=combine, kinds=tail.kinds, kw=win.size[1], tx=win.stride[1], dx=win.dilation[1],
        by_pixels=b.capabilities.software, whole=dtype == "int32",
    )
    cells, each = sizes["channels"], sizes["cells"]
    if b.capabilities.software:
        cells, each = each, cells
    groups = (-(-cells // size), min(each, 65535), -(-each // 65535))
    b.call(k, (x, b.new(group.output), *((weights,) if weights else ()), *tail.places), sizes, groups)


def _tile(b: GpuBuilder, width: int, kernel_width: int) -> int:
    """Outputs of an invocation: those that leave the fewest over, the larger the better."""
    if kernel_width == 1:
        return 1
    tiles = _SOFTWARE_TILES if b.capabilities.software else _HARDWARE_TILES
    return min(tiles, key=lambda t: (-(-width // t) * (t + 1), -t))
