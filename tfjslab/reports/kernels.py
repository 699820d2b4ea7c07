"""Which steps of a model got faster or slower, though each side cuts it into kernels in its own way.

One program runs a convolution, its batch norm and its activation as three kernels, another as one that has the name of
the last; a quantized model has nodes of its own; and TensorFlow.js knows layers, not nodes. So a kernel counts for the
first layer (or node, without layers) of the model before, its own or downstream of it, that both sides have a kernel
for.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from tfjslab.graph.ir import Graph
from tfjslab.profiling.compare import TimeChange, changes_by
from tfjslab.records.profile import KernelRecord, Profile


def steps(before: Profile | None, after: Profile | None, graph: Graph | None) -> tuple[TimeChange, ...]:
    """What changed by step of the model, the largest changes first; nothing where one side has no profile."""
    if before is None or after is None:
        return ()
    layers = {} if graph is None else _layers(graph)
    following = {} if graph is None else _following(graph, layers)

    def own(k: KernelRecord) -> str:
        found = _made_from(k.node, layers)
        return layers.get(found, found)

    anchors = {own(k) for k in before.kernels} & {own(k) for k in after.kernels}
    return changes_by(before, after, lambda k: _anchor(own(k), anchors, following) or k.name)


def _layers(graph: Graph) -> dict[str, str]:
    """The layer of each node and input, and of each layer; a node without one is its own."""
    found = {p.name: p.name for p in graph.inputs} | {n.name: n.layer or n.name for n in graph.nodes}
    return {layer: layer for layer in found.values()} | found


def _following(graph: Graph, layers: Mapping[str, str]) -> dict[str, str]:
    """The first layer that reads what each layer gives."""
    found: dict[str, str] = {}
    for node in graph.nodes:
        for value in node.inputs:
            layer = layers.get(value.partition(":")[0])
            if layer is not None and layer != layers[node.name]:
                found.setdefault(layer, layers[node.name])
    return found


def _made_from(node: str, known: Container[str]) -> str:
    """The node of the model before that a node was made from: ``conv/Relu6`` for ``conv/Relu6/int8``."""
    name = node
    while name and name not in known:
        name = name.rpartition("/")[0]
    return name or node


def _anchor(node: str, anchors: Container[str], following: Mapping[str, str]) -> str:
    """The first anchor downstream; the node itself where there is none."""
    seen, at = {""}, node
    while at not in seen and at not in anchors:
        seen.add(at)
        at = following.get(at, "")
    return at if at in anchors else node
