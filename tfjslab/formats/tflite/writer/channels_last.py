"""Image ops with channels first, as those with channels last between two transpositions: operators have no others.

What is computed for each element in between is computed with channels last, too, so that only the ends of such a part
of a model are transposed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Graph, Node
from tfjslab.graph.specialize import Specialized
from tfjslab.ops import registry
from tfjslab.ops.registry import Spec

# The data format with channels first by that with channels last, and which axis of an image goes where.
_FORMATS = {"NCHW": ("NHWC", (0, 2, 3, 1)), "NCW": ("NWC", (0, 2, 1)), "NCDHW": ("NDHWC", (0, 2, 3, 4, 1))}
_BY_AXIS = ("strides", "ksize", "dilations", "output_shape")  # one number for each axis, where there are as many
_PAIRS = "explicit_paddings"  # and two


def channels_last(program: Specialized) -> Graph:
    """The program's graph without channels first; the very graph where there are none."""
    if not any(_is_first(n, program.specs) for n in program.graph.nodes):
        return program.graph
    made = _Turning(program.graph.constants, program.specs)
    for node in program.graph.nodes:
        made.take(node)
    ends = {p.value for p in program.graph.outputs}
    return program.graph.with_(nodes=_used(made.nodes, ends), constants={**program.graph.constants, **made.constants})


def _is_first(node: Node, specs: Mapping[str, Spec]) -> bool:
    """Whether a node has channels first, and its image all axes."""
    _, order = _FORMATS.get(str(node.attrs.get("data_format")), ("", ()))
    return bool(order) and len(specs[node.inputs[0]].shape or ()) == len(order)


@dataclass
class _Turning:
    """What has been written. ``last`` has values with channels first by the same values with channels last."""

    given: Mapping[str, Array]
    specs: Mapping[str, Spec]
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    last: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)

    def take(self, node: Node) -> None:
        """Write one node."""
        if _is_first(node, self.specs):
            word, order = _FORMATS[node.attrs["data_format"]]
            attrs = {**{k: _ordered(k, v, order) for k, v in node.attrs.items()}, "data_format": word}
            self._turned(node, (self._image(node, order), *node.inputs[1:]), attrs, order)
        elif turned := self._elements(node):
            self._turned(node, turned[0], node.attrs, turned[1])
        else:
            self.nodes.append(node)

    def _turned(
        self, node: Node, inputs: Sequence[str], attrs: Mapping[str, Any], order: tuple[int, ...],
    ) -> None:
        """The node with channels last, and its value with channels first for whoever else reads it."""
        inner = replace(node, name=f"{node.name}/channels_last", inputs=tuple(inputs), attrs=attrs)
        back = tuple(int(i) for i in np.argsort(order))
        self.nodes += [inner, _transposed(node.name, inner.name, back)]
        self.last[node.name] = inner.name, order

    def _image(self, node: Node, order: tuple[int, ...]) -> str:
        """The first input with channels last."""
        value = node.inputs[0]
        if value not in self.last:
            name = f"{node.name}/image"
            self.nodes.append(_transposed(name, value, order))
            return name
        return self.last[value][0]

    def _elements(self, node: Node) -> tuple[list[str], tuple[int, ...]] | None:
        """Inputs with channels last of a node that computes each element by itself; None where that is no gain."""
        orders = {self.last[v][1] for v in node.inputs if v in self.last}
        if node.definition.expr is None or len(orders) != 1 or node.attr_inputs:
            return None
        (order,) = orders
        found = [self._operand(node, i, v, order) for i, v in enumerate(node.inputs)]
        return None if "" in found else (found, order)

    def _operand(self, node: Node, i: int, value: str, order: tuple[int, ...]) -> str:
        """An input with channels last; "" for one that would have to be transposed for it."""
        if value in self.last and self.specs[value].shape == self.specs[node.name].shape:
            return self.last[value][0]
        array = self.given.get(value)
        if array is None or array.ndim > len(order):
            return ""
        name = f"{node.name}/channels_last/{i}"
        self.constants[name] = array.reshape((1,) * (len(order) - array.ndim) + array.shape).transpose(order)
        return name


def _transposed(name: str, value: str, order: tuple[int, ...]) -> Node:
    return Node(name, "Transpose", (value,), registry.get("Transpose").resolve_attrs({"perm": order}, name))


def _ordered(name: str, value: Any, order: tuple[int, ...]) -> Any:
    """An attribute in the order of the axes with channels last."""
    if name in _BY_AXIS and len(value) == len(order):
        return tuple(value[i] for i in order)
    if name == _PAIRS and len(value) == 2 * len(order):
        return tuple(value[2 * i + side] for i in order for side in (0, 1))
    return value


def _used(nodes: Sequence[Node], ends: set[str]) -> tuple[Node, ...]:
    """Those that an output needs."""
    wanted, found = set(ends), list[Node]()
    for node in reversed(nodes):
        if wanted & set(node.outputs):
            found.append(node)
            wanted |= set(node.uses)
    return tuple(reversed(found))
