"""2-D convolution on channel planes: which of the ways to compute it is taken.

1x1 is a matrix product over pixels, everything else one over patches, but where Winograd's scheme gains and but for
few outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.general import General, Image, images
from tfjslab.backends.wasm.lower.im2col import by_patches, product_kernel
from tfjslab.backends.wasm.lower.matmul import lower_rows
from tfjslab.backends.wasm.lower.operands import WasmEpilogue, epilogue
from tfjslab.backends.wasm.lower.product import Pointwise
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.lower.strassen import lower_strassen, takes_strassen
from tfjslab.backends.wasm.lower.taps import MOST_OUTPUTS, by_taps
from tfjslab.backends.wasm.lower.winograd import by_winograd, find_winograd
from tfjslab.backends.wasm.text.layouts import Layout, pitch
from tfjslab.base.shapes import size_of
from tfjslab.ops.window import Window, window
from tfjslab.passes.fusion import Group


@lowering("Conv2D", refuses=TABLE.images, takes_epilogue=True, takes_padding=True)
def lower_conv(b: WasmBuilder, group: Group) -> None:
    """Each group of channels of each image of a batch is computed by calls of its own."""
    x, w = group.core_node.inputs[:2]
    conv = _general(b, group)
    if conv.win.is_whole_image and conv.groups == 1:
        # A row of pixels and channels times the filters as a matrix.
        lower_rows(b, group, b.rows(x), w, (b.shape(x)[0], size_of(b.shape(x)[1:]), conv.n))
        return
    batch, tail = b.shape(x)[0], biased_epilogue(b, group)
    if conv.win.size == (1, 1) and conv.win.stride > (1, 1) and not any(map(any, conv.win.pad)):
        conv, source = _sampled(b, conv, x)
    else:
        source = b.planes(x)
    if is_pointwise(b, group) and takes_strassen(b, w, pointwise_shape(b, x, group.output)):
        ends = (source, b.new(group.output, Layout.PLANES))
        lower_strassen(b, pointwise_shape(b, x, group.output), w, ends, tail, batch)
        return
    lower = _way(b, conv, w, tail)
    for image in images(conv, batch, source, b.new(group.output, Layout.PLANES), tail):
        lower(image)


def _general(b: WasmBuilder, group: Group) -> General:
    x, w = group.core_node.inputs[:2]
    _, height, width, channels = b.shape(x)
    cin, n = b.shape(w)[2:]
    win, groups = _window(b, group), channels // cin
    oh, ow = win.out_size
    return General(win, cin, n // groups, 4 * pitch(height * width, width), 4 * pitch(oh * ow, ow), groups)


def _window(b: WasmBuilder, group: Group) -> Window:
    core = group.core_node
    kh, kw = b.shape(core.inputs[1])[:2]
    return window(b.shape(core.inputs[0]), (kh, kw), core.attrs, "Conv2D")


def _sampled(b: WasmBuilder, conv: General, x: str) -> tuple[General, WasmPlace]:
    """A strided 1x1 convolution as one of the pixels that it reads: those, as planes."""
    (down, across), (oh, ow), (batch, _, w, c) = conv.win.stride, conv.win.out_size, b.shape(x)
    pixels, step = oh * ow, conv.pitch_out // 4
    planes = b.temporary(4 * batch * c * step)
    if b.has_planes(x):
        step_in = conv.pitch_in // 4
        b.copy(b.planes(x), planes, (batch * c, oh, ow), (step_in, down * w, across), (step, ow, 1))
    else:
        rows = b.temporary(4 * batch * pixels * c)
        strides = (size_of(b.shape(x)[1:]), down * w * c, across * c, 1)
        b.copy(b.rows(x), rows, (batch, oh, ow, c), strides, (pixels * c, ow * c, c, 1))
        b.copy(rows, planes, (batch, c, pixels), (pixels * c, 1, c), (c * step, step, 1))
    win = replace(conv.win, in_size=conv.win.out_size, stride=(1, 1))
    return replace(conv, win=win, pitch_in=conv.pitch_out), planes


def _way(b: WasmBuilder, conv: General, w: str, tail: WasmEpilogue) -> Callable[[Image], None]:
    """What adds the calls for an image, in the way that is fastest."""
    if _one_by_one(conv.win):
        return _by_pixels(b, conv, w, tail)
    scheme = find_winograd(b, w, conv)
    if scheme:
        return by_winograd(b, scheme, w, tail)
    return (by_taps if conv.n <= MOST_OUTPUTS else by_patches)(b, conv, w, tail)


def _one_by_one(win: Window) -> bool:
    return win.size == win.stride == (1, 1) and win.in_size == win.out_size


def biased_epilogue(b: WasmBuilder, group: Group) -> WasmEpilogue:
    """The epilogue on planes, for tiles that start from the bias."""
    return epilogue(b, group, Layout.PLANES, starts=True)


# ---- 1x1 -------------------------------------------------------------------------------------------------------------


def is_pointwise(b: WasmBuilder, group: Group) -> bool:
    """Whether a convolution is one matrix product over pixels."""
    x, w = group.core_node.inputs[:2]
    return b.shape(x)[3] == b.shape(w)[2] and _one_by_one(_window(b, group))


def pointwise_shape(b: WasmBuilder, x: str, output: str) -> Pointwise:
    """The shape of the 1x1 convolution from ``x`` to ``output``."""
    _, h, w, k = b.shape(x)
    return Pointwise(4 * pitch(h * w, w), h * w, k, b.shape(output)[3])


def _by_pixels(b: WasmBuilder, conv: General, w: str, tail: WasmEpilogue) -> Callable[[Image], None]:
    """What adds the call for an image."""
    shape = Pointwise(conv.pitch_in, size_of(conv.win.in_size), conv.k, conv.n)
    made, weights = product_kernel(b, shape, w, tail)

    def lower(image: Image) -> None:
        args = (image.source, weights + image.group * conv.filter_bytes, image.out, *image.operands)
        b.call(made.kernel, args, made.units, flops=conv.flops, scratch_bytes=made.scratch_bytes)

    return lower
