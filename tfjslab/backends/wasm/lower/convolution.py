"""2-D convolution on channel planes: 1x1 as a matrix product, everything else as one over patches."""

from __future__ import annotations

from dataclasses import replace

from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.im2col import Band, General, Image, lower_band, lower_bands
from tfjslab.backends.wasm.lower.matmul import lower_rows
from tfjslab.backends.wasm.lower.operands import WasmEpilogue, epilogue
from tfjslab.backends.wasm.lower.product import Made, Pointwise
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.lower.strassen import lower_strassen, takes_strassen
from tfjslab.backends.wasm.lower.winograd import find_winograd, lower_winograd
from tfjslab.backends.wasm.text.layouts import Layout, pitch
from tfjslab.backends.wasm.text.packing import packer
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import size_of
from tfjslab.ops.window import Window, window
from tfjslab.passes.fusion import Group


@lowering("Conv2D", refuses=TABLE.convolutions, takes_epilogue=True, takes_padding=True)
def lower_conv(b: WasmBuilder, group: Group) -> None:
    """Choose between the two forms; each image of a batch is a call of its own."""
    x, w = group.core_node.inputs[:2]
    win = _window(b, group)
    if win.is_whole_image:
        # A row of pixels and channels times the filters as a matrix.
        n, k = b.shape(x)[0], size_of(b.shape(x)[1:])
        lower_rows(b, group, b.rows(x), w, (n, k, b.shape(w)[3]))
    elif is_pointwise(b, group):
        _pointwise(b, group, x, w)
    else:
        _general(b, group, x, w, win)


def _window(b: WasmBuilder, group: Group) -> Window:
    core = group.core_node
    kh, kw = b.shape(core.inputs[1])[:2]
    return window(b.shape(core.inputs[0]), (kh, kw), core.attrs, "Conv2D")


def is_pointwise(b: WasmBuilder, group: Group) -> bool:
    """Whether a convolution is a matrix product over pixels."""
    win = _window(b, group)
    return win.size == win.stride == (1, 1) and win.in_size == win.out_size


def biased_epilogue(b: WasmBuilder, group: Group) -> WasmEpilogue:
    """The epilogue on planes, for tiles that start from the bias."""
    return epilogue(b, group, Layout.PLANES, starts=True)


def filters(b: WasmBuilder, w: str, nr: int) -> WasmPlace:
    """Filters as [outputs / nr][inputs, ky, kx][nr]: packed once if constant, else by a copy in the plan."""
    kh, kw, cin, n = b.shape(w)
    constant = b.packed(w, ("conv", nr), pack_filters(nr))
    if constant is not None:
        return constant
    out = b.temporary(4 * kh * kw * cin * n)
    taps = kh * kw
    b.copy(
        b.rows(w), out, (n // nr, cin, kh, kw, nr), (nr, n, kw * cin * n, cin * n, 1),
        (cin * taps * nr, taps * nr, kw * nr, nr, 1),
    )
    return out


@packer
def pack_filters(w: Array, nr: int) -> Array:
    """HWIO filters as [O / nr][I * H * W][nr]: a view where that can be, since it is copied into the heap anyway."""
    kh, kw, cin, n = w.shape
    return w.transpose(2, 0, 1, 3).reshape(cin * kh * kw, n // nr, nr).transpose(1, 0, 2)


# ---- 1x1 -------------------------------------------------------------------------------------------------------------


def pointwise_shape(b: WasmBuilder, x: str, output: str) -> Pointwise:
    """The shape of the 1x1 convolution from ``x`` to ``output``."""
    _, h, w, k = b.shape(x)
    return Pointwise(4 * pitch(h * w, w), h * w, k, b.shape(output)[3])


def _pointwise(b: WasmBuilder, group: Group, x: str, w: str) -> None:
    batch, h, wd, k = b.shape(x)
    shape = pointwise_shape(b, x, group.output)
    n, step = shape.n, shape.step
    source = b.planes(x)
    tail = biased_epilogue(b, group)
    if takes_strassen(b, w, shape):
        lower_strassen(b, shape, w, (source, b.new(group.output, Layout.PLANES)), tail, batch)
        return
    kind = f"pointwise {shape.kind()} {tail}"
    tile = b.choose(kind, shape.tiles(b.lanes), lambda t: shape.trial(t, tail, b.lanes))
    made = shape.kernel(tile, tail, b.lanes)
    weights = filters(b, w, made.nr)
    out = b.new(group.output, Layout.PLANES)
    for i in range(batch):
        args = (source + i * k * step, weights, out + i * n * step, *tail.at(i * n * step))
        b.call(made.kernel, args, made.units, flops=2 * h * wd * k * n, scratch_bytes=made.scratch_bytes)


# ---- any window ------------------------------------------------------------------------------------------------------


def _general(b: WasmBuilder, group: Group, x: str, w: str, win: Window) -> None:
    batch, h, wd, cin = b.shape(x)
    _, oh, ow, n = b.shape(group.output)
    conv = General(win, cin, n, 4 * pitch(h * wd, wd), 4 * pitch(oh * ow, ow))
    source, out = b.planes(x), b.new(group.output, Layout.PLANES)
    tail = biased_epilogue(b, group)
    scheme = find_winograd(b, w, conv)
    band = Band(conv, conv.band_rows())
    whole = oh // band.rows if band.rows < oh else 0
    rest = Band(conv, oh - whole * band.rows)
    for i in range(batch):
        at = i * n * conv.pitch_out
        image = Image(source + i * cin * conv.pitch_in, out + at, replace(tail, places=tuple(tail.at(at))))
        if scheme:
            lower_winograd(b, scheme, w, image)
            continue
        if whole:
            made, weights = _product(b, band, w, tail)
            lower_bands(b, band, made, weights, image)
        if rest.rows:
            made, weights = _product(b, rest, w, tail)
            lower_band(b, rest, oh - rest.rows, made, weights, image)


def _product(b: WasmBuilder, band: Band, w: str, tail: WasmEpilogue) -> tuple[Made, WasmPlace]:
    """The kernel of a band's product, and the filters as it reads them."""
    shape = band.product
    kind = f"pointwise {shape.kind()} {tail}"
    tile = b.choose(kind, shape.tiles(b.lanes), lambda t: shape.trial(t, tail, b.lanes))
    made = shape.kernel(tile, tail, b.lanes)
    return made, filters(b, w, made.nr)
