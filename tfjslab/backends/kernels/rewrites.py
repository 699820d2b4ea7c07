"""What is said in other ops before it is lowered, and no kernel knows of: Einsum, broadcast batches, long sums.

A rule makes one node into several, of which the last has the node's name. The others are named after it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import Shape, size_of
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import Specialized
from tfjslab.ops import registry
from tfjslab.ops.decompose import unfused
from tfjslab.ops.registry import Spec

_MOST_ADDED = 16


@dataclass
class Rewriting:
    """A program under way: what its nodes become, and what is known of the new values."""

    specs: dict[str, Spec]
    constants: dict[str, Array]
    nodes: list[Node] = field(default_factory=list)

    def add(self, node: Node, op: str, inputs: Sequence[str], what: str = "", **attrs: Any) -> str:
        """Add an op on behalf of ``node``: under its name, or with ``what`` behind it. Gives the name."""
        name = f"{node.name} {what}" if what else node.name
        while what and name in self.specs:
            name += "'"
        full = registry.get(op).resolve_attrs(attrs, name)
        made = Node(name, op, tuple(inputs), full, layer=node.layer)
        (self.specs[name],) = made.definition.infer([self.specs[v] for v in inputs], full)
        self.nodes.append(made)
        return name

    def constant(self, name: str, make: Callable[[Array], Array], source: str) -> str:
        """A constant that is made of another one, which kernels need to be of weights; the same for the same name."""
        if name not in self.constants:
            made = self.constants[name] = make(self.constants[source])
            self.specs[name] = replace(self.specs[source], shape=made.shape, value=None)
        return name

    def reshaped(self, node: Node, value: str, what: str, shape: Shape) -> str:
        """A value in another shape; of a constant it is one as well."""
        if value in self.constants:
            return self.constant(f"{value} {what}", lambda array: array.reshape(shape), value)
        return self.add(node, "Reshape", [value], what, shape=shape)

    def shape(self, value: str) -> Shape:
        """The shape of a value."""
        return self.specs[value].known_shape


# Whether a node was rewritten; nothing is added when not.
Rule = Callable[[Rewriting, Node], bool]


def rewritten(program: Specialized, rules: Sequence[Rule]) -> Specialized:
    """The program with each node as the first rule has it that takes it; the very same one when none does."""
    work = Rewriting(dict(program.specs), dict(program.graph.constants))
    changed = False
    for node in program.graph.nodes:
        if node.name in program.static and any(rule(work, node) for rule in rules):
            changed = True
        else:
            work.nodes.append(node)
    if not changed:
        return program
    static = program.static | {n.name for n in work.nodes if n.name not in program.specs}
    graph = program.graph.with_(nodes=tuple(work.nodes), constants=work.constants)
    return Specialized(graph, work.specs, static)


def broadcast_batches(work: Rewriting, node: Node) -> bool:
    """Batches of products that are broadcast along some axes only are repeated first."""
    if unfused(node.op) != "BatchMatMul":
        return False
    batch = work.shape(node.name)[:-2]
    shapes = [work.shape(v) for v in node.inputs[:2]]
    if all(size_of(s[:-2]) in (1, size_of(batch)) for s in shapes):
        return False
    repeated = [
        work.add(node, "BroadcastTo", [v], f"operand {i}", shape=(*batch, *s[-2:]))
        for i, (v, s) in enumerate(zip(node.inputs, shapes, strict=False))
    ]
    work.nodes.append(replace(node, inputs=(*repeated, *node.inputs[2:])))
    return True


def long_sums(work: Rewriting, node: Node) -> bool:
    """A sum of very many is a sum of some with the sum before it: in the same order, and no kernel reads thousands."""
    if node.op != "AddN" or len(node.inputs) <= _MOST_ADDED:
        return False
    total, rest = node.inputs[0], node.inputs[1:]
    while len(rest) >= _MOST_ADDED:
        total = work.add(node, "AddN", [total, *rest[: _MOST_ADDED - 1]], "so far")
        rest = rest[_MOST_ADDED - 1 :]
    work.nodes.append(replace(node, inputs=(total, *rest)))
    return True


def einsum(work: Rewriting, node: Node) -> bool:
    """Products of two at a time: letters of one alone are summed, then both are matrices."""
    if node.op != "Einsum":
        return False
    left, _, wanted = node.attrs["equation"].replace(" ", "").partition("->")
    terms = list(zip(left.split(","), node.inputs, strict=True))
    if any(len(set(t)) < len(t) for t, _ in terms):
        return False  # diagonals
    lengths = {c: d for t, v in terms for c, d in zip(t, work.shape(v), strict=True)}
    steps = _Einsum(work, node, lengths)
    found = terms[0]
    for i, term in enumerate(terms[1:], start=2):
        kept = {*wanted, *(c for t, _ in terms[i:] for c in t)}
        found = steps.product(steps.summed(found, {*kept, *term[0]}), steps.summed(term, {*kept, *found[0]}), kept)
    found = steps.summed(found, set(wanted))
    last = steps.ordered(found, wanted)
    work.add(node, "Identity", [last])
    return True


_Term = tuple[str, str]  # letters, and the value whose axes they are


@dataclass(frozen=True)
class _Einsum:
    """Steps of one Einsum; ``lengths`` by letter."""

    work: Rewriting
    node: Node
    lengths: Mapping[str, int]

    def summed(self, term: _Term, kept: Collection[str]) -> _Term:
        """Without the letters that nobody wants."""
        letters, value = term
        axes = [i for i, c in enumerate(letters) if c not in kept]
        if not axes:
            return term
        return "".join(c for c in letters if c in kept), self.work.add(self.node, "Sum", [value], "sum", axis=axes)

    def ordered(self, term: _Term, letters: str) -> str:
        """With its letters in another order."""
        if term[0] == letters:
            return term[1]
        return self.work.add(self.node, "Transpose", [term[1]], "order", perm=[term[0].index(c) for c in letters])

    def product(self, a: _Term, b: _Term, kept: Collection[str]) -> _Term:
        """A matrix for each value of the letters that both have and that are kept."""
        both = [c for c in a[0] if c in b[0]]
        batch = "".join(c for c in both if c in kept)
        inner = "".join(c for c in both if c not in kept)
        rows, columns = ("".join(c for c in t if c not in both) for t in (a[0], b[0]))
        first = self._shaped(self.ordered(a, batch + rows + inner), (batch, rows, inner))
        second = self._shaped(self.ordered(b, batch + inner + columns), (batch, inner, columns))
        made = self.work.add(self.node, "BatchMatMul", [first, second], "product")
        letters = batch + rows + columns
        shape = [self.lengths[c] for c in letters]
        return letters, self.work.add(self.node, "Reshape", [made], "axes", shape=shape)

    def _shaped(self, value: str, parts: tuple[str, str, str]) -> str:
        shape = [size_of([self.lengths[c] for c in part]) for part in parts]
        return self.work.add(self.node, "Reshape", [value], "matrix", shape=shape)


RULES: tuple[Rule, ...] = (broadcast_batches, long_sums, einsum)
