"""Windows over images that lie row-major, channels last, and resizing: vectors over channels, no change of layout.

Between convolutions images lie as channel planes, where vectors run over pixels; what comes from elsewhere is
row-major.
"""

from __future__ import annotations

from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.operands import WasmEpilogue, epilogue
from tfjslab.backends.wasm.text.layouts import Layout
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.shapes import size_of
from tfjslab.ops.window import Window
from tfjslab.passes.fusion import Group

_BLOCK = 8  # vectors of channels at once
_MOST_SHRUNK = 2  # beyond that, mixing whole rows costs more than it shares
_COLOURS = 3


def stays_rows(b: WasmBuilder, x: str) -> bool:
    """Whether a window over a value is better computed where it lies: row-major, with a vector of channels at least."""
    return not b.has_planes(x) and b.shape(x)[3] >= b.lanes


def depthwise_rows(b: WasmBuilder, group: Group, win: Window) -> None:
    """Products of each channel with its own window of weights, which lie as in the model."""
    weights = b.rows(group.core_node.inputs[1])
    window_rows(b, group, win, ("madd", 0.0), epilogue(b, group, Layout.ROWS), weights=(weights,))


def window_rows(
    b: WasmBuilder, group: Group, win: Window, fold: tuple[str, float], tail: WasmEpilogue, *,
    weights: tuple[WasmPlace, ...] = (), counted: bool = False,
) -> None:
    """Fold each window with an instruction, from its neutral value on; see the kernel for ``counted``."""
    x, out = group.core_node.inputs[0], b.shape(group.output)
    channels, (combine, start) = out[3], fold
    blocks, rest = divmod(channels // b.lanes, _BLOCK)
    (top, _), (left, _) = win.pad
    k = kernel(
        "window_rows", ("x", *("w" for _ in weights), "c", *tail.pointers()), expressions=(tail.expr,), combine=combine,
        start=start, channels=channels,
        h=win.in_size[0], w=win.in_size[1], oh=win.out_size[0], ow=win.out_size[1], size=win.size, stride=win.stride,
        top=top, left=left, block=_BLOCK, blocks=blocks, rest=_vectors(rest * b.lanes + channels % b.lanes, b.lanes),
        e=tail.text(), counted=counted,
    )
    args = (b.rows(x), *weights, b.new(group.output), *tail.places)
    b.call(k, args, out[0] * out[1], flops=size_of(out) * win.size[0] * win.size[1])


def resizes_rows(b: WasmBuilder, x: str) -> bool:
    """As ``stays_rows``; the three colours of a picture are a vector with a lane to spare."""
    return not b.has_planes(x) and b.shape(x)[3] >= min(b.lanes, _COLOURS)


def resize_rows(b: WasmBuilder, group: Group, tables: list[WasmPlace], *, nearest: bool) -> None:
    """Each new pixel from one or four old ones."""
    x = group.core_node.inputs[0]
    _, h, w, channels = b.shape(x)
    batch, height, width, _ = b.shape(group.output)
    direct = w > _MOST_SHRUNK * width
    k = kernel(
        "resize_rows", ("x", "rows", "columns", "c"), nearest=nearest, direct=direct, height=height, width=width,
        width_in=w, channels=channels, image=4 * h * w * channels, vectors=_vectors(channels, b.lanes),
    )
    args = (b.rows(x), *tables, b.new(group.output))
    scratch = 0 if direct or nearest else 4 * (w * channels + b.lanes)
    b.call(k, args, batch * height, flops=9 * batch * height * width * channels, scratch_bytes=scratch)


def _vectors(channels: int, lanes: int) -> tuple[int, ...]:
    """Byte offsets of the vectors of a run of channels; the last one begins early where it would not be full."""
    whole = [4 * i for i in range(0, channels - lanes + 1, lanes)]
    last = 4 * (channels - lanes)
    return (*whole, *([last] if channels > lanes and channels % lanes else [])) or (0,) * bool(channels)
