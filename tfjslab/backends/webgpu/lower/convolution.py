"""2-D convolution: 1x1 as a matrix product over pixels, everything else tap by tap, transposed and grouped ones too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.webgpu.builder import GpuBuilder
from tfjslab.backends.webgpu.lower.matmul import Panels, Product, constant_panels, lower_product, weight_panels
from tfjslab.backends.webgpu.lower.operands import NOTHING, GpuEpilogue, element_type, epilogue
from tfjslab.backends.webgpu.lower.registry import TABLE, lowering
from tfjslab.backends.webgpu.lower.tiles import GpuTile, conv_tiles
from tfjslab.backends.webgpu.text.templates import MAX_GROUPS, Binding, GpuKernel, grid, kernel
from tfjslab.backends.webgpu.trials import GpuTrial
from tfjslab.backends.webgpu.tuning import volume
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.conv import transposed_of
from tfjslab.ops.window import Window, pair, window
from tfjslab.passes.fusion import Group

_GROUP = 64
_UNROLLED = 16  # steps of a loop that are written out: a loop's own work is as large as a step


@lowering("Conv2D", refuses=TABLE.images, takes_epilogue=True, takes_padding=True)
def lower_conv(b: GpuBuilder, group: Group) -> None:
    """Choose among the forms; images of a batch are pixels like any other."""
    core = group.core_node
    x, w = core.inputs[:2]
    shape, out = b.shape(x), b.shape(group.output)
    kh, kw, cin, n = b.shape(w)
    win = window(shape, (kh, kw), core.attrs, "Conv2D")
    if cin != shape[3]:
        _grouped(b, group, win)
    elif win.is_whole_image:
        # The window is the whole image: a row of pixels and channels times the filters as a matrix.
        lower_product(b, group, Product(x, w, shape[0], kh * kw * cin, n))
    elif win.size == win.stride == (1, 1) and win.in_size == win.out_size:
        lower_product(b, group, Product(x, w, size_of(out[:3]), cin, n))
    else:
        _general(b, group, _Conv(win, cin, n))


def _refuses_transposed(node: Node, specs: Specs) -> str:
    strides = pair(node.attrs["strides"], node.attrs["data_format"], "strides")
    return TABLE.none_for(f"strides of {strides}" if size_of(strides) > MAX_GROUPS else "") or TABLE.images(node, specs)


@lowering("Conv2DBackpropInput", refuses=_refuses_transposed, takes_epilogue=True)
def lower_transposed(b: GpuBuilder, group: Group) -> None:
    """The window goes over the output; filters are [height, width, out, in]."""
    core = group.core_node
    conv = transposed_of(b.shape(core.inputs[0]), b.shape(core.inputs[1]), core.attrs)
    win = conv.window
    over_output = replace(win, in_size=win.out_size, out_size=win.in_size)
    _general(b, group, _Conv(over_output, conv.out_channels, conv.in_channels, transposed=True))


def window_sizes(win: Window) -> dict[str, int]:
    """The sizes of a window as uniforms."""
    (top, _), (left, _) = win.pad
    pairs = {"h": win.in_size, "o": win.out_size, "k": win.size, "t": win.stride, "d": win.dilation}
    sizes = {f"{name}{axis}": pair[i] for name, pair in pairs.items() for i, axis in enumerate("yx")}
    return sizes | {"top": top, "left": left}


@dataclass(frozen=True)
class _Conv:
    """A convolution by ``n`` filters of ``cin`` channels."""

    win: Window
    cin: int
    n: int
    transposed: bool = False

    @property
    def step(self) -> int:
        """Channels that are read at once."""
        return 4 if self.cin % 4 == 0 else 1

    @property
    def phases(self) -> int:
        """Kinds of pixels of the output that meet the input with other taps each."""
        return size_of(self.win.stride) if self.transposed else 1

    @property
    def _phase_size(self) -> tuple[int, int]:
        (h, w), (y, x) = self.win.out_size, self.win.stride if self.transposed else (1, 1)
        return -(-h // y), -(-w // x)

    @property
    def pixels(self) -> int:
        """Of all images of the output, in one phase."""
        return self.win.batch * size_of(self._phase_size)

    @property
    def depth(self) -> int:
        """Products that make up one output."""
        return size_of(self.win.size) * self.cin

    def sizes(self, panels: Panels) -> dict[str, int]:
        """The sizes of the kernel."""
        phase = dict(zip(("qy", "qx"), self._phase_size, strict=True)) if self.transposed else {}
        return window_sizes(self.win) | phase | {
            "m": self.pixels, "cin": self.cin // self.step, "n": self.n, "n4": -(-self.n // 4),
            "w_batch": 0, "w_panel": panels.panel, "w_k": panels.row,
        }

    def kernel(self, tile: GpuTile, tail: GpuEpilogue, sizes: Sequence[str], constant: tuple[bool, bool]) -> GpuKernel:
        """The kernel; ``constant`` says which of image and filters only the session writes."""
        whole, channels, width = self.n % 4 == 0, self.cin // self.step, self.win.size[1]
        bindings = (
            Binding("a", "f32" if self.step == 1 else "vec4<f32>", constant[0]),
            Binding("w", "vec4<f32>", constant[1]), Binding("c", "vec4<f32>" if whole else "f32"),
            *tail.bindings(4 if whole else 1),
        )
        return kernel(
            "conv", bindings, sizes, functions=(tail.function,), step=self.step, whole=whole, kinds=tail.kinds,
            unroll_k=channels if channels <= _UNROLLED else 0,
            unroll_x=width if channels * width <= _UNROLLED and not self.transposed else 0, transposed=self.transposed,
            **tile.params(),
        )

    def trial(self, tile: GpuTile) -> GpuTrial:
        """The convolution alone."""
        n4, panels = -(-self.n // 4), constant_panels(self.depth, self.n, tile)
        sizes = self.sizes(panels)
        image = self.win.batch * size_of(self.win.in_size) * self.cin
        out = self.win.batch * size_of(self.win.out_size) * n4
        lengths = (-(-image // 4), 4 * -(-self.depth // 4) * (n4 + tile.wide), out)
        k = self.kernel(tile, NOTHING, tuple(sizes), (False, True))
        return GpuTrial(k, lengths, tuple(v & 0xFFFFFFFF for v in sizes.values()), self.grid(tile))

    def grid(self, tile: GpuTile) -> tuple[int, int, int]:
        """The workgroups."""
        return (*tile.groups(self.pixels, -(-self.n // 4)), self.phases)


def _general(b: GpuBuilder, group: Group, conv: _Conv) -> None:
    x, w = group.core_node.inputs[:2]
    win, n4, kind = conv.win, -(-conv.n // 4), "transposed conv" if conv.transposed else "conv"
    tile = b.choose(
        f"{kind} {win.size[0]}x{win.size[1]}x{conv.cin} {volume(conv.pixels, conv.depth, n4)}",
        conv_tiles(conv.pixels, conv.n, b.capabilities), conv.trial, work=conv.pixels * conv.depth * n4 // 4,
    )
    taps = size_of(win.size) if conv.transposed else 0
    weights, panels = weight_panels(b, w, conv.depth, conv.n, tile, transposed=taps)
    tail = epilogue(b, group, 4)
    sizes = conv.sizes(panels)
    k = conv.kernel(tile, tail, tuple(sizes), (b.place(x).constant, weights.constant))
    b.call(k, (b.place(x), weights, b.new(group.output), *tail.places), sizes, conv.grid(tile))


def _grouped(b: GpuBuilder, group: Group, win: Window) -> None:
    """Each group of filters reads its own channels."""
    x, w = group.core_node.inputs[:2]
    channels, (_, _, cin, n) = b.shape(x)[3], b.shape(w)
    width = n // (channels // cin)
    lanes = 4 if width % 4 == 0 else 1
    tail, source, weights = epilogue(b, group, lanes), b.place(x), b.place(w)
    count = b.spec(group.output).size // lanes
    sizes = window_sizes(win) | {
        "count": count, "n": n // lanes, "width": width // lanes, "cin": cin, "channels": channels,
    }
    vector = element_type("float32", lanes)
    bindings = (
        Binding("a", "f32", source.constant), Binding("w", vector, weights.constant), Binding("c", vector),
        *tail.bindings(lanes),
    )
    k = kernel(
        "grouped", bindings, tuple(sizes), functions=(tail.function,), lanes=lanes, group=_GROUP, kinds=tail.kinds,
    )
    b.call(k, (source, weights, b.new(group.output), *tail.places), sizes, grid(-(-count // _GROUP)))
