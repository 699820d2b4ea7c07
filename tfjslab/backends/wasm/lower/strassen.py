"""Large 1x1 convolutions by one step of Strassen's scheme in Winograd's form: seven products of quarters, not eight.

Scalar multiplies and adds are what limits the scalar variant, so an eighth fewer of them is an eighth less time, less
the sums. Sums of filters are made when they are packed. Results differ from those of the plain product by a few
roundings of the largest terms (tests/backends/test_wasm_strassen.py says how many), and a NaN or infinity reaches the
pixel half an image further on; ``env().set("WASM_STRASSEN", False)`` turns it off. See V. Strassen, "Gaussian
elimination is not optimal" (1969), and S. Winograd (1971).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tfjslab.backends.flags import env
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.operands import WasmEpilogue
from tfjslab.backends.wasm.lower.product import Pointwise, group_size
from tfjslab.backends.wasm.text.packing import packer
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.backends.wasm.tuning import WasmTile
from tfjslab.base.dtypes import Array
from tfjslab.ops.expr import Expr, X, replace_expr

# Below, what the sums cost is not won back: each input takes part in n / 4 fewer multiply-adds, each output in k / 4.
_LEAST_INPUTS, _LEAST_OUTPUTS, _LEAST_PIXELS = 64, 64, 24
_CHUNK = 4


def takes_strassen(b: WasmBuilder, w: str, shape: Pointwise) -> bool:
    """Whether a 1x1 convolution with filters ``w`` gains by it."""
    large = shape.k >= _LEAST_INPUTS and shape.n >= _LEAST_OUTPUTS and shape.pixels >= _LEAST_PIXELS
    even = shape.k % 2 == shape.n % 2 == 0
    if not (b.lanes == 1 and b.sums_weights and large and even and w in b.graph.constants):
        return False
    return bool(env().get("WASM_STRASSEN"))


@packer
def pack_strassen(w: Array, nr: int) -> Array:
    """HWIO filters of 1x1 as seven quarters or sums of them, each [O / 2 / nr][I / 2][nr], in the order of use."""
    k, n = w.shape[2] // 2, w.shape[3] // 2
    full = w[0, 0]
    w11, w12, w21, w22 = full[:k, :n], full[k:, :n], full[:k, n:], full[k:, n:]
    s1 = w21 + w22
    s2 = s1 - w11
    used = (w11, w12, s2, w11 - w21, s1, w12 - s2, w22)
    packed = np.empty((len(used), n // nr, k, nr), np.float32)
    for out, m in zip(packed, used, strict=True):
        out[...] = m.reshape(k, n // nr, nr).transpose(1, 0, 2)
    return packed


@dataclass(frozen=True)
class Quarters:
    """Byte offsets of the quarters of matrices that all have one row pitch."""

    whole: Pointwise

    @property
    def part(self) -> Pointwise:
        """One of the seven products."""
        p = self.whole
        return Pointwise(p.step, (p.pixels + 1) // 2, p.k // 2, p.n // 2)

    @property
    def right(self) -> int:
        """To the right half."""
        return 4 * self.part.pixels

    @property
    def lower_in(self) -> int:
        """To the lower half of the inputs."""
        return self.part.k * self.whole.step

    @property
    def lower_out(self) -> int:
        """To the lower half of the outputs."""
        return self.part.n * self.whole.step

    def quarter(self, tail: WasmEpilogue, *, lower: bool, right: bool, image: int) -> tuple[WasmPlace, ...]:
        """The operands of an epilogue for a quarter of the output of an image."""
        rows, columns = lower * self.lower_out, right * self.right
        step = {"channel": lower * 4 * self.part.n, "full": rows + columns, "pixel": columns}
        return tuple(p + step[kind] for p, kind in zip(tail.at(image), tail.kinds, strict=True))


def _plus(tail: WasmEpilogue, terms: int) -> WasmEpilogue:
    """The epilogue with more operands that are added to the sums first; they are kept without places."""
    first = len(tail.kinds) + 1
    total = X
    for i in range(terms):
        total = total + Expr("in", leaf=first + i)
    return replace(tail, expr=replace_expr(tail.expr, X, total), kinds=(*tail.kinds, *("full",) * terms), places=())


def lower_strassen(
    b: WasmBuilder, shape: Pointwise, w: str, ends: tuple[WasmPlace, WasmPlace], tail: WasmEpilogue, batch: int,
) -> None:
    """Add the calls: ``ends`` are the planes of inputs and outputs. Ask ``takes_strassen`` before."""
    q = Quarters(shape)
    part, bare = q.part, WasmEpilogue(X, (), ())
    tile = part.fastest(b, bare)
    nr = part.kernel(tile, bare, b.lanes).nr
    weights = b.packed(w, ("strassen", nr), pack_strassen(nr))
    if weights is None:
        raise AssertionError(f"{w} is not constant: takes_strassen was not asked")
    sums, kept = b.temporary(shape.k * shape.step), b.temporary(shape.n * shape.step)
    for i in range(batch):
        a, c = ends[0] + i * shape.k * shape.step, ends[1] + i * shape.n * shape.step
        _image(_Step(b, q, tile, tail, weights), a, c, sums, kept, i * shape.n * shape.step)


@dataclass(frozen=True)
class _Step:
    b: WasmBuilder
    q: Quarters
    tile: WasmTile
    tail: WasmEpilogue
    weights: WasmPlace

    def product(
        self, number: int, a: WasmPlace, c: WasmPlace, tail: WasmEpilogue, operands: tuple[WasmPlace, ...],
    ) -> None:
        """The product with the filters of this number."""
        part = self.q.part
        made = part.kernel(self.tile, tail, self.b.lanes)
        weights = self.weights + number * 4 * part.k * part.n
        flops = 2 * part.k * part.n * part.pixels
        self.b.call(
            made.kernel, (a, weights, c, *operands), made.units, flops=flops, scratch_bytes=made.scratch_bytes,
        )


def _image(s: _Step, a: WasmPlace, c: WasmPlace, t: WasmPlace, kept: WasmPlace, image: int) -> None:
    b, q, tail = s.b, s.q, s.tail
    bare = WasmEpilogue(X, (), ())
    _inputs(b, q, a, t)
    # p1, u2, u3, p5 are Winograd's names; each has a quarter of its own, since long sums wait in the output.
    p1, u2, u3, p5 = kept, kept + q.right, kept + q.lower_out, kept + q.lower_out + q.right

    def ends(*, lower: bool, right: bool) -> tuple[WasmPlace, ...]:
        return q.quarter(tail, lower=lower, right=right, image=image)

    s.product(0, a, p1, bare, ())
    s.product(1, a + q.lower_in, c, _plus(tail, 1), (*ends(lower=False, right=False), p1))
    s.product(2, t + q.right, u2, _plus(bare, 1), (p1,))
    s.product(3, t + q.lower_in, u3, _plus(bare, 1), (u2,))
    s.product(4, t, p5, bare, ())
    s.product(
        5, a + q.lower_in + q.right, c + q.right, _plus(tail, 2), (*ends(lower=False, right=True), u2, p5),
    )
    s.product(
        6, t + q.lower_in + q.right, c + q.lower_out, _plus(tail, 1), (*ends(lower=True, right=False), u3),
    )
    last = _plus(tail, 2)
    pixels = q.part.pixels
    made = kernel(
        "strassen_last", ("c", *last.pointers()), expressions=(last.expr,), e=last.text(), pixels=pixels,
        chunk=group_size(pixels, _CHUNK), pitch=q.whole.step,
    )
    b.call(made, (c + q.lower_out + q.right, *ends(lower=True, right=True), u3, p5), q.part.n)


def _inputs(b: WasmBuilder, q: Quarters, a: WasmPlace, t: WasmPlace) -> None:
    half = q.part.pixels
    right = q.whole.pixels - half
    made = kernel(
        "strassen_inputs", ("a", "t"), half=half, right=right, chunk=group_size(right, _CHUNK), lower=q.lower_in,
        pitch=q.whole.step,
    )
    b.call(made, (a, t), q.part.k)
