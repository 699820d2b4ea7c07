"""The layers of a model as data: ops, output shapes and weights, read from the graph, whatever file it came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfjslab.base.dtypes import Array, of_array
from tfjslab.base.errors import InputError, TfjslabError, did_you_mean
from tfjslab.base.messages import plain
from tfjslab.graph.ir import Dims, Graph, Node
from tfjslab.graph.specialize import specialize
from tfjslab.model.inputs import output_names
from tfjslab.ops.registry import Spec

_BATCHES = (2, 3)  # lengths that differ between these two are open ones


@dataclass(frozen=True, repr=False)
class Layer:
    """Nodes of one name scope, in the order of the first; ``shape`` is the last one's output, None when unknown.

    ``trainable`` is what the file of a layers model says. Graph models are frozen: their weights are constants.
    """

    name: str
    ops: tuple[str, ...]
    shape: Dims | None
    weights: dict[str, Array]
    trainable: bool = False

    def __repr__(self) -> str:
        return plain(f"Layer({self.name}: {', '.join(self.ops)})")

    @property
    def parameters(self) -> int:
        """How many floating point weights it has."""
        return sum(w.size for w in self.weights.values() if of_array(w) == "float32")


def layers_of(graph: Graph) -> list[Layer]:
    """The layers in order. A weight that several read counts for the first."""
    trainable = frozenset(graph.metadata.get("trainable", ()))
    nodes: dict[str, list[Node]] = {}
    for node in graph.nodes:
        nodes.setdefault(node.layer or node.name, []).append(node)
    shapes, taken = _shapes(graph), set[str]()
    layers = []
    for name, inside in nodes.items():
        weights = {k: w for n in inside for k, w in _weights(n, graph) if k not in taken}
        taken |= weights.keys()
        layers.append(Layer(name, tuple(n.op for n in inside), shapes.get(inside[-1].outputs[0]), weights,
                            name in trainable))
    return layers


def find_layer(graph: Graph, which: str | int) -> Layer:
    """A layer by name, or by number among those of ``layers_of``; InputError suggests a close name."""
    layers = layers_of(graph)
    if isinstance(which, int):
        if not -len(layers) <= which < len(layers):
            raise InputError(f"layer {which} does not exist; the model has {len(layers)} layers")
        return layers[which]
    found = {layer.name: layer for layer in layers}
    if which not in found:
        raise InputError(f"layer '{which}' is not one of the model's {len(layers)}{did_you_mean(which, found)}")
    return found[which]


def outputs_of_layers(graph: Graph, names: str | Sequence[str] | None) -> str | Sequence[str] | None:
    """``names`` with what a layer's last node makes in place of the layer, unless a node or output has that name."""
    if names is None:
        return None
    last = {n.layer: n.outputs[0] for n in graph.nodes if n.layer}
    own = {*(p.name for p in graph.outputs), *(v for n in graph.nodes for v in n.outputs)}
    layers = {k: v for k, v in last.items() if k not in own}
    return layers.get(names, names) if isinstance(names, str) else [layers.get(n, n) for n in output_names(names)]


def _weights(node: Node, graph: Graph) -> Iterator[tuple[str, Array]]:
    """The constants that a node reads, and those inside of functions that it calls."""
    yield from ((v, graph.constants[v]) for v in node.uses if v in graph.constants)
    for name in (v for v in node.attrs.values() if isinstance(v, str) and v in graph.functions):
        for inner in graph.functions[name].all_graphs():
            yield from ((f"{name}/{v}", array) for v, array in inner.constants.items())


def _shapes(graph: Graph) -> dict[str, Dims]:
    """Output shapes by value, with None for what grows with the batch; nothing where they depend on data."""
    try:
        two, three = (_specialized(graph, batch) for batch in _BATCHES)
    except TfjslabError:
        return {}
    return {
        value: tuple(a if a == b else None for a, b in zip(shape, three[value], strict=True))
        for value, shape in two.items() if value in three and len(three[value]) == len(shape)
    }


def _specialized(graph: Graph, batch: int) -> dict[str, tuple[int, ...]]:
    feeds = {
        p.value: Spec(tuple(batch if d is None or d < 0 else d for d in p.shape or ()), p.dtype)
        for p in graph.inputs if p.shape is not None
    }
    specs = specialize(graph, feeds).specs if len(feeds) == len(graph.inputs) else {}
    return {value: spec.shape for value, spec in specs.items() if spec.shape is not None}
