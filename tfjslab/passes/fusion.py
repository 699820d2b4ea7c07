"""Groups of nodes that a backend can run as one kernel.

A group is a core (convolution, product, pooling) and the elementwise chain behind it, or such a chain alone. The
chain is one expression. Fused TensorFlow ops are first taken apart into core and chain, so that
``FusedConv2D(bias, relu6)`` and ``Conv2D`` + ``Add`` + ``Relu6`` become the same group. Pure: graph in, groups out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from tfjslab.base.errors import GraphError
from tfjslab.graph.ir import Node
from tfjslab.ops.decompose import attrs_of, decompose
from tfjslab.ops.expr import Expr, X, substitute
from tfjslab.ops.facts import IMAGE_RANK
from tfjslab.ops.registry import Spec

# More operands need more pointers and registers than a tile has to spare.
_MAX_OPERANDS = 6
# An expression becomes nested text, which Python and the compilers of shaders walk recursively (in Python a stack of
# one's own takes two to three times as long), so its depth is bounded, counted in operations. What is longer is several
# kernels and loses nothing: with so much work on each element 48 functions in a row (tanh, tan, sigmoid) take no less
# time as one kernel, and a shader of 48 tangents keeps a driver's compiler busy for minutes, in gigabytes.
_MAX_NODES, _MAX_DEPTH = 48, 192


@dataclass(frozen=True)
class Group:
    """``output = expr(core result, operands...)``, or ``expr(operands...)`` when there is no core.

    ``core`` is a node of an unfused op; ``nodes`` are the model's nodes, in order.
    """

    core: Node | None
    nodes: tuple[Node, ...]
    expr: Expr
    operands: tuple[str, ...]
    output: str

    @property
    def core_node(self) -> Node:
        """The core, for callers that know there is one."""
        if self.core is None:
            raise GraphError(f"the group of '{self.output}' has no core")
        return self.core

    @property
    def inputs(self) -> tuple[str, ...]:
        """All values that the group reads."""
        return (*(self.core.uses if self.core else ()), *self.operands)


@dataclass(frozen=True)
class Rules:
    """What a backend can do.

    Nodes that are not ``supported`` stand alone. A core that ``takes_epilogue`` may be followed by a chain whose
    operands (their spec, then the output's) an epilogue ``reads``. One that ``takes_padding`` pads its own input.
    """

    supported: Callable[[Node], bool]
    takes_epilogue: Callable[[Node], bool]
    reads: Callable[[Spec, Spec], bool]
    takes_padding: Callable[[Node], bool]


def group_nodes(
    nodes: Sequence[Node], specs: Mapping[str, Spec], outputs: Collection[str], rules: Rules,
) -> list[Group]:
    """Fuse what can be fused; the groups stand in an order in which every value is made before it is used.

    ``outputs`` must exist at the end, so nothing is fused across them.
    """
    uses: dict[str, int] = dict.fromkeys(outputs, 1)
    for n in nodes:
        for v in n.uses:
            uses[v] = uses.get(v, 0) + 1
    open_groups: dict[str, Group] = {}
    done: list[Group | None] = []
    position: dict[str, int] = {}
    for n in nodes:
        group = single(n) if rules.supported(n) else Group(n, (n,), X, (), n.name)
        if rules.supported(n) and (padded := _take_padding(group, open_groups, uses, rules)):
            group, producer = padded
            done[position.pop(producer)] = None
            del open_groups[producer]
        while rules.supported(n) and (found := _next_merge(group, open_groups, uses, specs, rules)):
            group, producer = found
            done[position.pop(producer)] = None
            del open_groups[producer]
        position[group.output] = len(done)
        done.append(group)
        if rules.supported(n) and n.num_outputs == 1:
            open_groups[group.output] = group
    return [g for g in done if g is not None]


def _next_merge(
    group: Group, open_groups: Mapping[str, Group], uses: Mapping[str, int], specs: Mapping[str, Spec], rules: Rules,
) -> tuple[Group, str] | None:
    """The group with one of its producers merged in, and which, or None.

    Only what nobody else reads is merged. The core counts: it reads its inputs, whatever the chain behind it does.
    """
    read_by_core = group.core.inputs if group.core is not None else ()
    for v in group.operands:
        producer = open_groups.get(v)
        if producer is None or v in read_by_core or sum(n.uses.count(v) for n in group.nodes) != uses[v]:
            continue
        merged = _merge(group, producer)
        if merged is not None and _allowed(merged, producer, specs, rules):
            return merged, v
    return None


def single(node: Node) -> Group:
    """A node as a group of its own."""
    parts = decompose(node.op, node.inputs, node.attrs)
    core = None
    if parts.core_op is not None:
        core = replace(node, op=parts.core_op, inputs=parts.core_inputs, attrs=attrs_of(parts.core_op, node.attrs))
    return Group(core, (node,), parts.expr, parts.operands, node.name)


def _take_padding(
    group: Group, open_groups: Mapping[str, Group], uses: Mapping[str, int], rules: Rules,
) -> tuple[Group, str] | None:
    """A core whose input is padded with zeros pads for itself, when nobody else reads the padded image."""
    core = group.core
    if core is None or not rules.takes_padding(core) or core.attrs.get("padding") != "VALID":
        return None
    pad = open_groups.get(core.inputs[0])
    if pad is None or pad.core is None or pad.core.op != "PadV2" or len(pad.nodes) > 1 or uses[pad.output] != 1:
        return None
    pairs = pad.core.attrs["paddings"]
    if pad.core.attrs["constant_value"] or len(pairs) != IMAGE_RANK or any(map(sum, (pairs[0], pairs[3]))):
        return None
    attrs = {**core.attrs, "padding": "EXPLICIT", "explicit_paddings": tuple(n for p in pairs for n in p)}
    inner = replace(core, inputs=(pad.core.inputs[0], *core.inputs[1:]), attrs=attrs)
    return replace(group, core=inner, nodes=(*pad.nodes, *group.nodes)), pad.output


def _merge(group: Group, producer: Group) -> Group | None:
    """Put ``producer`` in place of its output in ``group``; None when both have a core."""
    if group.core is not None and producer.core is not None:
        return None
    core = group.core or producer.core
    names: list[str] = []

    def leaf(name: str) -> Expr:
        if name not in names:
            names.append(name)
        return Expr("in", leaf=names.index(name) + (core is not None))

    def leaves(g: Group) -> list[Expr]:
        own = [X] if g.core is not None else []
        return [*own, *(inner if v == producer.output else leaf(v) for v in g.operands)]

    inner = X
    inner = substitute(producer.expr, leaves(producer), {})
    expr = substitute(group.expr, leaves(group), {})
    return Group(core, (*producer.nodes, *group.nodes), expr, tuple(names), group.output)


def _allowed(merged: Group, producer: Group, specs: Mapping[str, Spec], rules: Rules) -> bool:
    out = specs[merged.output]
    too_long = (
        len(merged.operands) > _MAX_OPERANDS or len(merged.nodes) > _MAX_NODES or merged.expr.depth > _MAX_DEPTH)
    if specs[producer.output].shape != out.shape or too_long:
        return False
    if merged.core is None:
        return True
    floats = all(specs[v].dtype == "float32" for v in (merged.output, *merged.operands))
    return floats and rules.takes_epilogue(merged.core) and all(rules.reads(specs[v], out) for v in merged.operands)
