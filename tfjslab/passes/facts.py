"""What is known of a value without knowing the lengths of the inputs: its dtype and its rank, or None."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tfjslab.base.dtypes import Array, of_array
from tfjslab.graph.ir import Node, Port
from tfjslab.ops.facts import Like
from tfjslab.passes.draft import Draft

T = TypeVar("T")
_FAR = 64  # nodes that are looked back at


def dtype_of(draft: Draft, value: str) -> str | None:
    """The value's dtype."""
    return _look_back(draft, value, of_array, lambda port: port.dtype or None, _dtype)


def rank_of(draft: Draft, value: str) -> int | None:
    """The value's number of axes."""
    return _look_back(
        draft, value, lambda array: array.ndim, lambda port: None if port.shape is None else len(port.shape), _rank,
    )


def _dtype(node: Node) -> str | Like | None:
    return str(node.attrs["dtype"]) if node.op == "Cast" and not node.attr_inputs else node.definition.facts.dtype


def _rank(node: Node) -> int | Like | None:
    return len(node.attrs["shape"]) if node.op == "Reshape" and not node.attr_inputs else node.definition.facts.rank


def _look_back(
    draft: Draft, value: str, of_constant: Callable[[Array], T], of_input: Callable[[Port], T | None],
    of_node: Callable[[Node], T | Like | None],
) -> T | None:
    """What is known of the value, or of the one that a node's first output is like, and so on."""
    for _ in range(_FAR):
        if (array := draft.array(value)) is not None:
            return of_constant(array)
        node = draft.maker(value)
        if node is None:
            return next((of_input(p) for p in draft.graph.inputs if p.value == value), None)
        known = of_node(node) if value == node.outputs[0] else None
        if not isinstance(known, Like):
            return known
        value = node.inputs[known.index]
    return None
