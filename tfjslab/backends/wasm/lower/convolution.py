"""2-D convolution on channel planes: 1x1 as a matrix product, everything else over padded planes and a tap table."""

from __future__ import annotations

import numpy as np

from tfjslab.backends.wasm.builder import Builder, Place
from tfjslab.backends.wasm.layouts import Layout, flat_tiles, pitch, plane_geometry, row_tiles, tap_offsets
from tfjslab.backends.wasm.lower.operands import epilogue
from tfjslab.backends.wasm.lower.registry import Specs, float_only, lowering
from tfjslab.backends.wasm.templates import kernel
from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Node
from tfjslab.ops.window import Window, window
from tfjslab.passes.fusion import Group

# Accumulators that fit the 16 vector registers beside weights and an input.
_ACCUMULATORS = 8
_PANEL_BYTES = 96 * 1024  # weights multiplied out at once: a good part of a second-level cache


def refuses_window(node: Node, specs: Specs) -> str:
    """Refuse what is not float32 NHWC with data in it."""
    if node.attrs.get("data_format", "NHWC") != "NHWC":
        return f"no WebAssembly kernel for data_format {node.attrs['data_format']}"
    if any(specs[v].size == 0 for v in (*node.inputs, *node.outputs) if v):
        return "empty tensor"
    return float_only(node, specs)


def _refuses_conv(node: Node, specs: Specs) -> str:
    x, w = (specs[v].known_shape for v in node.inputs[:2])
    if x[3] != w[2]:
        return f"no WebAssembly kernel for grouped convolution ({x[3]} channels, filter of {w[2]})"
    return refuses_window(node, specs)


@lowering("Conv2D", refuses=_refuses_conv, takes_epilogue=True, takes_padding=True)
def lower_conv(b: Builder, group: Group) -> None:
    """Choose between the two forms; each image of a batch is a call of its own."""
    core = group.core_node
    x, w = core.inputs[:2]
    shape, (kh, kw, _, _), out = b.shape(x), b.shape(w), b.shape(group.output)
    geometry = window(shape, (kh, kw), core.attrs, "Conv2D")
    if geometry.size == geometry.stride == (1, 1) and out[1:3] == shape[1:3]:
        _pointwise(b, group, x, w)
    else:
        _general(b, group, x, w, geometry)


def _group_size(outputs: int, most: int) -> int:
    """Outputs computed at once: the largest number up to ``most`` that divides them."""
    return next(d for d in range(min(most, outputs), 0, -1) if outputs % d == 0)


def _splat(n: int) -> int:
    """Weights multiplied out in one round of the loop that does it."""
    return next(u for u in (16, 8, 4, 2, 1) if n % u == 0)


def _weights(b: Builder, w: str, nr: int) -> Place:
    """Filters as [outputs / nr][inputs, ky, kx][nr]: packed once if constant, else by a copy in the plan."""
    kh, kw, cin, n = b.shape(w)
    array = b.constant_array(w)
    if array is not None:
        return b.constant((w, "conv", nr), lambda: pack_filters(array, nr))
    out = b.temporary(4 * kh * kw * cin * n)
    taps = kh * kw
    b.copy(
        b.rows(w), out, (n // nr, cin, kh, kw, nr), (nr, n, kw * cin * n, cin * n, 1),
        (cin * taps * nr, taps * nr, kw * nr, nr, 1),
    )
    return out


def pack_filters(w: Array, nr: int) -> Array:
    """HWIO filters as [O / nr][I * H * W][nr]."""
    kh, kw, cin, n = w.shape
    return np.ascontiguousarray(
        w.transpose(2, 0, 1, 3).reshape(cin * kh * kw, n // nr, nr).transpose(1, 0, 2), dtype=np.float32,
    )


def _pointwise(b: Builder, group: Group, x: str, w: str) -> None:
    batch, h, wd, k = b.shape(x)
    n = b.shape(group.output)[3]
    vectors = -(-h * wd // b.lanes)
    most = min(4, vectors)
    nr = _group_size(n, max(2, _ACCUMULATORS // min(most, vectors)))
    sections = flat_tiles(vectors, most)
    tiles = sum(s[2] for s in sections)
    source, weights = b.planes(x), _weights(b, w, nr)
    tail = epilogue(b, group, Layout.PLANES, starts=True)
    out = b.new(group.output, Layout.PLANES)
    step = 4 * pitch(h * wd, wd)
    block = max(1, min(n // nr, _PANEL_BYTES // (k * nr * 4 * b.lanes)))
    split = "pixels" if tiles >= n // nr else "outputs"
    kern = kernel(
        "pointwise", ("a", "w", "c", *tail.pointers), expressions=(tail.expr,),
        k=k, n=n, nr=nr, block=block, unroll=b.variant.unroll, splat=_splat(k * nr), sections=tuple(sections),
        tiles=tiles, split=split, pitch_in=step, pitch_out=step, operands=tail.kinds, initial=tail.initial,
    )
    units = tiles if split == "pixels" else n // nr
    for i in range(batch):
        args = (source + i * k * step, weights, out + i * n * step, *tail.at(i * n * step))
        b.call(kern, args, units, flops=2 * h * wd * k * n, scratch_bytes=block * k * nr * 4 * b.lanes)


def _general(b: Builder, group: Group, x: str, w: str, win: Window) -> None:
    batch, h, wd, cin = b.shape(x)
    _, oh, ow, n = b.shape(group.output)
    offsets = tap_offsets(win, g := plane_geometry(win, b.lanes))
    most = 4 if n > 1 else 8
    sections = row_tiles(oh, ow, b.lanes, most)
    largest = max(rt * vt for rt, _, _, parts in sections for vt, _ in parts)
    nr = _group_size(n, max(2, _ACCUMULATORS // largest))
    k = cin * len(offsets)
    weights = _weights(b, w, nr)
    table = b.constant(
        ("taps", cin, g, tuple(offsets)),
        lambda: np.array([c * g.plane_bytes + t for c in range(cin) for t in offsets], np.int32),
    )
    source = b.planes(x)
    padded = b.temporary(cin * g.plane_bytes)
    tail = epilogue(b, group, Layout.PLANES, starts=True)
    out = b.new(group.output, Layout.PLANES)
    pitch_in, pitch_out = 4 * pitch(h * wd, wd), 4 * pitch(oh * ow, ow)
    fill = kernel("planes", ("x", "padded"), g=g, pitch_in=pitch_in, value=0.0)
    kern = kernel(
        "conv", ("a", "w", "table", "c", *tail.pointers), expressions=(tail.expr,),
        k=k, nr=nr, splat=_splat(k * nr), sections=sections, row_step=win.stride[0] * g.row_bytes,
        row_out=4 * ow, pitch_out=pitch_out, operands=tail.kinds, initial=tail.initial,
    )
    for i in range(batch):
        b.call(fill, (source + i * cin * pitch_in, padded), cin, flops=cin * h * wd)
        args = (padded, weights, table, out + i * n * pitch_out, *tail.at(i * n * pitch_out))
        b.call(kern, args, n // nr, flops=2 * oh * ow * k * n, scratch_bytes=k * nr * 4 * b.lanes)
