"""Which nodes stay float32 although they could run in integers: a caller's, and those that lose too much."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tfjslab.base.errors import UsageError, did_you_mean, each_with_nearest
from tfjslab.graph.ir import Graph
from tfjslab.passes.registry import run_passes
from tfjslab.quantization.report import NodeReport

_MOST_DB = 3.0  # half of the noise or more


def fused(graph: Graph, exclude: Collection[str]) -> tuple[Graph, frozenset[str]]:
    """The graph with batch norms, biases, activations and padding in the nodes before or behind them.

    Also the nodes to exclude there: what was fused away stands for the node that took it in.
    """
    names = [n.name for g in graph.all_graphs() for n in g.nodes]
    unknown = [name for name in exclude if name not in names]
    if len(unknown) == 1:
        raise UsageError(f"exclude: '{unknown[0]}' is not a node of the model{did_you_mean(unknown[0], names)}")
    if unknown:
        raise UsageError(f"exclude: these are no nodes of the model: {each_with_nearest(unknown, names)}")
    made, reports = run_passes(graph, target="tfjslab")
    left_out = set(exclude)
    for change in (c for r in reports for c in r.changes):
        if left_out.intersection(change.removed):
            left_out.update(change.changed)
    return made, frozenset(left_out)


def damaged(nodes: Sequence[NodeReport], graph: Graph, min_db: float) -> dict[str, str]:
    """The nodes that lose too much, with their reasons, and those on the other side of the encoding that is at fault.

    A tensor stays float32 only if what makes it and what reads it do. At fault is the encoding of the output when
    rounding to it is most of the error, else those of the inputs.
    """
    found: dict[str, str] = {}
    makers = graph.producers()
    for n in nodes:
        if n.alone_db is None or n.alone_db >= min_db:
            continue
        found[n.name] = f"alone it has {n.alone_db:.1f} dB, less than the {min_db:g} dB asked for"
        if n.encoding_db is not None and n.encoding_db < n.alone_db + _MOST_DB:
            others = {r.name: f"it reads '{n.name}'" for r in graph.nodes if n.name in r.uses}
        else:
            others = {v: f"it makes what '{n.name}' reads" for v in makers[n.name].inputs if v in makers}
        found = {**{k: f"{why}, whose error is too large" for k, why in others.items()}, **found}
    return found
