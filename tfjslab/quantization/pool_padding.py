"""Padding in front of max pools: ``-inf``, or a value so far down that no element of the image loses to it.

Converters write it for frameworks whose max pools pad for themselves. It never comes out of a pool, so it tells nothing
about the range of the image; the smallest integer stands for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from tfjslab.graph.ir import Graph, Node
from tfjslab.ops.facts import IMAGE_RANK
from tfjslab.ops.window import pair

_SPATIAL = (1, 2)


def is_pool_padding(node: Node, graph: Graph, readers: Mapping[str, list[Node]] | None = None) -> bool:
    """Whether a node pads images with 0 or less for max pools only, each of which sees an element of the image."""
    if node.op != "PadV2" or node.attr_inputs or node.attrs["constant_value"] > 0:
        return False
    pools = (graph.consumers() if readers is None else readers).get(node.name, [])
    kept = any(p.value == node.name for p in graph.outputs)
    pairs = node.attrs["paddings"]
    if kept or not pools or len(pairs) != IMAGE_RANK:
        return False
    return all(pool.definition.facts.quantized == "max" and _within(pairs, pool) for pool in pools)


def _within(pairs: tuple[tuple[int, int], ...], pool: Node) -> bool:
    """Whether no window of the pool lies in the padding as a whole."""
    if pool.attrs.get("data_format", "NHWC") != "NHWC":
        return False
    size = dict(zip(_SPATIAL, pair(pool.attrs["ksize"], "NHWC", pool.name), strict=True))
    return all(max(p) < size.get(axis, 1) for axis, p in enumerate(pairs))


def padded_for_pools(graph: Graph) -> dict[str, str]:
    """What is padded so, by the value that the padding makes."""
    readers = graph.consumers()
    return {n.name: n.inputs[0] for n in graph.nodes if is_pool_padding(n, graph, readers)}
