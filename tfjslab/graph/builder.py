"""Builds graphs in Python, for readers of formats without a graph of their own and for the models of the zoo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.graph.ir import Dims, Graph, Node, Port, value_name
from tfjslab.graph.verify import verify
from tfjslab.ops import registry


@dataclass
class GraphBuilder:
    """Collects nodes in order. Values are names, as in the graph; ``layer`` is noted on the nodes added next."""

    layer: str = ""
    inputs: list[Port] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def unique(self, name: str) -> str:
        """``name``, or ``name_1`` and so on when it is taken."""
        found, count = name, 0
        while found in self.taken:
            count += 1
            found = f"{name}_{count}"
        self.taken.add(found)
        return found

    def input(self, name: str, shape: Dims | None, dtype: str = "float32") -> str:
        """Add an input of the graph."""
        value = self.unique(name)
        self.inputs.append(Port(value, value, shape, dtype))
        return value

    def constant(self, name: str, array: Array) -> str:
        """Add a constant. The same array under the same name is one constant."""
        if self.constants.get(name) is array:
            return name
        value = self.unique(name)
        self.constants[value] = array
        return value

    def node(self, name: str, op: str, inputs: Sequence[str], num_outputs: int = 1, **attrs: Any) -> str:
        """Add a node with checked attributes and return its first value; UsageError names the node."""
        definition = registry.get(op)
        unique = self.unique(name)
        resolved = definition.resolve_attrs(attrs, f"node '{unique}'")
        self.nodes.append(Node(unique, op, tuple(inputs), resolved, num_outputs=num_outputs, layer=self.layer))
        return unique

    def outputs_of(self, value: str) -> list[str]:
        """All values of the node that ``value`` is the first of."""
        for node in reversed(self.nodes):
            if node.name == value:
                return [value_name(node.name, i) for i in range(node.num_outputs)]
        raise UsageError(f"no node '{value}' has been added")

    def build(self, outputs: Sequence[Port], metadata: Mapping[str, Any]) -> Graph:
        """The verified graph."""
        used = {v for n in self.nodes for v in n.uses} | {p.value for p in outputs}
        constants = {k: v for k, v in self.constants.items() if k in used}
        graph = Graph(tuple(self.inputs), tuple(outputs), tuple(self.nodes), constants, metadata=metadata)
        verify(graph)
        return graph
