"""Takes out nodes that pass their input on: identities, dropout at inference, padding by nothing, relu of relu."""

from __future__ import annotations

from tfjslab.graph.ir import Node
from tfjslab.passes.base import Pass, Target
from tfjslab.passes.draft import Draft
from tfjslab.passes.facts import dtype_of, rank_of

# Outer op -> ops after which it changes nothing: algebra that nobody else asks for.
_IDEMPOTENT = {"Relu": ("Relu", "Relu6", "Sigmoid", "Softmax"), "Relu6": ("Relu6", "Sigmoid", "Softmax")}
_ONE_SIDED = {"RealDiv"}


def _run(draft: Draft, _target: Target) -> None:
    for name in list(draft.nodes):
        node = draft.nodes.get(name)  # as earlier rewrites have left it
        if node is not None and (passed := _passed(draft, node)) is not None:
            if any(v in draft.constants and draft.is_output(o) for v, o in zip(passed, node.outputs, strict=True)):
                draft.refuse("it makes an output of the model out of a constant", node.name)
                continue
            for old, new in zip(node.outputs, passed, strict=True):
                draft.replace_value(old, new)
            draft.remove(node.name)
            for value in node.uses:
                draft.remove_unread(value)
            draft.done(f"{node.name} ({node.op}) passes its input on")


def _passed(draft: Draft, node: Node) -> tuple[str, ...] | None:
    """The values that the node's outputs equal, or None."""
    if node.definition.facts.passes_on or _changes_nothing(draft, node):
        return node.inputs[: node.num_outputs]
    if node.op in ("Multiply", "RealDiv"):
        return _by_one(draft, node)
    return None


def _changes_nothing(draft: Draft, node: Node) -> bool:
    if node.attr_inputs:
        return False
    match node.op:
        case "PadV2" | "MirrorPad":
            return not any(map(sum, node.attrs["paddings"]))
        case "Transpose":
            perm = node.attrs["perm"]
            return perm is not None and tuple(perm) == tuple(range(len(perm)))
        case "Cast":
            return bool(dtype_of(draft, node.inputs[0]) == node.attrs["dtype"])
        case "Relu" | "Relu6":
            inner = draft.maker(node.inputs[0])
            return inner is not None and inner.op in _IDEMPOTENT[node.op]
    return False


def _by_one(draft: Draft, node: Node) -> tuple[str, ...] | None:
    """The other factor of a product with 1."""
    for i, other in ((1, 0), (0, 1)) if node.op not in _ONE_SIDED else ((1, 0),):
        one = draft.floats(node.inputs[i])
        rank = rank_of(draft, node.inputs[other])
        if one is not None and one.size == 1 and one.item() == 1 and (one.ndim == 0 or one.ndim <= (rank or 0)):
            return (node.inputs[other],)
    return None


PASS = Pass("identities", "removes nodes that pass their input on (identity, dropout, padding by nothing, times 1)",
            _run)
