"""A 1x1 convolution and the depthwise convolution behind it as one kernel: the expanded tensor never exists.

Channels are independent behind the 1x1 convolution, and planes are channels, so a few channels are expanded into
scratch, convolved at once, and forgotten. It saves the largest tensors of MobileNets, and their trip through memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from tfjslab.backends.kernels.lowering import Step
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.convolution import biased_epilogue, is_pointwise, pointwise_shape
from tfjslab.backends.wasm.lower.general import filters
from tfjslab.backends.wasm.lower.operands import WasmEpilogue
from tfjslab.backends.wasm.lower.product import GROUP_BYTES, Made, Pointwise, group_size
from tfjslab.backends.wasm.lower.strassen import takes_strassen
from tfjslab.backends.wasm.lower.window import Windowed, depthwise_shape, depthwise_tile, depthwise_weights
from tfjslab.backends.wasm.text.layouts import Layout, whole_lines
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.backends.wasm.tuning import WasmTile, WasmTrial
from tfjslab.passes.fusion import Group

_SECOND = "f"  # prefix of the second epilogue's names


def in_pairs(b: WasmBuilder, groups: Sequence[Group], kernels: Collection[str]) -> Iterable[Step[WasmBuilder]]:
    """Steps in which expansions are computed inside the depthwise convolution behind them; see ``lower_program``."""
    pairs = _find_pairs(b, groups, kernels)
    inside = {g.output for g in pairs.values()}
    for group in groups:
        first = pairs.get(group.output)
        if first:
            yield _merged(first, group), partial(_lower_pair, first, group)
        elif group.output not in inside:
            yield group, None


def _find_pairs(b: WasmBuilder, groups: Sequence[Group], kernels: Collection[str]) -> dict[str, Group]:
    """Expansions by the output of the convolution that they can be computed in; both must have kernels."""
    made = {g.output: g for g in groups if g.output in kernels}
    readers: dict[str, int] = {}
    for g in groups:
        for v in g.inputs:
            readers[v] = readers.get(v, 0) + 1
    found = {}
    for g in groups:
        if g.output in made and g.core is not None and g.core.op == "DepthwiseConv2dNative":
            first = made.get(g.core.inputs[0])
            if first is not None and readers[first.output] == 1 and _fits(b, first, g):
                found[g.output] = first
    return found


def _fits(b: WasmBuilder, first: Group, second: Group) -> bool:
    core = first.core
    if core is None or core.op != "Conv2D" or first.output in b.outputs or not is_pointwise(b, first):
        return False
    x, w = core.inputs[:2]
    if takes_strassen(b, w, pointwise_shape(b, x, first.output)):
        return False
    # Operands that lie like the expanded tensor would bring it back.
    channels = b.shape(first.output)[3]
    return b.shape(second.core_node.inputs[1])[3] == 1 and all(b.spec(v).size == channels for v in first.operands)


_Tails = tuple[WasmEpilogue, WasmEpilogue]


@dataclass(frozen=True)
class _Pair:
    first: Pointwise
    second: Windowed

    def kernel(self, tile: WasmTile, tap_tile: WasmTile, tails: _Tails, lanes: int) -> Made:
        """Both as one kernel; its units are groups of channels."""
        p, s, (e, f) = self.first, self.second, tails
        nr = p.kernel(tile, e, lanes).nr
        channel_bytes = p.step + (0 if tile.columns else 4 * lanes * p.k)
        channels = nr * group_size(p.n // nr, max(1, GROUP_BYTES // (nr * channel_bytes)))
        product = p.kernel(tile, e, lanes, part=channels)
        planes = whole_lines(product.scratch_bytes)
        made = kernel(
            "expand", ("a", "w", "taps", "table", "c", *e.pointers(), *f.pointers(_SECOND)),
            parts=(product.kernel, s.kernel(tap_tile, f, lanes, part=True)), e=e.pointers(), f=f.pointers(_SECOND),
            channels=channels, groups=channels // nr, planes=planes, pitch_in=p.step, k=p.k,
            plane_bytes=s.plane_bytes(lanes), pieces=p.pieces(tile) if tile.columns else (),
        )
        scratch = planes + channels * p.step + s.scratch_bytes(lanes)
        return Made(made, p.n // channels, scratch, nr)

    def trial(self, tile: WasmTile, tap_tile: WasmTile, tails: _Tails, lanes: int) -> WasmTrial:
        """A trial on the real size."""
        made = self.kernel(tile, tap_tile, tails, lanes)
        p, s = self.first, self.second
        out = p.n * s.pitch_out
        operands = (size for tail in tails for size in tail.sizes(p.n, s.pitch_out))
        sizes = (p.k * p.step, 4 * p.k * p.n, 4 * p.n * s.taps, 4 * s.taps, out, *operands)
        return WasmTrial(made.kernel, sizes, made.scratch_bytes, made.units)


def _merged(first: Group, second: Group) -> Group:
    """Both as one group, for the report."""
    core = second.core_node
    inputs = (*first.core_node.inputs, *core.inputs[1:])
    return replace(
        second, core=replace(core, inputs=inputs), nodes=(*first.nodes, *second.nodes),
        operands=(*first.operands, *second.operands),
    )


def _lower_pair(first: Group, second: Group, b: WasmBuilder, _merged: Group) -> None:
    """Add the one kernel for both; each image of a batch is a call of its own."""
    x, w = first.core_node.inputs[:2]
    batch = b.shape(x)[0]
    pair = _Pair(pointwise_shape(b, x, first.output), depthwise_shape(b, second))
    p, s = pair.first, pair.second
    source = b.planes(x)
    tails = biased_epilogue(b, first), biased_epilogue(b, second)
    tap_tile = depthwise_tile(b, s, tails[1])
    kind = f"expand {p.kind()} {tails[0]}"
    tile = b.choose(kind, p.tiles(b.lanes), lambda t: pair.trial(t, tap_tile, tails, b.lanes))
    made = pair.kernel(tile, tap_tile, tails, b.lanes)
    weights, taps, table = filters(b, w, made.nr), depthwise_weights(b, second), s.table(b)
    out = b.new(second.output, Layout.PLANES)
    flops = 2 * p.n * (p.pixels * p.k + s.win.out_size[0] * s.win.out_size[1] * s.taps)
    for i in range(batch):
        at = i * p.n * s.pitch_out
        args = (source + i * p.k * p.step, weights, taps, table, out + at, *tails[0].places, *tails[1].at(at))
        b.call(made.kernel, args, made.units, flops=flops, scratch_bytes=made.scratch_bytes)
