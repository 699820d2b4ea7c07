"""Computes what depends on constants only, as long as that does not make the model larger."""

from __future__ import annotations

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import TfjslabError
from tfjslab.graph.ir import Node
from tfjslab.passes.base import Pass, Target
from tfjslab.passes.draft import Draft

# A result may be this much larger than the constants that it replaces: files should not grow by what is quick to make.
GROWTH_BYTES = 4096


def _run(draft: Draft, _target: Target) -> None:
    for name in list(draft.nodes):
        node = draft.nodes[name]  # as earlier rewrites have left it
        d = node.definition
        known = all(draft.array(v) is not None for v in node.uses)
        # Lists of tensors are objects that are made anew in each run; without inputs nothing is known of branches.
        if not known or d.stateful or d.reference is None or node.op.startswith("Tensor") or not node.outputs:
            continue
        if any(draft.is_output(v) for v in node.outputs):
            draft.refuse("it is an output of the model, which a node has to make", node.name)
            continue
        _fold(draft, node)


def _fold(draft: Draft, node: Node) -> None:
    try:
        results = _results(draft, node)
    except TfjslabError as e:
        draft.refuse(f"it cannot be computed: {e}", node.name)
        return
    if any(not isinstance(r, np.ndarray) for r in results):
        return
    size = sum(r.nbytes for r in results)
    freed = sum(draft.constants[v].nbytes for v in set(node.uses) if len(draft.readers(v)) == 1)
    if size > freed + GROWTH_BYTES:
        draft.refuse(f"its result takes {size} bytes, the constants that it would replace {freed}", node.name)
        return
    like = next((v for v in node.uses if v in draft.stored), "")
    for value, result in zip(node.outputs, results, strict=True):
        if draft.readers(value):
            draft.replace_value(value, draft.constant(f"{node.name}/folded", result, like))
    draft.remove(node.name)
    draft.done(f"computed {node.name} ({node.op})")


def _results(draft: Draft, node: Node) -> list[Array]:
    given = {a: draft.constants[v] for a, v in node.attr_inputs.items()}
    attrs = {**node.attrs, **given}
    if given:
        attrs = node.definition.resolve_attrs(attrs, f"node '{node.name}'")
    return node.definition.run([draft.constants[v] if v else None for v in node.inputs], attrs)


PASS = Pass("constants", "computes what depends on constants only, unless that makes the model larger", _run)
