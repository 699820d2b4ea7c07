"""Lets convolutions pad for themselves: zeros around an image need not be stored."""

from __future__ import annotations

from dataclasses import replace

from tfjslab.graph.ir import Node
from tfjslab.ops.facts import IMAGE_RANK
from tfjslab.passes.base import Pass, Target
from tfjslab.passes.cores import is_convolution
from tfjslab.passes.draft import Draft


def _run(draft: Draft, _target: Target) -> None:
    for name in list(draft.nodes):
        pad = draft.nodes.get(name)
        if pad is None or pad.op != "PadV2" or pad.attr_inputs:
            continue
        readers = [n for n in draft.readers(name) if is_convolution(n.op)]
        if not readers:
            for node in draft.readers(name):
                draft.refuse(f"it is read by {node.op}, and only convolutions pad for themselves", name, node.name)
            continue
        if fault := _fault(draft, pad) or next((f for n in readers if (f := _misfit(n, name))), ""):
            draft.refuse(fault, name, *(n.name for n in readers))
            continue
        for node in readers:
            draft.put(_padding(node, pad))
        draft.remove_unread(name)
        draft.done(f"{name} is done by {', '.join(n.name for n in readers)}")


def _fault(draft: Draft, pad: Node) -> str:
    pairs = pad.attrs["paddings"]
    if pad.attrs["constant_value"]:
        return f"it pads with {pad.attrs['constant_value']}; convolutions pad with 0"
    if len(pairs) != IMAGE_RANK:
        return "it does not pad an image"
    others = [n.name for n in draft.readers(pad.name) if not is_convolution(n.op)]
    if others or draft.is_output(pad.name):
        return f"the padded image is also read by {others[0] if others else 'the outputs'}, so it has to be made anyway"
    return ""


def _misfit(node: Node, padded: str) -> str:
    """Why a convolution cannot pad for itself, if it cannot."""
    if node.attr_inputs or node.inputs[0] != padded or padded in node.inputs[1:]:
        return f"{node.name} does not read it as its image only"
    return f"{node.name} pads with SAME, which depends on the size" if node.attrs["padding"] == "SAME" else ""


def _padding(node: Node, pad: Node) -> Node:
    pairs = pad.attrs["paddings"]
    numbers = tuple(n for p in pairs for n in p)
    if node.attrs["padding"] == "EXPLICIT":
        numbers = tuple(a + b for a, b in zip(numbers, node.attrs["explicit_paddings"], strict=True))
    attrs = {**node.attrs, "padding": "EXPLICIT", "explicit_paddings": numbers}
    return replace(node, inputs=(pad.inputs[0], *node.inputs[1:]), attrs=attrs)


PASS = Pass("padding", "lets convolutions pad with zeros for themselves", _run)
