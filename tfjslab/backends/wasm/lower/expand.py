"""A 1x1 convolution and the depthwise convolution behind it as one kernel: the expanded tensor never exists.

Channels are independent behind the 1x1 convolution, and planes are channels, so a few channels are expanded into
scratch, convolved at once, and forgotten. It saves the largest tensors of MobileNets, and their trip through memory.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from tfjslab.backends.wasm.builder import Builder
from tfjslab.backends.wasm.layouts import Layout, flat_tiles
from tfjslab.backends.wasm.lower.convolution import both_epilogues, filters, is_pointwise, pointwise_shape
from tfjslab.backends.wasm.lower.operands import Epilogue
from tfjslab.backends.wasm.lower.product import Pointwise, group_size, size_class, splat_round, tiles
from tfjslab.backends.wasm.lower.window import Windowed, depthwise_shape, depthwise_tile, depthwise_weights
from tfjslab.backends.wasm.templates import Kernel, kernel
from tfjslab.backends.wasm.tuning import BIASED, Tile, Trial
from tfjslab.passes.fusion import Group

_SECOND = "f"  # prefix of the second epilogue's names


def find_pairs(b: Builder, groups: Sequence[Group], kernels: Collection[str]) -> dict[str, Group]:
    """Expansions that can be computed inside the depthwise convolution behind them, by the output of the latter.

    ``kernels`` are the outputs of groups that have kernels.
    """
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


def _fits(b: Builder, first: Group, second: Group) -> bool:
    core = first.core
    if core is None or core.op != "Conv2D" or first.output in b.outputs or not is_pointwise(b, first):
        return False
    # Operands that lie like the expanded tensor would bring it back.
    channels = b.shape(first.output)[3]
    return b.shape(second.core_node.inputs[1])[3] == 1 and all(b.spec(v).size == channels for v in first.operands)


@dataclass(frozen=True)
class _Pair:
    first: Pointwise
    second: Windowed

    def kernel(self, tile: Tile, tap_tile: Tile, tails: tuple[Epilogue, Epilogue], lanes: int) -> tuple[Kernel, int]:
        """The kernel and outputs in a group; its units are groups."""
        p = self.first
        nr = group_size(p.n, max(tile.outputs, tile.outputs * tile.vectors // min(tile.vectors, p.vectors)))
        e, f = tails
        made = kernel(
            "expand", ("a", "w", "taps", "table", "c", *e.pointers(), *f.pointers(_SECOND)),
            expressions=(e.expr, f.expr), k=p.k, nr=nr, unroll=tile.unroll, relaxed=tile.relaxed,
            splat=splat_round(p.k * nr), sections=tuple(flat_tiles(p.vectors, tile.vectors)), pitch_in=p.step,
            w=self.second.text(tap_tile, lanes), e=e.text(), f=f.text(1, _SECOND),
        )
        return made, nr

    def scratch_bytes(self, nr: int, lanes: int) -> int:
        """Weights multiplied out, nr planes, and what the window needs."""
        return self.first.k * nr * 4 * lanes + nr * self.first.step + self.second.scratch_bytes(lanes)

    def trial(self, tile: Tile, tap_tile: Tile, tails: tuple[Epilogue, Epilogue], lanes: int) -> Trial:
        """A trial on the real size."""
        made, nr = self.kernel(tile, tap_tile, tails, lanes)
        p, s = self.first, self.second
        out = p.n * s.pitch_out
        operand = {"channel": 4 * p.n, "full": out, "pixel": s.pitch_out}
        kinds = (*tails[0].kinds, *tails[1].kinds)
        sizes = (p.k * p.step, 4 * p.k * p.n, 4 * p.n * s.taps, 4 * s.taps, out, *(operand[kind] for kind in kinds))
        return Trial(made, sizes, self.scratch_bytes(nr, lanes), p.n // nr)


def merged(first: Group, second: Group) -> Group:
    """Both as one group, for the report."""
    core = second.core_node
    inputs = (*first.core_node.inputs, *core.inputs[1:])
    return replace(
        second, core=replace(core, inputs=inputs), nodes=(*first.nodes, *second.nodes),
        operands=(*first.operands, *second.operands),
    )


def lower_pair(b: Builder, first: Group, second: Group) -> None:
    """Add the one kernel for both; each image of a batch is a call of its own."""
    x, w = first.core_node.inputs[:2]
    batch = b.shape(x)[0]
    pair = _Pair(pointwise_shape(b, x, first.output), depthwise_shape(b, second))
    p, s = pair.first, pair.second
    source = b.planes(x)
    e, f = both_epilogues(b, first), both_epilogues(b, second)
    tap_tile = depthwise_tile(b, s, f)
    kind = f"expand vectors={p.vectors} inner={size_class(p.k)} {e(BIASED)}"
    tile = b.choose(kind, tiles(b), lambda t: pair.trial(t, tap_tile, (e(t.biased), f(tap_tile.biased)), b.lanes))
    tails = e(tile.biased), f(tap_tile.biased)
    kern, nr = pair.kernel(tile, tap_tile, tails, b.lanes)
    weights, taps, table = filters(b, w, nr), depthwise_weights(b, second), s.table(b)
    out = b.new(second.output, Layout.PLANES)
    flops = 2 * p.n * (p.vectors * b.lanes * p.k + s.win.out_size[0] * s.win.out_size[1] * s.taps)
    for i in range(batch):
        at = i * p.n * s.pitch_out
        args = (source + i * p.k * p.step, weights, taps, table, out + at, *tails[0].places, *tails[1].at(at))
        b.call(kern, args, p.n // nr, flops=flops, scratch_bytes=pair.scratch_bytes(nr, b.lanes))
