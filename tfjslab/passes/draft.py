"""A graph that is being rewritten: who makes and reads each value, kept up to date, and a record of what was done.

A pass gets a draft, calls its few verbs, and says after each rewrite what that was (``done``). Nodes keep their places,
and a fused node takes the place and the name of the last of its parts, so that order, names and outputs stay right.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.names import reserve
from tfjslab.graph.ir import Graph, Node
from tfjslab.passes.report import Change, Refusal


class Draft:
    """One graph (not its functions) while a pass works on it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes = {n.name: n for n in graph.nodes}
        self.constants = dict(graph.constants)
        self.stored = dict(graph.stored)
        self.outputs = list(graph.outputs)
        self.changes: list[Change] = []
        self.refusals: list[Refusal] = []
        self._makers = {v: n.name for n in graph.nodes for v in n.outputs}
        self._readers: dict[str, Counter[str]] = {}
        for node in graph.nodes:
            self._count(node, 1)
        self._taken = {*self._makers, *self.constants, *(p.value for p in graph.inputs)}
        self._removed: dict[str, None] = {}
        self._changed: dict[str, None] = {}
        self._added: dict[str, None] = {}

    # ---- asking ------------------------------------------------------------------------------------------------------

    def maker(self, value: str) -> Node | None:
        """The node that makes a value; None for inputs and constants."""
        name = self._makers.get(value)
        return self.nodes[name] if name is not None else None

    def readers(self, value: str) -> list[Node]:
        """The nodes that read a value, in order."""
        return [self.nodes[n] for n in self._readers.get(value, ())]

    def is_output(self, value: str) -> bool:
        """Whether the value leaves the graph."""
        return any(p.value == value for p in self.outputs)

    def sole_reader(self, value: str) -> Node | None:
        """The node that reads the value, when it is the only one, reads it once, and the value does not leave."""
        found = self._readers.get(value, Counter())
        if self.is_output(value) or found.total() != 1:
            return None
        return self.nodes[next(iter(found))]

    def array(self, value: str) -> Array | None:
        """The constant called so, if it is an array."""
        found = self.constants.get(value)
        return found if isinstance(found, np.ndarray) else None

    def floats(self, value: str) -> Array | None:
        """The constant called so, if it is of float32."""
        found = self.array(value)
        return found if found is not None and found.dtype == np.float32 else None

    # ---- rewriting ---------------------------------------------------------------------------------------------------

    def constant(self, wanted: str, array: Array, like: str = "") -> str:
        """Add a constant and give its name. It is stored as ``like`` is, the constant that it was made of."""
        name = reserve(wanted, self._taken)
        self._added[name] = None
        self.constants[name] = array
        if like in self.stored:
            self.stored[name] = self.stored[like]
        return name

    def put(self, node: Node) -> None:
        """Replace the node of the same name; the values it makes stay the same, constants that only it read go."""
        old = self.nodes[node.name]
        self._count(old, -1)
        self.nodes[node.name] = node
        self._count(node, 1)
        self._changed[node.name] = None
        self._sweep(old)

    def remove(self, name: str) -> None:
        """Take out a node; constants that only it has read go with it."""
        node = self.nodes.pop(name)
        self._count(node, -1)
        for value in node.outputs:
            del self._makers[value]
        self._removed[name] = None
        self._sweep(node)

    def remove_unread(self, value: str) -> None:
        """Take out the node that makes ``value``, and what only it needs, as far as nothing reads them any more."""
        waiting = [value]
        while waiting:
            node = self.maker(waiting.pop())
            if node and not any(self._readers.get(v) or self.is_output(v) for v in node.outputs):
                self.remove(node.name)
                waiting.extend(node.uses)

    def replace_value(self, old: str, new: str) -> None:
        """Let everything that reads ``old`` read ``new``."""
        for node in self.readers(old):
            inputs = tuple(new if v == old else v for v in node.inputs)
            supplied = {a: new if v == old else v for a, v in node.attr_inputs.items()}
            self.put(replace(node, inputs=inputs, attr_inputs=supplied))
        self.outputs = [replace(p, value=new) if p.value == old else p for p in self.outputs]

    # ---- telling -----------------------------------------------------------------------------------------------------

    def done(self, what: str) -> None:
        """Close a rewrite: everything since the last one belongs to it."""
        self.changes.append(Change(what, *map(tuple, (self._removed, self._changed, self._added))))
        self._removed, self._changed, self._added = {}, {}, {}

    def refuse(self, reason: str, *nodes: str) -> None:
        """Tell why ``nodes`` were left alone."""
        self.refusals.append(Refusal(nodes, reason))

    def finish(self) -> Graph:
        """The graph as it is now; the one that came in when nothing was done."""
        if not self.changes:
            return self.graph
        used = {v for n in self.nodes.values() for v in n.uses} | {p.value for p in self.outputs}
        old = self.graph.constants
        kept = {k: v for k, v in self.constants.items() if k in used or k in old}
        stored = {k: q for k, q in self.stored.items() if k in kept}
        return self.graph.with_(
            nodes=tuple(self.nodes.values()), constants=kept, outputs=tuple(self.outputs), stored=stored,
        )

    def _count(self, node: Node, sign: int) -> None:
        for value in node.uses:
            readers = self._readers.setdefault(value, Counter())
            readers[node.name] += sign
            if not readers[node.name]:
                del readers[node.name]

    def _sweep(self, node: Node) -> None:
        for value in node.uses:
            if value in self.constants and not self._readers[value] and not self.is_output(value):
                del self.constants[value]
