"""Computes shapes, and what is made of them, where the inputs' declared shapes decide them."""

from __future__ import annotations

from dataclasses import replace

from tfjslab.base.errors import TfjslabError
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import Specialized, specialize
from tfjslab.ops.registry import Spec
from tfjslab.passes.base import Pass, Target
from tfjslab.passes.draft import Draft

# Only asked for to tell why one of them was left; what is known of shapes comes from the ops' own rules.
_SHAPE_OPS = ("Shape", "ShapeN", "Size", "Rank")


def _run(draft: Draft, _target: Target) -> None:
    try:
        known = specialize(draft.graph, {p.value: _declared(p.shape, p.dtype) for p in draft.graph.inputs})
    except TfjslabError as e:
        draft.refuse(f"shapes do not fit the declared inputs: {e}", *(p.name for p in draft.graph.inputs))
        return
    left = {n.name: n for n in known.graph.nodes}
    for name in list(draft.nodes):
        node = draft.nodes.get(name)  # as earlier rewrites have left it
        if node is None:
            continue
        if name in left:
            _resolve(draft, node, left[name])
        else:
            _fold(draft, node, known)


def _declared(shape: tuple[int | None, ...] | None, dtype: str) -> Spec:
    """An input with an open length is one of which nothing is known: a guess would become part of the model."""
    if shape is None or any(d is None or d < 0 for d in shape):
        return Spec(None, dtype)
    return Spec(tuple(d for d in shape if d is not None), dtype)


def _resolve(draft: Draft, node: Node, resolved: Node) -> None:
    if resolved.attr_inputs != node.attr_inputs:
        # Canonical only once all of its attributes are known; until then the values stay where they are.
        if resolved.attr_inputs:
            return
        supplied = list(node.attr_inputs.values())
        draft.put(replace(node, attrs=resolved.attrs, attr_inputs={}))
        for value in supplied:
            draft.remove_unread(value)
        draft.done(f"{node.name} ({node.op}): {', '.join(node.attr_inputs)} known from the shapes of the inputs")
    elif node.op in _SHAPE_OPS:
        draft.refuse("the shape that it asks for has open lengths or depends on data", node.name)


def _fold(draft: Draft, node: Node, known: Specialized) -> None:
    if not node.outputs or all(v in draft.graph.constants for v in node.uses):
        return  # what depends on constants only is the work of another pass, which minds the size
    if any(draft.is_output(v) for v in node.outputs):
        draft.refuse("it is an output of the model, which a node has to make", node.name)
        return
    for value in node.outputs:
        if draft.readers(value):
            draft.replace_value(value, draft.constant(f"{node.name}/folded", known.graph.constants[value]))
    draft.remove(node.name)
    for value in node.uses:
        draft.remove_unread(value)
    draft.done(f"computed {node.name} ({node.op}) from the shapes of the inputs")


PASS = Pass("shapes", "computes shapes where the declared shapes of the inputs decide them", _run)
