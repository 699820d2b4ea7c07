"""Computes the same thing once: nodes that are alike in all but their name, and constants with the same values."""

from __future__ import annotations

import numpy as np

from tfjslab.graph.ir import Node
from tfjslab.passes.base import Pass, Target
from tfjslab.passes.draft import Draft


def _run(draft: Draft, _target: Target) -> None:
    _constants(draft)
    first: dict[object, Node] = {}
    for name in list(draft.nodes):
        node = draft.nodes[name]
        d = node.definition
        if d.stateful or d.control or node.op.startswith("Tensor") or not node.outputs:
            continue
        same = first.setdefault(_key(node), node)
        if same is not node:
            for old, new in zip(node.outputs, same.outputs, strict=True):
                draft.replace_value(old, new)
            draft.remove(name)
            draft.done(f"{name} ({node.op}) computes the same as {same.name}")


def _key(node: Node) -> object:
    attrs = tuple((k, v.tobytes() if isinstance(v, np.ndarray) else repr(v)) for k, v in sorted(node.attrs.items()))
    return node.op, node.inputs, attrs, tuple(sorted(node.attr_inputs.items())), node.num_outputs


def _constants(draft: Draft) -> None:
    first: dict[object, str] = {}
    for name in list(draft.constants):
        array = draft.array(name)
        if array is None or array.dtype.hasobject or not draft.readers(name) or draft.is_output(name):
            continue
        same = first.setdefault((array.dtype.str, array.shape, array.tobytes()), name)
        if same != name:
            draft.replace_value(name, same)
            draft.done(f"constant {name} has the values of {same}")


PASS = Pass("duplicates", "computes once what is computed twice, and keeps equal constants once", _run)
