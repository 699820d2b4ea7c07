"""Writes the casts of ``tfjslab.ops.promotion`` into graphs: when a file is read and when shapes are known.

A reader knows the dtypes of nearly all values; what is left is cast when a run tells the dtypes of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tfjslab.base.dtypes import of_array
from tfjslab.base.names import reserve
from tfjslab.graph.ir import Graph, Node
from tfjslab.ops.facts import Like
from tfjslab.ops.promotion import casts


def promoted(node: Node, dtypes: Sequence[str], fresh: Callable[[str], str]) -> tuple[Node, ...]:
    """The node with the casts that inputs of ``dtypes`` ("" if not known) need; the last one makes its values.

    ``fresh`` gives a name that is free.
    """
    needed = casts(node.definition.facts.promotes, dtypes) if all(node.inputs) else None
    if needed is None:
        return (node,)
    if needed.passes_on:
        return (Node(node.name, "Identity", node.inputs, layer=node.layer),)
    before, inputs = [], list(node.inputs)
    for i, dtype in enumerate(needed.inputs):
        if dtype:
            before.append(_cast(fresh(f"{node.name}/upcast"), inputs[i], dtype, node))
            inputs[i] = before[-1].name
    if not needed.output:
        return (*before, replace(node, inputs=tuple(inputs)))
    names = [*(fresh(f"{node.name}/wide") for _ in needed.output), node.name]
    after = [_cast(n, v, d, node) for n, v, d in zip(names[1:], names, needed.output, strict=False)]
    return (*before, replace(node, name=names[0], inputs=tuple(inputs)), *after)


def _cast(name: str, value: str, dtype: str, of: Node) -> Node:
    return Node(name, "Cast", (value,), {"dtype": dtype}, layer=of.layer)


def with_casts(graph: Graph) -> Graph:
    """The graph with the casts that follow from the dtypes of its inputs and constants. Functions stay as they are."""
    dtypes = {p.value: p.dtype for p in graph.inputs} | {c: of_array(a) for c, a in graph.constants.items()}
    taken = {*dtypes, *(n.name for n in graph.nodes), *(v for n in graph.nodes for v in n.outputs)}
    made: list[Node] = []
    for node in graph.nodes:
        for part in promoted(node, [dtypes.get(v, "") for v in node.inputs], lambda name: reserve(name, taken)):
            made.append(part)
            if part.outputs:
                dtypes[part.outputs[0]] = _dtype(part, [dtypes.get(v, "") for v in part.inputs])
    return graph if len(made) == len(graph.nodes) else graph.with_(nodes=tuple(made))


def _dtype(node: Node, ins: Sequence[str]) -> str:
    """The dtype of the first output, "" where only the op's rule would tell."""
    known = str(node.attrs["dtype"]) if node.op == "Cast" and not node.attr_inputs else node.definition.facts.dtype
    if isinstance(known, Like):  # a list of inputs may be empty
        return ins[known.index] if known.index < len(ins) else ""
    return known or ""
