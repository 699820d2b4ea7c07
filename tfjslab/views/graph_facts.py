"""What is known of each node before it runs: attributes, what it reads and makes, weights, and its work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tfjslab.base.errors import TfjslabError, UsageError, did_you_mean
from tfjslab.base.shapes import checked_shape
from tfjslab.base.text import shape
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.graph.specialize import Specialized, specialize
from tfjslab.ops.registry import OpDef, Spec, bytes_moved
from tfjslab.views.graph_weights import weight_facts

_LONGEST = 200  # characters of an attribute
_ENCODING = ("scale", "zero", "out_scale", "out_zero", "multiplier", "shift")  # of ops that compute in integers


@dataclass(frozen=True)
class ShownGraph:
    """A graph to show, or a function in it: its name ("" for the whole) and what shape inference says."""

    name: str
    graph: Graph
    known: Specialized | None


def settled(ports: Sequence[Port], shapes: Mapping[str, Sequence[int]]) -> tuple[Port, ...]:
    """The inputs with these shapes, by name. UsageError for a name that is no input and a shape that does not fit."""
    names = [p.name for p in ports]
    for name in shapes:
        if name not in names:
            raise UsageError(f"shapes: the model has no input '{name}'{did_you_mean(name, names)}")
    return tuple(_settled(p, shapes[p.name]) if p.name in shapes else p for p in ports)


def _settled(port: Port, given: Sequence[int]) -> Port:
    where = f"shapes: input '{port.name}'"
    found = checked_shape(given, where)
    declared = found if port.shape is None else port.shape
    if len(found) != len(declared) or any(d not in (None, -1, n) for d, n in zip(declared, found, strict=False)):
        raise UsageError(f"{where} is {shape(port.shape)}, which {shape(found)} does not fit")
    return replace(port, shape=found)


def scopes(graph: Graph) -> tuple[tuple[ShownGraph, ...], str]:
    """The graph and its functions, and why shapes are not known ("" where they are). Open lengths are taken as 1."""
    inner = tuple(ShownGraph(name, f, None) for name, f in _functions(graph).items())
    if any(p.shape is None for p in graph.inputs):
        return (ShownGraph("", graph, None), *inner), "an input has no declared rank"
    feeds = {p.value: Spec(tuple(1 if d is None or d < 0 else d for d in p.shape or ()), p.dtype or "float32")
             for p in graph.inputs}
    try:
        return (ShownGraph("", graph, specialize(graph, feeds)), *inner), ""
    except TfjslabError as e:
        return (ShownGraph("", graph, None), *inner), str(e)


def _functions(graph: Graph) -> dict[str, Graph]:
    found: dict[str, Graph] = {}
    for name, function in graph.functions.items():
        found |= {name: function, **_functions(function)}
    return found


class NodeFacts:
    """NodeFacts of the nodes of one graph; a weight that several nodes read is looked at once."""

    def __init__(self, scope: ShownGraph) -> None:
        self._graph, self._known = scope.graph, scope.known
        self._weights: dict[str, dict[str, Any]] = {}
        self._static = {} if self._known is None else {
            n.name: n for n in self._known.graph.nodes if n.name in self._known.static}

    def of(self, node: Node) -> dict[str, Any]:
        """Plain values about a node; ``quantization`` where it computes with encoded numbers."""
        facts: dict[str, Any] = {
            "name": node.name, "op": node.op, "layer": node.layer, "attrs": _attrs(node),
            "outputs": [self._value(v) for v in node.outputs], "weights": list(self._weights_of(node)),
        }
        encoding = {k: v for k, v in facts["attrs"].items() if k in _ENCODING}
        return facts | ({"quantization": encoding} if encoding else {})

    def _value(self, value: str) -> dict[str, str]:
        spec = self._known.specs.get(value) if self._known is not None else None
        if spec is None:
            return {"value": value, "shape": "", "dtype": ""}
        return {"value": value, "shape": "" if spec.shape is None else shape(spec.shape), "dtype": spec.dtype}

    def _weights_of(self, node: Node) -> Iterator[dict[str, Any]]:
        for slot, value in slots(node):
            if value in self._graph.constants:
                if value not in self._weights:
                    self._weights[value] = {"value": value, **weight_facts(self._graph.constants[value])}
                yield {"input": slot, **self._weights[value]}

    def work(self, node: Node) -> tuple[int, int] | None:
        """FLOPs, and bytes read and written, of one run; None where a shape is not known or nothing runs."""
        found = self._static.get(node.name)
        if found is None or self._known is None:
            return None
        ins, outs = ([self._known.specs[v] for v in vs if v] for vs in (found.inputs, found.outputs))
        return int(found.definition.flops(ins, outs, found.attrs)), bytes_moved(ins, outs)


def slots(node: Node) -> Iterator[tuple[str, str]]:
    """What each input of a node is called by its op, and its value; the absent ones are left out."""
    names = _slot_names(node.definition, len(node.inputs))
    for name, value in (*zip(names, node.inputs, strict=True), *node.attr_inputs.items()):
        if value:
            yield name, value


def _slot_names(definition: OpDef, count: int) -> list[str]:
    names: list[str] = []
    for name in definition.inputs:
        more = count - len(definition.inputs) + 1 if name.startswith("*") else 1
        names += [f"{name.strip('*?')}[{i}]" for i in range(more)] if name.startswith("*") else [name.strip("?")]
    return (names + [f"input {i}" for i in range(len(names), count)])[:count]


def _attrs(node: Node) -> dict[str, str]:
    """Attributes as text, without those that are not given or empty."""
    found = {k: _text(v) for k, v in node.attrs.items() if v is not None}
    return {k: text for k, text in found.items() if text}


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.7g}"  # as many digits as a float32 has
    text = ", ".join(map(_text, value)) if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
