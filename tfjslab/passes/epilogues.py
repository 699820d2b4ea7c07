"""Fuses bias and activation into convolutions and products: FusedConv2D, FusedDepthwiseConv2D, _FusedMatMul."""

from __future__ import annotations

import numpy as np

from tfjslab.graph.ir import Node
from tfjslab.ops.activations import BIAS
from tfjslab.passes.base import TARGETS, Pass, Target
from tfjslab.passes.cores import Core, by_channel, core_of, fused, take_place
from tfjslab.passes.draft import Draft

_ACTIVATIONS = {name for target in TARGETS.values() for name in target.activations}
# A pattern of several nodes, which only this pass looks for.
_HARD_SWISH_STEPS = ("Relu6", "Multiply", "RealDiv")
_LEFT = "files have no fused op for it; a backend may run it in the same loop"


def _run(draft: Draft, target: Target) -> None:
    for name in list(draft.nodes):
        node = draft.nodes.get(name)
        core = core_of(draft, node) if node is not None else None
        if core is not None and core.fused_ops in ((), (BIAS,)):
            _fuse(draft, core, target)


def _fuse(draft: Draft, core: Core, target: Target) -> None:
    """Bias, then activation, as far as each is there."""
    biased, parts = _bias(draft, core)
    last = parts[-1] if parts else core.node
    active = _activation(draft, core, last, target)
    if isinstance(active, str):
        draft.refuse(active, core.node.name, *(n.name for n in draft.readers(last.name)))
        active = None
    if not parts and active is None:
        return
    ops, args = ((BIAS,), (biased,)) if biased else ((), ())
    attrs = {}
    if active is not None:
        parts, last = [*parts, active], active
        if not biased and target.needs_bias:
            ops, args = (BIAS,), (draft.constant(f"{active.name}/bias", np.zeros(core.channels, np.float32)),)
        ops = (*ops, active.op)
        if active.op == "Prelu":
            slope = np.broadcast_to(draft.constants[active.inputs[1]].reshape(-1), (core.channels,))
            alpha = draft.constant(f"{active.name}/alpha", np.ascontiguousarray(slope), active.inputs[1])
            args = (*args, alpha)
        elif active.op == "LeakyRelu":
            attrs = {"leakyrelu_alpha": active.attrs["alpha"]}
    take_place(draft, fused(core, last.name, args, ops, **attrs), last.name, (core.node.name, *(n.name for n in parts)))
    draft.done(f"{', '.join(f'{n.name} ({n.op})' for n in parts)} fused into {core.node.name}")


def _bias(draft: Draft, core: Core) -> tuple[str, list[Node]]:
    """The value that is or becomes the bias ("" for none), and the sum that goes, if any."""
    if core.fused_ops:
        return core.args[0], []
    reader = draft.sole_reader(core.node.name)
    if reader is None or reader.op != "Add":
        return "", []
    other = reader.inputs[1 if reader.inputs[0] == core.node.name else 0]
    array = draft.floats(other)
    if array is None or not by_channel(array, core.rank, core.channels):
        return "", []
    full = np.ascontiguousarray(np.broadcast_to(array.reshape(-1), (core.channels,)))
    same = array.shape == full.shape
    return other if same else draft.constant(f"{reader.name}/bias", full, other), [reader]


def _activation(draft: Draft, core: Core, last: Node, target: Target) -> Node | str | None:
    """The activation behind ``last`` if it can be fused, else why not (or None when there is nothing to tell)."""
    reader = draft.sole_reader(last.name)
    if reader is None:
        found = [n for n in draft.readers(last.name) if n.op in _ACTIVATIONS]
        if is_hard_swish(draft, last.name):
            return f"hard-swish: {_LEFT}"
        return f"{last.name} is read by others than {found[0].name} too" if found else None
    if reader.op not in _ACTIVATIONS:
        return _no_activation(draft, reader)
    return _misfit(draft, core, last, reader, target) or reader


def _misfit(draft: Draft, core: Core, last: Node, reader: Node, target: Target) -> str:
    """Why an activation cannot be fused, if it cannot."""
    if reader.op not in target.activations:
        return f"{reader.op} cannot be fused for {target.name}"
    if (core.fused_op, reader.op) in target.unfit:
        return f"{target.name} computes {core.fused_op} with {reader.op} wrongly"
    if reader.op == "Prelu":
        slope = draft.floats(reader.inputs[1])
        if reader.inputs[0] != last.name or slope is None or not by_channel(slope, core.rank, core.channels):
            return "the slopes of the Prelu are not constants by channel"
    return ""


def _no_activation(draft: Draft, reader: Node) -> str | None:
    if reader.op == "Add" and all(draft.array(v) is None for v in reader.inputs):
        return f"sum of two results (residual): {_LEFT}"
    return None


def is_hard_swish(draft: Draft, value: str) -> bool:
    """Whether x * relu6(x + 3) / 6 (its product and its quotient in any order) is made of ``value``."""
    for shifted in (n for n in draft.readers(value) if n.op == "Add"):
        three = [draft.floats(v) for v in shifted.inputs if v != value]
        clipped = draft.sole_reader(shifted.name)
        if clipped is None or clipped.op != "Relu6" or not three or three[0] is None or not (three[0] == 3).all():  # noqa: PLR2004 - of its definition
            continue
        follower = draft.sole_reader(clipped.name)
        for _ in range(2):
            if follower is None or follower.op not in _HARD_SWISH_STEPS:
                break
            if value in follower.inputs:
                return True
            follower = draft.sole_reader(follower.name)
    return False


PASS = Pass("epilogues", "fuses bias and activation into convolutions and products", _run)
