"""Integer ops: four bytes to a word, summed by ``dot4I8Packed``. Every kernel is bit-equal to the op's definition."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.backends.kernels.quantized import (
    Arrange,
    Packed,
    conv_window,
    depthwise_window,
    is_plain,
    pack,
    rounded,
    rounding,
)
from tfjslab.backends.kernels.table import empty
from tfjslab.backends.webgpu.builder import GpuBuilder, GpuPlace
from tfjslab.backends.webgpu.lower.convolution import window_sizes
from tfjslab.backends.webgpu.lower.registry import lowering
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.quantized import inverse, quantized_pool_window
from tfjslab.ops.window import Window
from tfjslab.passes.fusion import Group

_BYTES = 4  # of a word
_GROUP, _SOFTWARE_GROUP = 64, 8  # invocations of a workgroup; 8 are a register of llvmpipe
_ROWS = 4  # of an invocation, which share what they read of the weights
_REPEATED = 0x01010101  # a byte times this is a word of it
_WORDS = Binding("c", "u32")
_PER_CHANNEL = tuple(Binding(name, "vec4<i32>", constant=True) for name in ("bias", "multiplier"))


def _group(b: GpuBuilder) -> int:
    return _SOFTWARE_GROUP if b.capabilities.software else _GROUP


def _words(elements: int) -> int:
    return -(-elements // _BYTES)


# ---- weights ---------------------------------------------------------------------------------------------------------


def _pack(b: GpuBuilder, node: Node, how: str, arrange: Arrange) -> Packed[GpuPlace] | None:
    return pack(b, node, (how,), arrange, _padded, np.int32)


def _padded(values: Array) -> Array:
    return np.pad(values, (0, -values.size % _BYTES))


def _panels(filters: Array, taps: int) -> Array:
    """Filters [taps * k, n] as words [n / 4][taps][k / 4][4 channels], each of four bytes along k."""
    n = filters.shape[-1]
    flat = filters.reshape(taps, -1, n)
    wide = np.pad(flat, ((0, 0), (0, -flat.shape[1] % _BYTES), (0, -n % _BYTES))).astype(np.int8)
    split = wide.reshape(taps, -1, _BYTES, wide.shape[2] // _BYTES, _BYTES)  # tap, word, byte, group, channel
    return np.ascontiguousarray(split.transpose(3, 0, 1, 4, 2)).reshape(-1).view(np.uint32)


# ---- products --------------------------------------------------------------------------------------------------------


@lowering("QuantizedConv2D", refuses=empty)
def lower_conv(b: GpuBuilder, group: Group) -> None:
    """A product over pixels, tap by tap where there are several."""
    node = group.core_node
    w = conv_window(b, node)
    if w is not None:
        rows, k = size_of(b.shape(node.name)[:-1]), b.shape(node.inputs[0])[3]
        _product(b, node, rows, k, None if is_plain(w) else w)


@lowering("QuantizedDense", refuses=empty)
def lower_dense(b: GpuBuilder, group: Group) -> None:
    """A product over rows."""
    node = group.core_node
    rows, k = b.shape(node.inputs[0])
    _product(b, node, rows, k, None)


def _product(b: GpuBuilder, node: Node, m: int, k: int, window: Window | None) -> None:
    """``k`` are the bytes that are summed for each of m rows, or for each tap of the window."""
    taps = window.size[0] * window.size[1] if window else 1
    packed = _pack(b, node, "product", lambda filters: _panels(filters, taps))
    if packed is None:
        return
    n, group = b.shape(node.name)[-1], _group(b)
    whole, rows = n % _BYTES == 0, max(1, min(_ROWS, m // group))
    sizes = {
        "m": m, "n": n, "n4": _words(n), "bytes": k, "words": _words(k), "panel": taps * _words(k),
        "nothing": node.attrs["zero"] * _REPEATED, "shift": node.attrs["shift"], "out_zero": node.attrs["out_zero"],
        "count": _words(m * n), **(window_sizes(window) if window else {}),
    }
    x = b.place(node.inputs[0])
    bindings = (
        Binding("a", "u32", x.constant), Binding("w", "vec4<u32>", constant=True), *_PER_CHANNEL, _WORDS,
    )
    made = kernel(
        "quantized_product", bindings, tuple(sizes), group=group, rows=rows if whole else 1, whole=whole,
        window=window is not None, aligned=k % _BYTES == 0,
    )
    groups = (_words(n), -(-m // (rows * group)), 1) if whole else grid(-(-sizes["count"] // group))
    b.call(made, (x, packed.weights, packed.bias, packed.multiplier, b.new(node.name)), sizes, groups)


# ---- windows ---------------------------------------------------------------------------------------------------------


@lowering("QuantizedDepthwiseConv2D", refuses=empty)
def lower_depthwise(b: GpuBuilder, group: Group) -> None:
    """Each channel by itself."""
    node = group.core_node
    packed = _pack(b, node, "window", lambda f: np.ascontiguousarray(f, np.int8).reshape(-1))
    if packed is not None:
        numbers = {
            "nothing": node.attrs["zero"], "shift": node.attrs["shift"], "out_zero": node.attrs["out_zero"],
        }
        _window(b, node, depthwise_window(b, node), "dot", numbers, packed, b.shape(node.inputs[1])[3])


@lowering("QuantizedPool", refuses=empty)
def lower_pool(b: GpuBuilder, group: Group) -> None:
    """Largest or mean of each window."""
    node = group.core_node
    a = node.attrs
    w = quantized_pool_window([b.spec(node.inputs[0])], a)
    numbers = {"nothing": 0, "multiplier": a["multiplier"], "offset": rounding(a), "shift": a["shift"]}
    _window(b, node, w, a["mode"], numbers, None, 1)


def _window(
    b: GpuBuilder, node: Node, w: Window, mode: str, numbers: dict[str, int], packed: Packed[GpuPlace] | None,
    multiplier: int,
) -> None:
    x, elements = b.place(node.inputs[0]), size_of(b.shape(node.name))
    channels, group = b.shape(node.name)[-1], _group(b)
    whole = channels % _BYTES == 0 and multiplier == 1
    step = _BYTES if whole else 1
    sizes = window_sizes(w) | numbers | {
        "channels": channels // step, "in_channels": channels // multiplier // step, "multiplier_of": multiplier,
        "count": _words(elements), "elements": elements,
    }
    bindings = [Binding("a", "u32", x.constant)]
    places = [x]
    if packed is not None:
        bindings += [Binding("w", "u32", constant=True), *_PER_CHANNEL]
        places += [packed.weights, packed.bias, packed.multiplier]
    made = kernel("quantized_window", (*bindings, _WORDS), tuple(sizes), group=group, mode=mode, whole=whole)
    b.call(made, (*places, b.new(node.name)), sizes, grid(-(-sizes["count"] // group)))


# ---- elementwise -----------------------------------------------------------------------------------------------------


def _chain(
    b: GpuBuilder, node: Node, mode: str, sources: tuple[str, ...], result: str, *, whole: bool = True, **numbers: int,
) -> None:
    count, group = _words(size_of(b.shape(node.name))), _group(b)
    places = [b.place(v) for v in node.inputs]
    names = ("a", "b", "slope")[: len(places)]
    bindings = [Binding(n, t, p.constant) for n, t, p in zip(names, sources, places, strict=True)]
    sizes = {"count": count, **numbers}
    made = kernel(
        "quantized_chain", (*bindings, Binding("c", result)), tuple(sizes), group=group, mode=mode, whole=whole,
    )
    b.call(made, (*places, b.new(node.name)), sizes, grid(-(-count // group)))


def _bits(value: Any) -> int:
    """A float32 as the word that has its bits."""
    return int(np.float32(value).view(np.uint32))


@lowering("QuantizedAdd", refuses=empty)
def lower_add(b: GpuBuilder, group: Group) -> None:
    """Sum of tensors with different scales."""
    node = group.core_node
    a = node.attrs
    _chain(b, node, "add", ("u32", "u32"), "u32", a_multiplier=a["a_multiplier"], b_multiplier=a["b_multiplier"],
           offset=rounding(a), shift=a["shift"])


@lowering("QuantizedPrelu", refuses=empty)
def lower_prelu(b: GpuBuilder, group: Group) -> None:
    """A sum whose two sides of 0 have slopes of their own; see the op for why none of it leaves 32 bits."""
    node = group.core_node
    a, channels = node.attrs, b.shape(node.name)[-1]
    _chain(
        b, node, "prelu", ("u32", "u32", "vec4<i32>"), "u32", whole=channels % _BYTES == 0,
        a_multiplier=a["a_multiplier"], b_multiplier=a["b_multiplier"], offset=rounding(a),
        shift=a["shift"], positive=a["positive"], out_zero=a["out_zero"], out_shift=a["out_shift"],
        rounding=rounded(0, a["out_shift"]), channels=channels,
    )


@lowering("Quantize", refuses=empty)
def lower_quantize(b: GpuBuilder, group: Group) -> None:
    """From float32 to activations."""
    node = group.core_node
    factor = _bits(inverse(node.attrs["scale"]))
    _chain(b, node, "quantize", ("vec4<f32>",), "u32", factor=factor, zero=node.attrs["zero"])


@lowering("Dequantize", refuses=empty)
def lower_dequantize(b: GpuBuilder, group: Group) -> None:
    """From activations to float32."""
    node = group.core_node
    _chain(b, node, "dequantize", ("u32",), "vec4<f32>", factor=_bits(node.attrs["scale"]), zero=node.attrs["zero"])
