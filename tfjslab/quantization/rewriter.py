"""The graph that is being made while nodes go over to integers; tensors change their encoding where the two meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.names import reserve
from tfjslab.graph.ir import Graph, Node
from tfjslab.ops import registry
from tfjslab.ops.registry import Spec
from tfjslab.quantization.scheme import Scale


@dataclass
class Rewriter:
    """The graph being made. A value has an integer form (``name/int8``), a float form (its own name), or both."""

    graph: Graph
    specs: Mapping[str, Spec]
    scales: Mapping[str, Scale]
    means: Mapping[str, Array]
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    integers: dict[str, str] = field(default_factory=dict)
    encodings: dict[str, Scale] = field(default_factory=dict)
    floats: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    merged: dict[str, Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Inputs and constants are float32 at the start."""
        self.constants.update(self.graph.constants)
        self.floats.update(self.constants, (p.value for p in self.graph.inputs))
        self.taken.update(self.floats, (n.name for n in self.graph.nodes))

    def name(self, wanted: str) -> str:
        """A name that nothing has yet."""
        return reserve(wanted, self.taken)

    def emit(self, name: str, op: str, inputs: Sequence[str], layer: str, attrs: Mapping[str, Any]) -> str:
        """Add a node of one output."""
        resolved = registry.get(op).resolve_attrs(attrs, f"node '{name}'")
        self.nodes.append(Node(name, op, tuple(inputs), resolved, layer=layer))
        return name

    def integer(self, value: str) -> str:
        """The integer form of a value, made where it is first wanted."""
        if value not in self.integers:
            scale = self.scales[value]
            self.integers[value] = self.emit(
                self.name(f"{value}/int8"), "Quantize", (value,), "", {"scale": scale.scale, "zero": scale.zero},
            )
            self.encodings[value] = scale
        return self.integers[value]

    def real(self, value: str) -> None:
        """Make sure that the float form of a value exists."""
        if value and value not in self.floats:
            scale = self.encodings[value]
            self.emit(value, "Dequantize", (self.integers[value],), "", {"scale": scale.scale, "zero": scale.zero})
            self.floats.add(value)

    def quantized(self, node: Node, op: str, inputs: Sequence[str], scale: Scale, attrs: Mapping[str, Any]) -> None:
        """Add the integer form of a node, whose output has the encoding ``scale``."""
        self.integers[node.name] = self.emit(self.name(f"{node.name}/int8"), op, inputs, node.layer, attrs)
        self.encodings[node.name] = scale

    def keep(self, node: Node) -> None:
        """Add a node that stays float32."""
        for v in node.uses:
            self.real(v)
        self.nodes.append(node)
        self.floats.update(node.outputs)

    def merge(self, node: Node) -> None:
        """Leave a sum to the activation behind it."""
        self.merged[node.name] = node

    def operands(self, node: Node) -> tuple[str, ...]:
        """The values that an activation works on: its input, or the two of the sum that it takes in."""
        before = self.merged.get(node.inputs[0])
        return node.inputs[:1] if before is None else before.inputs

    def constant(self, name: str, array: Array) -> str:
        """Add a constant."""
        found = self.name(name)
        self.constants[found] = array
        return found
