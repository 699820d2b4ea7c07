"""What a form is: one way in which nodes run in integers. An op says in its facts which one is its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tfjslab.graph.ir import Graph, Node
from tfjslab.ops.registry import Spec
from tfjslab.quantization.rewriter import Rewriter

Specs = Mapping[str, Spec]
# Why a node of the op cannot take the form, or "" when it can. All shapes are known, and no tensor is empty.
Refuses = Callable[[Node, Graph, Specs], str]
Rewrite = Callable[[Rewriter, Node], None]


@dataclass(frozen=True)
class Form:
    """``rewrite`` adds the node's integer form to a graph; it may rely on ``refuses`` having returned "".

    One that only ``moves`` integers is of use where its input is in integers. One that ``takes_sum`` can add as well,
    in one step with a sum before it. One that is ``weighted`` has constant weights, and outputs with an encoding of
    their own.
    """

    rewrite: Rewrite
    refuses: Refuses
    moves: bool = False
    takes_sum: bool = False
    weighted: bool = False


FORMS: dict[str, Form] = {}


def form(
    name: str, refuses: Refuses, *, moves: bool = False, takes_sum: bool = False, weighted: bool = False,
) -> Callable[[Rewrite], Rewrite]:
    """Register what it decorates as the form that ``Facts.quantized`` calls ``name``."""

    def decorate(rewrite: Rewrite) -> Rewrite:
        FORMS[name] = Form(rewrite, refuses, moves, takes_sum, weighted)
        return rewrite

    return decorate
