"""What all ways of computing a convolution on channel planes share: its shape, its filters, where an image lies."""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.operands import WasmEpilogue
from tfjslab.backends.wasm.text.packing import packer
from tfjslab.base.dtypes import Array
from tfjslab.ops.window import Window


@dataclass(frozen=True)
class General:
    """A convolution on planes: its window, channels in and out of a group, and bytes between planes in and out."""

    win: Window
    cin: int
    n: int
    pitch_in: int
    pitch_out: int
    groups: int = 1

    @property
    def k(self) -> int:
        """Taps of all channels."""
        return self.cin * self.win.size[0] * self.win.size[1]

    @property
    def flops(self) -> int:
        """Of a group: two for each product."""
        return 2 * self.win.out_size[0] * self.win.out_size[1] * self.k * self.n

    @property
    def filter_bytes(self) -> int:
        """Bytes of the filters of a group."""
        return 4 * self.k * self.n


@dataclass(frozen=True)
class Image:
    """Where a group of channels of an image is read and written; ``operands`` are the places of its epilogue."""

    source: WasmPlace
    out: WasmPlace
    operands: tuple[WasmPlace, ...]
    group: int


def images(conv: General, batch: int, source: WasmPlace, out: WasmPlace, tail: WasmEpilogue) -> list[Image]:
    """All groups of all images of a batch."""
    found = []
    for i in range(batch):
        for g in range(conv.groups):
            at = (i * conv.groups + g) * conv.n * conv.pitch_out
            first = source + (i * conv.groups + g) * conv.cin * conv.pitch_in
            found.append(Image(first, out + at, tuple(tail.at(at, g * conv.n)), g))
    return found


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
