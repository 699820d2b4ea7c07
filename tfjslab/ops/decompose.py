"""Every node as a core op and an elementwise chain: the normal form that backends and passes fuse on.

Elementwise ops have no core. Fused ops are taken apart by what they are defined to be; everything else is a core
with the identity chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from tfjslab.ops import registry
from tfjslab.ops.activations import epilogue
from tfjslab.ops.expr import Expr, X, substitute


@dataclass(frozen=True)
class Parts:
    """``expr`` reads the core's result as input 0 (when there is a core), then ``operands`` in order."""

    core_op: str | None
    core_inputs: tuple[str, ...]
    expr: Expr
    operands: tuple[str, ...]


def unfused(op: str) -> str:
    """The op that a fused one begins with; any other op itself."""
    return registry.get(op).facts.core or op


def decompose(op: str, inputs: tuple[str, ...], attrs: Mapping[str, Any]) -> Parts:
    """Take a node apart; ``attrs`` are its resolved attributes."""
    definition = registry.get(op)
    if definition.expr is not None:
        return Parts(None, (), substitute(definition.expr, _leaves(len(inputs)), attrs), inputs)
    if op == "AddN":
        return Parts(None, (), reduce(add, _leaves(len(inputs))), inputs)
    if core := definition.facts.core:
        count = len(registry.get(core).inputs)
        expr = substitute(epilogue(attrs["fused_ops"]).expr, _leaves(len(inputs) - count + 1), attrs)
        return Parts(core, inputs[:count], expr, inputs[count:])
    return Parts(op, inputs, X, ())


def attrs_of(op: str, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a node's attributes that ``op``, which takes its place, has as well."""
    known = {a.name for a in registry.get(op).attrs}
    return {k: v for k, v in attrs.items() if k in known}


def _leaves(n: int) -> list[Expr]:
    return [Expr("in", leaf=i) for i in range(n)]
