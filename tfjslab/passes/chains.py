"""Shortens pairs that undo or repeat each other: transposes, reshapes, casts."""

from __future__ import annotations

from dataclasses import replace

from tfjslab.graph.ir import Node
from tfjslab.passes.base import Pass, Target
from tfjslab.passes.draft import Draft
from tfjslab.passes.facts import dtype_of

# Casts that lose nothing, so that a second cast may read what they read.
_LOSSLESS = {("bool", "int32"), ("bool", "float32")}


def _skip(draft: Draft, node: Node, inner: Node, what: str, **attrs: object) -> None:
    """Let ``node`` read what ``inner`` reads."""
    source = inner.inputs[0]
    draft.put(replace(node, inputs=(source, *node.inputs[1:]), attrs={**node.attrs, **attrs}))
    draft.remove_unread(inner.name)
    draft.done(what)


def _drop(draft: Draft, node: Node, inner: Node, what: str) -> None:
    """Take ``node`` out: it undoes ``inner``."""
    draft.replace_value(node.name, inner.inputs[0])
    draft.remove(node.name)
    draft.remove_unread(inner.name)
    draft.done(what)


def _transposes(draft: Draft, _target: Target) -> None:
    for name in list(draft.nodes):
        node = draft.nodes.get(name)
        inner = draft.maker(node.inputs[0]) if node is not None and node.op == "Transpose" else None
        if node is None or inner is None or inner.op != "Transpose":
            continue
        first, second = inner.attrs.get("perm"), node.attrs.get("perm")
        if first is None or second is None or inner.attr_inputs or node.attr_inputs:
            draft.refuse("an order of axes is not known before it runs", inner.name, node.name)
            continue
        if any(a < 0 for a in (*first, *second)):
            continue
        both = tuple(first[a] for a in second)
        if both == tuple(range(len(both))):
            _drop(draft, node, inner, f"{node.name} undoes {inner.name}")
        else:
            _skip(draft, node, inner, f"{inner.name} and {node.name} are one transpose", perm=both)


def _reshapes_only(node: Node) -> bool:
    """Whether the node does nothing but give its input another shape, which is known."""
    facts = node.definition.facts
    return facts.shares_bytes and not facts.passes_on and not node.attr_inputs


def _reshapes(draft: Draft, _target: Target) -> None:
    for name in list(draft.nodes):
        node = draft.nodes.get(name)
        inner = draft.maker(node.inputs[0]) if node is not None and _reshapes_only(node) else None
        if node is None or inner is None or not _reshapes_only(inner):
            continue
        if node.op == "Reshape":
            _skip(draft, node, inner, f"{node.name} reshapes what {inner.name} ({inner.op}) has reshaped")
        elif (node.op, inner.op) == ("Squeeze", "ExpandDims") and node.attrs["axis"] == (inner.attrs["axis"],):
            _drop(draft, node, inner, f"{node.name} undoes {inner.name}")


def _casts(draft: Draft, _target: Target) -> None:
    for name in list(draft.nodes):
        node = draft.nodes.get(name)
        inner = draft.maker(node.inputs[0]) if node is not None and node.op == "Cast" else None
        if node is None or inner is None or inner.op != "Cast" or node.attr_inputs or inner.attr_inputs:
            continue
        source, between, last = dtype_of(draft, inner.inputs[0]), inner.attrs["dtype"], node.attrs["dtype"]
        if source is None or (source, between) not in _LOSSLESS:
            draft.refuse(f"the cast from {source or 'an unknown dtype'} to {between} may lose something", inner.name,
                         node.name)
        elif source == last:
            _drop(draft, node, inner, f"{node.name} undoes {inner.name}")
        else:
            _skip(draft, node, inner, f"{inner.name} and {node.name} are one cast")


TRANSPOSES = Pass("transposes", "joins or removes transposes in a row", _transposes)
RESHAPES = Pass("reshapes", "removes reshapes that another reshape follows", _reshapes)
CASTS = Pass("casts", "removes casts in a row where the first loses nothing", _casts)
