"""Which ops have GPU kernels: one row an op family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tfjslab.backends.webgpu.builder import Builder
from tfjslab.graph.ir import Node
from tfjslab.ops.registry import Spec
from tfjslab.passes.fusion import Group

Specs = Mapping[str, Spec]
# Why there is no kernel for this node, or "" when there is one.
Refuses = Callable[[Node, Specs], str]


@dataclass(frozen=True)
class Lowering:
    """``lower`` adds the dispatches of a group to a builder; it may rely on ``refuses`` having returned ""."""

    lower: Callable[[Builder, Group], None]
    refuses: Refuses
    takes_epilogue: bool
    takes_padding: bool


LOWERINGS: dict[str, Lowering] = {}


def only(node: Node, specs: Specs, *dtypes: str) -> str:
    """Refuse other dtypes than these."""
    found = sorted({specs[v].dtype for v in (*node.inputs, *node.outputs) if v} - set(dtypes))
    return f"no GPU kernel for {', '.join(found)}" if found else ""


def float_only(node: Node, specs: Specs) -> str:
    """Refuse anything but float32, and tensors without elements."""
    if any(specs[v].size == 0 for v in (*node.inputs, *node.outputs) if v):
        return "empty tensor"
    return only(node, specs, "float32")


def lowering(
    *ops: str, refuses: Refuses = float_only, takes_epilogue: bool = False, takes_padding: bool = False,
) -> Callable[[Callable[[Builder, Group], None]], Callable[[Builder, Group], None]]:
    """Register a lowering for core ops."""

    def decorate(lower: Callable[[Builder, Group], None]) -> Callable[[Builder, Group], None]:
        LOWERINGS.update(dict.fromkeys(ops, Lowering(lower, refuses, takes_epilogue, takes_padding)))
        return lower

    return decorate
