"""Builds graphs in Python, for readers of formats without a graph of their own and for the models of the zoo.

Ops are spelled as in TensorFlow files (``_FusedConv2D``, ``Mean``), whose attribute names they take; the registry
says what that is in the IR. What a file gives as a tensor (an axis, a shape) is given as an attribute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UnknownOpError, UsageError
from tfjslab.base.names import reserve
from tfjslab.graph.ir import Dims, Graph, Node, Port, value_name
from tfjslab.graph.verify import verify
from tfjslab.ops import registry
from tfjslab.ops.registry import OpDef, Tf


def spelled(tf_op: str) -> tuple[OpDef, Tf]:
    """The op that a TensorFlow name means, or the one of that name where TensorFlow has none; else UnknownOpError."""
    found = registry.find_tf(tf_op)
    if found is not None:
        return found
    own = registry.all_ops().get(tf_op)
    if own is None or own.tf:
        raise UnknownOpError(f"TensorFlow op '{tf_op}' is not in the registry")
    return own, Tf(own.name, " ".join(own.inputs))


def place_inputs(definition: OpDef, form: Tf, given: Sequence[str]) -> tuple[str, ...]:
    """Values in the order of the file's spelling, put into the order of the op."""
    words = [w.strip("*?") for w in form.args.split() if not w.startswith("@")]
    names = [n.strip("*?") for n in definition.inputs]
    if words == names or any(n.startswith("*") for n in definition.inputs):
        return tuple(given)
    bound = dict(zip(words, given, strict=False))
    return tuple(bound.get(n, "") for n in names)


@dataclass(frozen=True)
class Supplied:
    """Stands for an attribute that is only known when the model runs: what the value of this name holds."""

    value: str


@dataclass
class GraphBuilder:
    """Collects nodes in order. Values are names, as in the graph; ``layer`` is noted on the nodes added next."""

    layer: str = ""
    inputs: list[Port] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    functions: dict[str, Graph] = field(default_factory=dict)

    def unique(self, name: str) -> str:
        """``name``, or ``name_1`` and so on when it is taken."""
        return reserve(name, self.taken)

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
        self.constants[value] = np.asarray(array)
        return value

    def node(self, name: str, tf_op: str, given: Sequence[str], **attrs: Any) -> Node:
        """Add a node: TensorFlow's op name, its tensors in TensorFlow's order, and attributes by TensorFlow's names.

        UsageError names the node when an attribute is wrong; attributes that the op does not have are refused.
        One that is ``Supplied`` is read from a value.
        """
        definition, form = spelled(tf_op)
        unique = self.unique(name)
        renamed = {v: k for k, v in form.rename.items()}
        wanted = {**form.fixed, **{renamed.get(k, k): v for k, v in attrs.items()}}
        supplied = {k: v.value for k, v in wanted.items() if isinstance(v, Supplied)}
        resolved = definition.resolve_attrs(wanted, f"node '{unique}'", supplied)
        inputs = place_inputs(definition, form, given)
        count = definition.outputs_of(resolved, len(inputs))
        if count is None:
            raise UsageError(f"node '{unique}': how many outputs {tf_op} has depends on its functions")
        node = Node(unique, definition.name, inputs, resolved, supplied, num_outputs=count, layer=self.layer)
        self.nodes.append(node)
        return node

    def value(self, name: str, tf_op: str, *given: str, index: int = 0, **attrs: Any) -> str:
        """``node``, but gives the name of one of its values."""
        return value_name(self.node(name, tf_op, given, **attrs).name, index)

    def build(self, outputs: Sequence[Port], metadata: Mapping[str, Any]) -> Graph:
        """The verified graph."""
        used = {v for n in self.nodes for v in n.uses} | {p.value for p in outputs}
        constants = {k: v for k, v in self.constants.items() if k in used}
        graph = Graph(
            tuple(self.inputs), tuple(outputs), tuple(self.nodes), constants, dict(self.functions), metadata,
        )
        verify(graph)
        return graph
