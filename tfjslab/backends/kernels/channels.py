"""Images with channels first as images with channels last, which is what kernels are for.

A convolution or pooling of data_format NCHW becomes one of NHWC between two transposes. Elementwise work between two
of them is done with channels last as well, so that the transposes in between vanish. Where values lie as channel planes
the others are copies of planes. Windows over sequences and volumes become such over images before that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tfjslab.backends.kernels.rewrites import Rule, rewritten
from tfjslab.backends.kernels.volumes import RULES
from tfjslab.base.names import reserve
from tfjslab.base.shapes import Shape, size_of
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.registry import Spec

# And what is fused to them.
_WINDOW_OPS = ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MaxPool", "AvgPool")
_TO_LAST, _TO_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
_RANK = 4


def channels_last(program: Specialized, outputs: Sequence[str], others: Sequence[Rule] = ()) -> Specialized:
    """The program with windows over images with channels last only, as far as can be; ``outputs`` are as before.

    ``others`` are rules for what else is rewritten, in the same walk.
    """
    program = rewritten(program, (*RULES, *others))
    if not any(map(_is_first, program.graph.nodes)):
        return program
    return _Rewriter(program).run(outputs)


def _is_first(node: Node) -> bool:
    core = node.definition.facts.core or node.op
    return core in _WINDOW_OPS and node.attrs.get("data_format") == "NCHW"


def _permuted(values: Sequence[Any], order: Shape) -> tuple[Any, ...]:
    return tuple(values[i] for i in order)


class _Rewriter:
    """Writes nodes anew; ``last`` are values with channels last, by the value with channels first."""

    def __init__(self, program: Specialized) -> None:
        self.program = program
        self.specs: dict[str, Spec] = dict(program.specs)
        self.names = {n.name for n in program.graph.nodes} | set(program.specs)
        self.nodes: list[Node] = []
        self.last: dict[str, str] = {}
        self.own: dict[str, str] = {}  # nodes with channels last, by the name of the node that they stand for

    def run(self, outputs: Sequence[str]) -> Specialized:
        for node in self.program.graph.nodes:
            inputs = self._inputs(node)
            if inputs is None:
                self.nodes.append(node)
            else:
                self._rewrite(node, inputs)
        nodes = self._named(_needed(self.nodes, outputs))
        graph = self.program.graph.with_(nodes=tuple(nodes))
        return Specialized(graph, self.specs, frozenset(n.name for n in nodes))

    def _inputs(self, node: Node) -> tuple[str, ...] | None:
        """What a node reads with channels last; None where it stays as it is."""
        if _is_first(node):
            return (self._turned(node.inputs[0], node), *node.inputs[1:])
        if node.definition.expr is None or self.last.keys().isdisjoint(node.inputs):
            return None
        shape = self.specs[node.name].known_shape
        read = [self._operand(v, shape, node) for v in node.inputs]
        return None if None in read else tuple(v for v in read if v is not None)

    def _turned(self, value: str, reader: Node) -> str:
        """A value with channels last, turned for the first who wants it so."""
        if value not in self.last:
            name = self.last[value] = reserve(f"{value}/channels_last", self.names)
            self._add(Node(name, "Transpose", (value,), {"perm": _TO_LAST}, layer=reader.layer), value)
        return self.last[value]

    def _operand(self, value: str, shape: Shape, reader: Node) -> str | None:
        """An operand of an elementwise node of ``shape`` with channels last; None where it would have to be turned."""
        spec = self.specs[value]
        own, channels = spec.known_shape, shape[1]
        if value in self.last and own == shape:
            return self.last[value]
        if size_of(own) == 1:
            return value
        if own not in ((channels, 1, 1), (1, channels, 1, 1)):
            return None
        name = reserve(f"{value}/by_channel", self.names)
        self.nodes.append(Node(name, "Reshape", (value,), {"shape": (channels,)}, layer=reader.layer))
        self.specs[name] = Spec((channels,), spec.dtype)
        return name

    def _rewrite(self, node: Node, inputs: tuple[str, ...]) -> None:
        name = self.last[node.name] = self.own[node.name] = reserve(f"{node.name}/channels_last", self.names)
        self._add(replace(node, name=name, inputs=inputs, attrs=_attrs_last(node.attrs)), node.name)
        self.nodes.append(Node(node.name, "Transpose", (name,), {"perm": _TO_FIRST}, layer=node.layer))

    def _add(self, node: Node, first: str) -> None:
        """Add a node whose output is that of ``first`` with channels last."""
        self.nodes.append(node)
        spec = self.specs[first]
        self.specs[node.name] = Spec(_permuted(spec.known_shape, _TO_LAST), spec.dtype)

    def _named(self, nodes: Sequence[Node]) -> list[Node]:
        """Nodes under the names that the model knows, where no transpose needs these."""
        taken = {n.name for n in nodes}
        names = {own: name for name, own in self.own.items() if name not in taken}
        self.specs.update({name: self.specs[own] for own, name in names.items()})
        return [replace(n, name=names.get(n.name, n.name), inputs=tuple(names.get(v, v) for v in n.inputs))
                for n in nodes]


def _needed(nodes: Sequence[Node], outputs: Sequence[str]) -> list[Node]:
    """The nodes that outputs depend on."""
    wanted, found = set(outputs), []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.outputs):
            found.append(node)
            wanted.update(node.uses)
    return found[::-1]


_ORDERED: dict[str, Callable[[Sequence[Any]], tuple[Any, ...]]] = {
    name: lambda values: _permuted(values, _TO_LAST) if len(values) == _RANK else tuple(values)
    for name in ("strides", "dilations", "ksize", "output_shape")
}
_ORDERED["explicit_paddings"] = lambda v: (*v[:2], *v[4:], *v[2:4]) if len(v) == 2 * _RANK else tuple(v)


def _attrs_last(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of a window over an image with channels last; others stay."""
    if "data_format" not in attrs:
        return dict(attrs)
    turned = {name: turn(attrs[name]) for name, turn in _ORDERED.items() if name in attrs}
    return {**attrs, **turned, "data_format": "NHWC"}
