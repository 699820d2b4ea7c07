"""Puts batch norm, and what else scales and shifts by constants, into the weights of the convolution beside it.

Weights and bias are computed in float64 and rounded once. What comes behind a convolution can always be folded; what
comes before it only where no zeros are padded between the two (a scale alone also there).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Node
from tfjslab.ops.activations import BIAS
from tfjslab.passes.affine import BATCH_NORM, NOTHING, Affine, affine_of
from tfjslab.passes.base import Pass, Target
from tfjslab.passes.cores import Core, core_of, fused, take_place
from tfjslab.passes.draft import Draft
from tfjslab.passes.facts import rank_of

# Weights that several nodes share are folded for each of them up to this size, else the model would grow.
SHARED_BYTES = 16384


@dataclass(frozen=True)
class _Chain:
    """Nodes in order, and what they do together."""

    nodes: tuple[Node, ...]
    affine: Affine

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(n.name for n in self.nodes)

    @property
    def is_bias_only(self) -> bool:
        """A single sum: putting that into the epilogue rounds nothing and is the work of another pass."""
        return len(self.nodes) == 1 and self.nodes[0].op in ("Add", "Sub") and bool((self.affine.scale == 1).all())


def _behind(draft: Draft, core: Core) -> _Chain:
    """The longest chain behind the core that fits its channels."""
    nodes: list[Node] = []
    total, value = NOTHING, core.node.name
    while (reader := draft.sole_reader(value)) and (found := affine_of(draft, reader)):
        sizes = {found[1].scale.size, found[1].shift.size}
        more = total.then(found[1]) if sizes <= {1, core.channels} else NOTHING
        if more is NOTHING or more.fault or more.rank > core.rank:
            break
        nodes.append(reader)
        total, value = more, reader.name
    return _Chain(tuple(nodes), total)


def _after(draft: Draft, _target: Target) -> None:
    for name in list(draft.nodes):
        node = draft.nodes.get(name)
        core = core_of(draft, node) if node is not None else None
        if core is None or core.fused_ops not in ((), (BIAS,)):
            continue
        chain = _behind(draft, core)
        if not chain.nodes or (chain.is_bias_only and not core.fused_ops):
            continue
        if fault := _shared(draft, core):
            draft.refuse(fault, name, *chain.names)
            continue
        bias = draft.floats(core.args[0]) if core.args else np.zeros(1, np.float32)
        if bias is None:
            draft.refuse(f"the bias of {name} is not constant", name, *chain.names)
            continue
        shift = bias.astype(np.float64).reshape(-1) * chain.affine.scale + chain.affine.shift
        last = chain.nodes[-1].name
        made = _folded(draft, core, last, core.scaled(chain.affine.scale), shift)
        if made is None:
            draft.refuse("the folded weights are not finite", name, *chain.names)
            continue
        take_place(draft, made, last, (name, *chain.names))
        draft.done(f"{_listed(chain)} folded into the weights of {name}")
    for node in draft.nodes.values():
        if node.op == BATCH_NORM:
            draft.refuse(_why(draft, node), node.name)


def _folded(draft: Draft, core: Core, name: str, weights: Array, shift: Array) -> Node | None:
    """The core called ``name`` with new weights and bias; None when these do not fit float32."""
    with np.errstate(all="ignore"):
        rounded, bias = weights.astype(np.float32), np.broadcast_to(shift, (core.channels,)).astype(np.float32)
    if not (np.isfinite(rounded).all() and np.isfinite(bias).all()):
        return None
    had_bias = core.fused_ops[:1] == (BIAS,)
    ops, args = core.fused_ops[had_bias:], core.args[had_bias:]
    if bias.any() or had_bias:
        ops, args = (BIAS, *ops), (draft.constant(f"{name}/bias", bias), *args)
    made = fused(core, name, args, ops)
    value = draft.constant(f"{name}/weights", rounded, core.node.inputs[1])
    return replace(made, inputs=(made.inputs[0], value, *made.inputs[2:]))


def _shared(draft: Draft, core: Core) -> str:
    """Why the weights should stay as they are, if they should."""
    others = [n.name for n in draft.readers(core.node.inputs[1]) if n.name != core.node.name]
    if not others or core.weights.nbytes <= SHARED_BYTES:
        return ""
    return f"its weights ({core.weights.nbytes} bytes) are also those of {others[0]}; folding would store them twice"


def _listed(chain: _Chain) -> str:
    return ", ".join(f"{n.name} ({n.op})" for n in chain.nodes)


def _why(draft: Draft, node: Node) -> str:
    """What keeps a batch norm from being folded into what it reads."""
    if affine_of(draft, node) is None:
        return "its statistics are not constants of float32"
    maker = draft.maker(node.inputs[0])
    if maker is None:
        return "it reads an input of the model"
    core = core_of(draft, maker)
    if core is None:
        return f"it reads {maker.name} ({maker.op}), which is no convolution or product with constant weights"
    if core.fused_ops not in ((), (BIAS,)):
        return f"an activation stands between {maker.name} and it"
    if draft.sole_reader(maker.name) is None:
        others = [n.name for n in draft.readers(maker.name) if n.name != node.name]
        reader = others[0] if others else "the model's outputs"
        return f"{maker.name} is also read by {reader}, which needs it without the batch norm"
    return "its statistics do not fit the channels, or are not finite"


# ---- before ----------------------------------------------------------------------------------------------------------


def _ahead(draft: Draft, core: Core) -> _Chain:
    """The longest chain before the core, from its first node to its last."""
    nodes: list[Node] = []
    total, value = NOTHING, core.node.inputs[0]
    while (node := draft.maker(value)) and draft.sole_reader(value) and (found := affine_of(draft, node)):
        more = found[1].then(total)
        if more.fault or not _keeps_rank(draft, found):
            break
        nodes.insert(0, node)
        total, value = more, found[0]
    return _Chain(tuple(nodes), total)


def _keeps_rank(draft: Draft, found: tuple[str, Affine]) -> bool:
    """Whether the constants add no axis to what they are added to or multiplied with."""
    value, affine = found
    return affine.rank <= 1 or affine.rank <= (rank_of(draft, value) or 0)


def _before(draft: Draft, _target: Target) -> None:
    for name in list(draft.nodes):
        node = draft.nodes.get(name)
        core = core_of(draft, node) if node is not None else None
        if node is None or core is None:
            continue
        chain = _ahead(draft, core)
        if not chain.nodes:
            continue
        if fault := _unfit(draft, core, chain):
            draft.refuse(fault, *chain.names, name)
            continue
        made = _absorbed(draft, core, chain.affine)
        if made is None:
            draft.refuse("its constants do not fit the input channels, or are not finite", *chain.names, name)
            continue
        source = affine_of(draft, chain.nodes[0])
        inputs = (source[0] if source else node.inputs[0], *made.inputs[1:])
        take_place(draft, replace(made, inputs=inputs), name, chain.names)
        draft.done(f"{_listed(chain)} folded into the weights of {name}, which reads it")


def _unfit(draft: Draft, core: Core, chain: _Chain) -> str:
    """Why what stands before a core has to stay, if it has to."""
    if chain.affine.shift.any() and core.pads:
        return "zeros are padded between the two, which the shift would miss"
    if core.fused_ops[:1] == (BIAS,) and draft.floats(core.args[0]) is None:
        return f"the bias of {core.node.name} is not constant"
    return _shared(draft, core)


def _absorbed(draft: Draft, core: Core, affine: Affine) -> Node | None:
    weights, shift = core.scaled_input(affine.scale), core.response(affine.shift)
    if weights is None or shift is None:
        return None
    if core.fused_ops[:1] == (BIAS,):
        shift = shift + draft.constants[core.args[0]].astype(np.float64).reshape(-1)
    return _folded(draft, core, core.node.name, weights, shift)


AFTER = Pass("batch_norm", "folds batch norm, and sums and products by channel, into the weights before it", _after,
             exact=False)
BEFORE = Pass("batch_norm_before", "folds batch norm, and sums and products by channel, into the weights behind it",
              _before, exact=False)
