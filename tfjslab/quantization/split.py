"""Takes activations that have no integer form inside a convolution or a product out of it again.

``FusedConv2D`` with ``Prelu`` becomes a convolution and a ``Prelu``: each then runs in integers, with a range of its
own between them, and where only the activation cannot (``Sigmoid``), the convolution still does.
"""

from __future__ import annotations

from dataclasses import replace

from tfjslab.graph.ir import Graph, Node
from tfjslab.graph.verify import verify
from tfjslab.ops import registry
from tfjslab.quantization.forms.weighted import INSIDE


def split_activations(graph: Graph) -> Graph:
    """The graph with such activations as nodes of their own, which keep the name."""
    taken = {n.name for n in graph.nodes} | set(graph.constants)
    nodes: list[Node] = []
    for node in graph.nodes:
        fused = tuple(node.attrs.get("fused_ops", ()))
        if not fused or fused[-1] in INSIDE or any(f not in INSIDE for f in fused[:-1]):
            nodes.append(node)
        else:
            nodes += _split(node, fused, taken)
    made = graph.with_(nodes=tuple(nodes))
    verify(made)
    return made


def _split(node: Node, fused: tuple[str, ...], taken: set[str]) -> tuple[Node, Node]:
    name = f"{node.name}/before_{fused[-1]}"
    while name in taken:
        name += "_"
    taken.add(name)
    last = fused[-1]
    inputs: tuple[str, ...] = node.inputs
    own: tuple[str, ...] = ()
    if last == "Prelu":
        inputs, own = node.inputs[:-1], node.inputs[-1:]
    attrs = {"alpha": node.attrs["leakyrelu_alpha"]} if last == "LeakyRelu" else {}
    before = replace(node, name=name, inputs=inputs, attrs={**node.attrs, "fused_ops": fused[:-1]})
    resolved = registry.get(last).resolve_attrs(attrs, f"node '{node.name}'")
    return before, Node(node.name, last, (name, *own), resolved, layer=node.layer)
