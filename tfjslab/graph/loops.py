"""Specializing with loops, branches and calls written out where shapes and known values decide them.

A loop over a batch or over time steps has a condition that follows from constants. Its iterations one after the other,
with the lists of tensors that it fills taken apart, are static nodes like any other, and become part of a plan. What is
not decided, or would grow too large, stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tfjslab.base.dtypes import Array
from tfjslab.base.names import reserve
from tfjslab.graph.ir import Graph, Node, value_name
from tfjslab.graph.known_lists import Known, KnownList, makes_or_reads_lists, resolve
from tfjslab.graph.specialize import Specialized, Specializer, specialize
from tfjslab.ops.registry import Spec

MAX_WRITTEN_OUT = 4000  # nodes that loops and calls of one graph become: some 0.1 ms each to compile


class _NotDecided(Exception):  # noqa: N818 - not an error: the node stays
    """A loop, branch or call cannot be written out."""


def specialize_unrolled(graph: Graph, feeds: Mapping[str, Spec], library: Mapping[str, Graph]) -> Specialized:
    """Like ``specialize``; ``library`` are the functions that the nodes may name."""
    if not any(n.definition.control or makes_or_reads_lists(n.op) for n in graph.nodes):
        return specialize(graph, feeds)
    return _Unroller(graph, feeds, library).run()


class _Unroller:
    def __init__(self, graph: Graph, feeds: Mapping[str, Spec], library: Mapping[str, Graph]) -> None:
        self.graph = graph
        self.library = library
        self.made = Specializer(graph, feeds)
        self.lists: dict[str, KnownList] = {}
        self.alias: dict[str, str] = {}  # values by the names that they were written out from
        self.names = {n.name for n in graph.nodes} | {v for n in graph.nodes for v in n.outputs} | set(self.made.specs)
        self.constants: dict[tuple[str, str], str] = {}  # names here, by function and name there
        self.calls: list[str] = []  # functions that are being written out
        self.count = 0

    def run(self) -> Specialized:
        for node in self.graph.nodes:
            self.add(node)
        return self.made.finish()

    def add(self, node: Node) -> None:
        """Take a node with the values that it reads now; written out if it can be."""
        read = replace(
            node, inputs=tuple(self._now(v) for v in node.inputs),
            attr_inputs={a: self._now(v) for a, v in node.attr_inputs.items()},
        )
        if node.op in _WRITERS and self._written_out(read):
            return
        self.made.add(read)
        if makes_or_reads_lists(read.op) and self.made.nodes and self.made.nodes[-1].name == node.name:
            self._known_list(self.made.nodes[-1])

    def _now(self, value: str) -> str:
        return self.alias.get(value, value)

    def _fresh(self, wanted: str) -> str:
        return reserve(wanted, self.names)

    # ---- lists -------------------------------------------------------------------------------------------------

    def _known_list(self, node: Node) -> None:
        """Replace what a list op makes by what that is; a node that makes lists stays for readers that need these."""
        found = resolve(node, Known(self.made.specs, self.lists), self._fresh)
        if found is None:
            return
        lists = any(isinstance(r, KnownList) for r in found.outputs)
        if not lists:
            self.made.nodes.pop()
        for made in found.nodes:
            self.made.add(made)
        for value, result in zip(node.outputs, found.outputs, strict=True):
            if isinstance(result, KnownList):
                self.lists[value] = result
            elif lists:
                self.alias[value] = self._named(value, result)
            else:
                self._be(value, self._named(value, result))

    def _named(self, value: str, result: str | Array) -> str:
        """The name of what a value is; an array becomes a constant."""
        if isinstance(result, str):
            return result
        name = self._fresh(f"{value}/known")
        self.made.constant(name, result)
        return name

    def _be(self, value: str, other: str) -> None:
        """Let a value be another; under its own name for who asks for it from outside."""
        if value == other:
            return
        self.alias[value] = other
        self.made.add(Node(value, "Identity", (other,)))
        if other in self.lists:
            self.lists[value] = self.lists[other]

    # ---- loops, branches, calls --------------------------------------------------------------------------------

    def _written_out(self, node: Node) -> bool:
        before = len(self.made.nodes), self.count
        try:
            results = _WRITERS[node.op](self, node)
        except _NotDecided:
            del self.made.nodes[before[0]:]
            self.count = before[1]
            return False
        for i, result in enumerate(results):
            self._be(value_name(node.name, i), result)
        return True

    def call(self, name: str, arguments: Sequence[str], where: str) -> list[str]:
        """The values that a function gives, its nodes added under ``where``."""
        function = self.library.get(name)
        if function is None or name in self.calls or len(function.inputs) != len(arguments):
            raise _NotDecided
        self.count += 1 + len(function.nodes)  # an empty body would go on for ever
        if self.count > MAX_WRITTEN_OUT:
            raise _NotDecided
        inner = dict(zip((p.value for p in function.inputs), arguments, strict=True))
        inner.update({c: self._constant(name, c, array) for c, array in function.constants.items()})
        self.calls.append(name)
        try:
            for node in function.nodes:
                self._add_inner(node, inner, where)
        finally:
            self.calls.pop()
        return [self._now(inner[p.value]) for p in function.outputs]

    def _add_inner(self, node: Node, inner: dict[str, str], where: str) -> None:
        name = self._fresh(f"{where}/{node.name}")
        inner.update({v: value_name(name, i) for i, v in enumerate(node.outputs)})
        self.add(replace(
            node, name=name, inputs=tuple(v and inner[v] for v in node.inputs),
            attr_inputs={a: inner[v] for a, v in node.attr_inputs.items()},
        ))

    def _constant(self, function: str, value: str, array: Array) -> str:
        """One name for all calls, so that weights are packed once."""
        if (function, value) not in self.constants:
            name = self.constants[function, value] = self._fresh(f"{function}/{value}")
            self.made.constant(name, array)
        return self.constants[function, value]

    def truth(self, value: str) -> bool:
        """Whether a value is known to be true or false."""
        known = self.made.specs[value].value
        if known is None or known.size != 1:
            raise _NotDecided
        return bool(known.reshape(()))

    def holds(self, name: str, arguments: Sequence[str]) -> bool:
        """What a condition says of arguments, computed from their specs without adding a node."""
        function = self.library.get(name)
        if function is None or len(function.inputs) != len(arguments) or len(function.outputs) != 1:
            raise _NotDecided
        feeds = {p.value: self.made.specs[a] for p, a in zip(function.inputs, arguments, strict=True)}
        found = specialize(function, feeds).specs[function.outputs[0].value].value
        if found is None or found.size != 1:
            raise _NotDecided
        return bool(found.reshape(()))


def _while(unroller: _Unroller, node: Node) -> list[str]:
    values, iteration = list(node.inputs), 0
    while unroller.holds(node.attrs["cond"], values):
        values = unroller.call(node.attrs["body"], values, f"{node.name}/{iteration}")
        iteration += 1
    return values


def _if(unroller: _Unroller, node: Node) -> list[str]:
    branch = "then_branch" if unroller.truth(node.inputs[0]) else "else_branch"
    return unroller.call(node.attrs[branch], node.inputs[1:], node.name)


def _call(unroller: _Unroller, node: Node) -> list[str]:
    return unroller.call(node.attrs["f"], node.inputs, node.name)


_WRITERS: dict[str, Callable[[_Unroller, Node], list[str]]] = {"While": _while, "If": _if, "Call": _call}
