"""2-D convolution: 1x1 as a matrix product over pixels, everything else tap by tap."""

from __future__ import annotations

from tfjslab.backends.webgpu.builder import Builder
from tfjslab.backends.webgpu.lower.matmul import Product, lower_product, weight_panels
from tfjslab.backends.webgpu.lower.operands import epilogue
from tfjslab.backends.webgpu.lower.registry import Specs, float_only, lowering
from tfjslab.backends.webgpu.lower.tiles import product_tile
from tfjslab.backends.webgpu.templates import Binding, kernel
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.window import Window, window
from tfjslab.passes.fusion import Group

_UNROLLED = 16  # steps of a loop that are written out: a loop's own work is as large as a step


def refuses_window(node: Node, specs: Specs) -> str:
    """Refuse what is not float32 NHWC with data in it."""
    if node.attrs.get("data_format", "NHWC") != "NHWC":
        return f"no GPU kernel for data_format {node.attrs['data_format']}"
    return float_only(node, specs)


def _refuses_conv(node: Node, specs: Specs) -> str:
    x, w = (specs[v].known_shape for v in node.inputs[:2])
    if x[3] != w[2]:
        return f"no GPU kernel for grouped convolution ({x[3]} channels, filter of {w[2]})"
    return refuses_window(node, specs)


@lowering("Conv2D", refuses=_refuses_conv, takes_epilogue=True, takes_padding=True)
def lower_conv(b: Builder, group: Group) -> None:
    """Choose between the two forms; images of a batch are pixels like any other."""
    core = group.core_node
    x, w = core.inputs[:2]
    shape, out = b.shape(x), b.shape(group.output)
    kh, kw, cin, n = b.shape(w)
    win = window(shape, (kh, kw), core.attrs, "Conv2D")
    if win.is_whole_image:
        # The window is the whole image: a row of pixels and channels times the filters as a matrix.
        lower_product(b, group, Product(x, w, shape[0], kh * kw * cin, n))
    elif win.size == win.stride == (1, 1) and win.in_size == win.out_size:
        lower_product(b, group, Product(x, w, size_of(out[:3]), cin, n))
    else:
        _general(b, group, win)


def window_sizes(win: Window) -> dict[str, int]:
    """The sizes of a window as uniforms."""
    (top, _), (left, _) = win.pad
    pairs = {"h": win.in_size, "o": win.out_size, "k": win.size, "t": win.stride, "d": win.dilation}
    sizes = {f"{name}{axis}": pair[i] for name, pair in pairs.items() for i, axis in enumerate("yx")}
    return sizes | {"top": top, "left": left}


def _general(b: Builder, group: Group, win: Window) -> None:
    x, w = group.core_node.inputs[:2]
    kh, kw, cin, n = b.shape(w)
    pixels = size_of(b.shape(group.output)[:3])
    step = 4 if cin % 4 == 0 else 1
    channels = cin // step
    tile = product_tile(pixels, n, software=b.software)
    weights, panels = weight_panels(b, w, kh * kw * cin, n, tile)
    whole = n % 4 == 0
    tail = epilogue(b, group, 4)
    lanes = 4 if whole else 1
    bindings = (
        Binding("a", "f32" if step == 1 else "vec4<f32>", b.place(x).constant),
        Binding("w", "vec4<f32>", weights.constant), Binding("c", "vec4<f32>" if whole else "f32"),
        *tail.bindings(lanes),
    )
    sizes = window_sizes(win) | {
        "m": pixels, "cin": channels, "n": n, "n4": -(-n // 4), "w_panel": panels.panel, "w_k": panels.row,
    }
    k = kernel(
        "conv", bindings, tuple(sizes), functions=(tail.function,), group=tile.group, rows=tile.rows,
        columns=tile.columns, step=step, whole=whole, kinds=tail.kinds,
        unroll_k=channels if channels <= _UNROLLED else 0,
        unroll_x=kw if channels * kw <= _UNROLLED else 0,
        exact=pixels % (tile.rows * tile.group) == 0,
    )
    groups = (-(-n // (4 * tile.columns)), -(-pixels // (tile.rows * tile.group)), 1)
    b.call(k, (b.place(x), weights, b.new(group.output), *tail.places), sizes, groups)
