"""Where Winograd's scheme gains, and the calls that compute a convolution by it; see ``winograd_scheme``."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tfjslab.backends.flags import env
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.general import General, Image
from tfjslab.backends.wasm.lower.operands import WasmEpilogue
from tfjslab.backends.wasm.lower.product import Made
from tfjslab.backends.wasm.lower.taps import MOST_OUTPUTS
from tfjslab.backends.wasm.lower.winograd_scheme import PAIRS, SUMS, Winograd, pack_winograd

_CHUNK_BYTES = 1536 * 1024  # of transformed inputs and sums: they stay in a second- or third-level cache
_LEAST_TILES = 96  # of a chunk: each weight is splat once for so many
# What a group of tiles costs to transform, in products of vectors: measured.
_INPUT_COST, _OUTPUT_COST = {2: 80, 4: 260}, {2: 60, 4: 200}
_SPLAT_COST = 3  # of a weight, in the same unit
_BYTE_COST = 0.4  # of a transformed weight: it comes from memory, and takes it
_WORTH_IT = 0.9  # of what the other form costs
_LAYOUT_COST = 3  # of the patches that the other form reads, a vector of them


def find_winograd(b: WasmBuilder, w: str, conv: General) -> Winograd | None:
    """The scheme by which a convolution with filters ``w`` gains most; None where none does."""
    win = conv.win
    if not (win.dilation == (1, 1) and b.sums_weights and w in b.graph.constants and env().get("WASM_WINOGRAD")):
        return None
    oh, ow = win.out_size
    vectors = -(-oh * ow // b.lanes)
    if conv.n <= MOST_OUTPUTS:
        direct = float(conv.k * conv.n * vectors)
    else:
        direct = _product_cost(conv.k, conv.n, vectors, -(-conv.n // b.lanes)) + conv.k * vectors * _LAYOUT_COST
    schemes = [_chunked(conv, m, b.lanes) for m in PAIRS]
    best = min(schemes, key=_cost)
    return best if _cost(best) < _WORTH_IT * direct else None


def _cost(scheme: Winograd) -> float:
    """What it costs, in products of vectors."""
    k, n, (down, across) = scheme.product.k, scheme.conv.n, scheme.tiles
    vectors = -(-down * across // scheme.lanes)
    transforms = down * scheme.groups * (k * _INPUT_COST[scheme.m] + n * _OUTPUT_COST[scheme.m])
    product = _product_cost(k, n, vectors, -(-n // scheme.lanes)) + _BYTE_COST * 4 * k * n
    return transforms + scheme.transform.values * product


def _product_cost(k: int, n: int, vectors: int, columns: int) -> float:
    """Of a matrix product: either pixels or outputs are splat, whichever serves longer."""
    return k * n * vectors * (1 + _SPLAT_COST / max(vectors, columns))


def _chunked(conv: General, m: int, lanes: int) -> Winograd:
    """The scheme with as many rows of tiles at once as stay in the cache; two threads get as many chunks each."""
    whole = Winograd(conv, m, lanes, -(-conv.win.out_size[0] // m))
    down, across = whole.tiles
    row_bytes = (whole.input_bytes + whole.sum_bytes) // down
    most = max(_CHUNK_BYTES // row_bytes, math.ceil(_LEAST_TILES / across))
    if down <= most:
        return whole
    chunks = -(-down // most)
    return Winograd(conv, m, lanes, -(-down // (chunks + chunks % 2)))


def by_winograd(b: WasmBuilder, scheme: Winograd, w: str, tail: WasmEpilogue) -> Callable[[Image], None]:
    """What adds the calls for an image. Threads share the chunks, or where all is one chunk each of the three steps."""
    conv = scheme.conv
    made, weights = _product(b, scheme, w)
    group_bytes = scheme.transform.values * 4 * scheme.product.k * conv.n
    step = _chunks(b, scheme, made, tail) if scheme.rows < scheme.tiles[0] else _one_chunk(b, scheme, made, tail)
    return lambda image: step(image, weights + image.group * group_bytes)


_Step = Callable[[Image, WasmPlace], None]


def _product(b: WasmBuilder, scheme: Winograd, w: str) -> tuple[Made, WasmPlace]:
    """The kernel of a product, and the transformed filters as it reads them."""
    shape = scheme.product
    made = shape.kernel(shape.fastest(b, SUMS), SUMS, b.lanes)
    how = (scheme.m, made.nr, scheme.conv.groups, scheme.conv.win.stride)
    weights = b.packed(w, ("winograd", *how), pack_winograd(*how))
    if weights is None:
        raise AssertionError(f"{w} is not constant: find_winograd was not asked")
    return made, weights


def _chunks(b: WasmBuilder, scheme: Winograd, made: Made, tail: WasmEpilogue) -> _Step:
    all_steps, table = scheme.repeated(made, tail), _table(b, scheme)

    def lower(image: Image, weights: WasmPlace) -> None:
        args = (image.source, table, weights, image.out, *image.operands)
        b.call(all_steps.kernel, args, all_steps.units, flops=scheme.conv.flops, scratch_bytes=all_steps.scratch_bytes)

    return lower


def _one_chunk(b: WasmBuilder, scheme: Winograd, made: Made, tail: WasmEpilogue) -> _Step:
    conv, scratch, values = scheme.conv, scheme.scratch_bytes, scheme.transform.values
    v, sums = b.temporary(scheme.input_bytes), b.temporary(scheme.sum_bytes)
    flops, table = conv.flops, _table(b, scheme)  # each step is worth sharing where the whole is

    def lower(image: Image, weights: WasmPlace) -> None:
        b.call(scheme.inputs(0), (image.source, table, v), conv.cin, flops=flops, scratch_bytes=scratch)
        b.call(scheme.products(made), (v, weights, sums), values, flops=flops, scratch_bytes=made.scratch_bytes)
        args = (sums, image.out, *image.operands)
        b.call(scheme.outputs(tail, 0), args, conv.n, flops=flops, scratch_bytes=scratch)

    return lower


def _table(b: WasmBuilder, scheme: Winograd) -> WasmPlace:
    """The constant with the byte offset of each block of the filter in a band."""
    return b.constant(("taps", scheme.starts), lambda: np.array(scheme.starts, np.int32))
