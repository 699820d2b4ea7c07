"""Lists of tensors whose length and indices are known: their elements are values of the graph, and no list is needed.

A rule tells what a list op makes of the lists that are known so far, as values and plain nodes. Where something is not
known, or is an error for the op to raise, there is no rule's result, and the op stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import Shape
from tfjslab.graph.ir import Node
from tfjslab.ops.lists import UNKNOWN, merge_shapes
from tfjslab.ops.registry import Spec

MAX_ITEMS = 1024  # of a list that is known; a write copies it


@dataclass(frozen=True)
class KnownList:
    """The values that are its elements (None where nothing was written yet), their shape (-1: any) and dtype."""

    items: tuple[str | None, ...]
    element_shape: Shape
    element_dtype: str


@dataclass(frozen=True)
class Found:
    """What an op with known lists comes to: nodes to add, and its outputs as values, arrays or lists."""

    outputs: tuple[str | Array | KnownList, ...]
    nodes: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Known:
    """What is known when a rule is asked: specs of values, and lists by value."""

    specs: Mapping[str, Spec]
    lists: Mapping[str, KnownList]

    def numbers(self, value: str) -> list[int] | None:
        """The numbers of a value, None when they are not known."""
        array = self.specs[value].value
        return None if array is None else [int(n) for n in np.ravel(array)]

    def written(self, elements: KnownList, places: Sequence[int], values: Sequence[str]) -> KnownList | None:
        """The list with values at places, grown where it must be."""
        items = [*elements.items, *[None] * (max(places, default=-1) + 1 - len(elements.items))]
        if len(items) > MAX_ITEMS or min(places, default=0) < 0 or not all(self._fits(v, elements) for v in values):
            return None
        for place, value in zip(places, values, strict=True):
            items[place] = value
        return replace(elements, items=tuple(items))

    def _fits(self, value: str, elements: KnownList) -> bool:
        spec = self.specs[value]
        return spec.dtype == elements.element_dtype and spec.shape is not None and fit(
            spec.shape, elements.element_shape,
        )


def fit(one: Shape, other: Shape) -> bool:
    """Whether two shapes with unknown lengths can be the same."""
    try:
        merge_shapes(one, other)
    except ShapeError:
        return False
    return True


def resolve(node: Node, known: Known, name: Callable[[str], str]) -> Found | None:
    """What a node comes to. ``name`` gives names for new nodes that nothing has yet."""
    rule = _RULES.get(node.op)
    return None if rule is None or node.attr_inputs else rule(node, known, name)


def makes_or_reads_lists(op: str) -> bool:
    """Whether there is a rule for an op."""
    return op in _RULES


Rule = Callable[[Node, Known, Callable[[str], str]], Found | None]
_RULES: dict[str, Rule] = {}


def _rule(*ops: str) -> Callable[[Rule], Rule]:
    def decorate(rule: Rule) -> Rule:
        _RULES.update(dict.fromkeys(ops, rule))
        return rule

    return decorate


def _list_of(node: Node, known: Known) -> KnownList | None:
    """The list that a node reads: the flow of a TensorArray is its last input, a TensorList the first."""
    return known.lists.get(node.inputs[-1 if node.op.startswith("TensorArray") else 0])


@_rule("TensorListReserve", "EmptyTensorList", "TensorArrayV3")
def _make(node: Node, _known: Known, _name: Callable[[str], str]) -> Found | None:
    attrs = node.attrs
    size = attrs.get("num_elements", attrs.get("size", 0))
    if not 0 <= size <= MAX_ITEMS:
        return None
    made = KnownList((None,) * size, attrs["element_shape"], attrs.get("element_dtype", attrs.get("dtype")))
    return Found((made,) * node.num_outputs)


def _parts(node: Node, tensor: str, known: Known, name: Callable[[str], str]) -> Node | None:
    """A node that takes a tensor apart along its first axis."""
    shape = known.specs[tensor].shape
    if not shape or not 0 < shape[0] <= MAX_ITEMS:
        return None
    attrs = {"axis": 0, "num": shape[0]}
    return Node(name(f"{node.name}/items"), "Unpack", (tensor,), attrs, num_outputs=shape[0], layer=node.layer)


@_rule("TensorListFromTensor")
def _from_tensor(node: Node, known: Known, name: Callable[[str], str]) -> Found | None:
    (tensor,), attrs = node.inputs, node.attrs
    parts = _parts(node, tensor, known, name)
    inner = known.specs[tensor].shape or ()
    if parts is None or not fit(inner[1:], attrs["element_shape"]):
        return None
    if known.specs[tensor].dtype != attrs["element_dtype"]:
        return None
    shape = merge_shapes(inner[1:], attrs["element_shape"])
    return Found((KnownList(parts.outputs, shape, attrs["element_dtype"]),), (parts,))


@_rule("TensorArrayScatterV3")
def _scatter(node: Node, known: Known, name: Callable[[str], str]) -> Found | None:
    _, indices, tensor, _ = node.inputs
    elements, places, parts = _list_of(node, known), known.numbers(indices), _parts(node, tensor, known, name)
    if elements is None or places is None or parts is None or len(places) != len(parts.outputs):
        return None
    specs = {**known.specs, **dict.fromkeys(parts.outputs, _part_of(known.specs[tensor]))}
    made = Known(specs, known.lists).written(elements, places, parts.outputs)
    return Found((made,), (parts,)) if made else None


def _part_of(spec: Spec) -> Spec:
    return Spec(spec.known_shape[1:], spec.dtype)


@_rule("TensorListSetItem", "TensorArrayWriteV3")
def _write(node: Node, known: Known, _name: Callable[[str], str]) -> Found | None:
    index, value = node.inputs[1:3]
    elements, place = _list_of(node, known), known.numbers(index)
    if elements is None or place is None or len(place) != 1:
        return None
    if node.op == "TensorListSetItem" and not 0 <= place[0] < len(elements.items):
        return None
    made = known.written(elements, place, (value,))
    return Found((made,)) if made else None


@_rule("TensorListPushBack")
def _push_back(node: Node, known: Known, _name: Callable[[str], str]) -> Found | None:
    elements = _list_of(node, known)
    made = None if elements is None else known.written(elements, (len(elements.items),), node.inputs[1:2])
    return Found((made,)) if made else None


@_rule("TensorListGetItem", "TensorArrayReadV3")
def _read(node: Node, known: Known, _name: Callable[[str], str]) -> Found | None:
    elements, place = _list_of(node, known), known.numbers(node.inputs[1])
    if elements is None or place is None or len(place) != 1 or not 0 <= place[0] < len(elements.items):
        return None
    item = elements.items[place[0]]
    return Found((item,)) if item else None


@_rule("TensorListPopBack")
def _pop_back(node: Node, known: Known, _name: Callable[[str], str]) -> Found | None:
    elements = _list_of(node, known)
    last = elements.items[-1] if elements is not None and elements.items else None
    if elements is None or last is None:
        return None
    return Found((replace(elements, items=elements.items[:-1]), last))


def _together(node: Node, items: Sequence[str | None], elements: KnownList, known: Known, op: str) -> Node | None:
    """A node that puts elements of one shape together."""
    found = [i for i in items if i is not None]
    shapes = {known.specs[i].shape for i in found}
    wanted = node.attrs.get("element_shape", UNKNOWN)
    if not found or len(found) < len(items) or len(shapes) > 1 or not fit(elements.element_shape, wanted):
        return None
    return Node(node.name, op, tuple(found), {"axis": 0}, layer=node.layer)


@_rule("TensorListStack")
def _stack(node: Node, known: Known, _name: Callable[[str], str]) -> Found | None:
    elements = _list_of(node, known)
    if elements is None or node.attrs["num_elements"] not in (-1, len(elements.items)):
        return None
    made = _together(node, elements.items, elements, known, "Pack")
    return Found((node.name,), (made,)) if made else None


@_rule("TensorListGather", "TensorArrayGatherV3")
def _gather(node: Node, known: Known, _name: Callable[[str], str]) -> Found | None:
    elements, places = _list_of(node, known), known.numbers(node.inputs[1])
    if elements is None or places is None or not all(0 <= p < len(elements.items) for p in places):
        return None
    made = _together(node, [elements.items[p] for p in places], elements, known, "Pack")
    return Found((node.name,), (made,)) if made else None


@_rule("TensorListConcatV2", "TensorArrayConcatV3")
def _concat(node: Node, known: Known, name: Callable[[str], str]) -> Found | None:
    elements = _list_of(node, known)
    made = None if elements is None else _together(node, elements.items, elements, known, "Concat")
    shapes = [known.specs[v].known_shape for v in made.inputs] if made else []
    if made is None or not all(shapes):
        return None
    joined = replace(made, name=name(f"{node.name}/joined"))
    return Found((joined.name, np.array([s[0] for s in shapes], np.int32)), (joined,))


@_rule("TensorListLength", "TensorArraySizeV3")
def _length(node: Node, known: Known, _name: Callable[[str], str]) -> Found | None:
    elements = _list_of(node, known)
    return None if elements is None else Found((np.array(len(elements.items), np.int32),))
