"""TensorLists and TensorArrays: growing collections that loops read and write.

Both are one immutable value, so that an op never changes what another one still holds. TensorFlow 1's TensorArray has
a handle and a ``flow`` that only orders its uses; here the flow is the list itself and the handle is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype, of_array
from tfjslab.base.errors import DTypeError, InputError, ShapeError
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.base.shapes import Shape
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, no_flops, op

UNKNOWN: Shape = (-1,)  # an unknown rank and one unknown length look alike in files, and are taken alike here


@dataclass(frozen=True, eq=False)
class TensorList:
    """Elements (None where nothing was written yet), what their shape must be (-1: any) and their dtype."""

    items: tuple[Array | None, ...]
    element_shape: Shape
    element_dtype: str

    def with_item(self, index: int, value: Array) -> TensorList:
        """A list in which ``value`` stands at ``index``; InputError when it does not fit."""
        self._check(index, value)
        return replace(self, items=(*self.items[:index], value, *self.items[index + 1 :]))

    def _check(self, index: int, value: Array) -> None:
        if not 0 <= index < len(self.items):
            raise InputError(f"index {index} is out of range for a list of length {len(self.items)}")
        check_element(value, self.element_shape, self.element_dtype)

    def item(self, index: int, element_shape: Shape) -> Array:
        """The element at ``index``; what was never written is 0 when its shape is known, else InputError."""
        if not 0 <= index < len(self.items):
            raise InputError(f"index {index} is out of range for a list of length {len(self.items)}")
        value = self.items[index]
        if value is not None:
            return value
        shape = merge_shapes(merge_shapes(self.element_shape, element_shape), self._written_shape())
        if -1 in shape:
            raise InputError(f"element {index} of the list was never written and its shape {list(shape)} is not known")
        return np.zeros(shape, numpy_dtype(self.element_dtype))

    def _written_shape(self) -> Shape:
        return next((v.shape for v in self.items if v is not None), UNKNOWN)

    def all_items(self, element_shape: Shape) -> list[Array]:
        """Every element, as by ``item``."""
        return [self.item(i, element_shape) for i in range(len(self.items))]


def merge_shapes(a: Shape, b: Shape) -> Shape:
    """What two shapes with unknown lengths (-1) tell together; ShapeError when they contradict each other."""
    if UNKNOWN in (a, b):
        return b if a == UNKNOWN else a
    if len(a) != len(b) or any(x != y and -1 not in (x, y) for x, y in zip(a, b, strict=True)):
        raise ShapeError(f"element shapes {list(a)} and {list(b)} contradict each other")
    return tuple(max(x, y) for x, y in zip(a, b, strict=True))


def check_element(value: Array, element_shape: Shape, element_dtype: str) -> None:
    """ShapeError or DTypeError when a tensor is not what the list holds."""
    if of_array(value) != element_dtype:
        raise DTypeError(f"a {of_array(value)} tensor is put into a list of {element_dtype}")
    merge_shapes(value.shape, element_shape)


def _number(index: Array) -> int:
    if np.size(index) != 1 or np.iscomplexobj(index):
        kind = "of complex numbers " if np.iscomplexobj(index) else ""
        raise InputError(f"an index {kind}of shape {list(np.shape(index))}; expected one number")
    return int(np.reshape(index, ())[()])


def _stack(values: Sequence[Array], element_shape: Shape, dtype: str) -> Array:
    if values:
        if len({v.shape for v in values}) > 1:
            raise ShapeError(f"elements of shapes {[list(v.shape) for v in values]} cannot be stacked")
        return np.stack(values)
    if -1 in element_shape:
        raise InputError(f"an empty list with element shape {list(element_shape)} cannot be stacked")
    return np.zeros((0, *element_shape), numpy_dtype(dtype))


def _resized(elements: TensorList, size: int) -> TensorList:
    check_limit("number of elements of a list", size, LIMITS.loop_iterations)
    if size < 0:
        raise InputError(f"a list cannot have length {size}")
    return replace(elements, items=(*elements.items[:size], *[None] * (size - len(elements.items))))


# ---- shape rules -----------------------------------------------------------------------------------------------------

_LIST = Spec((), "variant")
_SHAPE = Attr("element_shape", "dims", UNKNOWN)
_DTYPE = Attr("element_dtype", "dtype", "float32")
_NUMBER = Attr("num_elements", "int", -1)
_ATTRS = (_SHAPE, _DTYPE)


def _infer_list(_ins: Specs, _attrs: Attrs) -> list[Spec]:
    return [_LIST]


def _known(shape: Shape) -> Shape | None:
    return None if -1 in shape else shape


def _infer_item(_ins: Specs, attrs: Attrs) -> list[Spec]:
    return [Spec(_known(attrs["element_shape"]), attrs["element_dtype"])]


def _infer_stack(_ins: Specs, attrs: Attrs) -> list[Spec]:
    return [Spec(_known((attrs["num_elements"], *attrs["element_shape"])), attrs["element_dtype"])]


def _infer_concat(_ins: Specs, attrs: Attrs) -> list[Spec]:
    return [Spec(None, attrs["element_dtype"]), Spec(None, "int32")]


def _f(*values: float) -> Array:
    return np.array(values, np.float32)


_TWO = T((), "variant", values=TensorList((_f(1, 2), _f(3, 4)), (2,), "float32"))
_GAP = T((), "variant", values=TensorList((None, _f(3, 4)), (2,), "float32"))
_EMPTY = T((), "variant", values=TensorList((), (2,), "float32"))


def _index(value: int) -> T:
    return T((), "int32", values=value)


def _indices(*values: int) -> T:
    return T((len(values),), "int32", values=values)


_PAIR = T((2,), values=[5, 6])

# ---- making lists ----------------------------------------------------------------------------------------------------


@op("TensorListReserve", "", infer=_infer_list, attrs=(*_ATTRS, Attr("num_elements", "int")), flops=no_flops,
    tf=[Tf("TensorListReserve", "@element_shape @num_elements")],
    cases=[Case((), {"num_elements": 3, "element_shape": [2]})])
def reserve(element_shape: Shape, element_dtype: str, num_elements: int) -> TensorList:
    """A list with room for so many elements."""
    return _resized(TensorList((), element_shape, element_dtype), num_elements)


@op("EmptyTensorList", "", infer=_infer_list, attrs=(*_ATTRS, Attr("max_num_elements", "int", -1)), flops=no_flops,
    tf=[Tf("EmptyTensorList", "@element_shape @max_num_elements")], cases=[Case((), {"element_shape": [2]})])
def empty(element_shape: Shape, element_dtype: str, max_num_elements: int) -> TensorList:  # noqa: ARG001 - a hint
    """An empty list."""
    return TensorList((), element_shape, element_dtype)


@op("TensorListFromTensor", "tensor", infer=_infer_list, attrs=_ATTRS, flops=no_flops,
    tf=[Tf("TensorListFromTensor", "tensor @element_shape")], cases=[Case((T((3, 2)),), {"element_shape": [2]})])
def from_tensor(tensor: Array, element_shape: Shape, element_dtype: str) -> TensorList:
    """A list of the slices along the first axis."""
    if tensor.ndim < 1:
        raise ShapeError("a list cannot be made from a scalar")
    for part in tensor[:1]:
        check_element(np.asarray(part), element_shape, element_dtype)
    shape = merge_shapes(tensor.shape[1:], element_shape)
    return TensorList(tuple(np.asarray(part) for part in tensor), shape, element_dtype)


def _require_vector(what: str, values: Array) -> None:
    if values.ndim != 1 or values.dtype.kind != "i":
        raise ShapeError(f"{what} are {of_array(values)} {list(values.shape)}; expected a vector of int32")


def _scattered(tensor: Array, indices: Array, size: int, attrs: Attrs) -> TensorList:
    _require_vector("indices", indices)
    wrong = [i for i in indices.tolist() if not 0 <= i < size]
    if wrong or tensor.shape[:1] != indices.shape:
        what = f"{len(tensor)} elements" if tensor.ndim else "a scalar"
        raise InputError(f"indices {indices.tolist()} do not put {what} into a list of length {size}")
    found = TensorList((None,) * size, attrs["element_shape"], attrs["element_dtype"])
    for i, part in zip(indices.tolist(), tensor, strict=True):
        found = found.with_item(i, np.asarray(part))
    return found


@op("TensorListScatterV2", "tensor indices", infer=_infer_list, attrs=(*_ATTRS, _NUMBER), flops=no_flops, tf=[
    Tf("TensorListScatterV2", "tensor indices @element_shape @num_elements"),
    Tf("TensorListScatter", "tensor indices @element_shape", write=False),
], cases=[Case((T((2, 2)), _indices(2, 0)), {"element_shape": [2]})])
def scatter(tensor: Array, indices: Array, num_elements: int, **attrs: Any) -> TensorList:
    """A list with the slices of a tensor at given places."""
    _require_vector("indices", indices)
    size = num_elements if num_elements >= 0 else int(indices.max(initial=-1)) + 1
    check_limit("number of elements of a list", size, LIMITS.loop_iterations)
    return _scattered(tensor, indices, size, attrs)


def _parts(tensor: Array, lengths: Array) -> list[Array]:
    _require_vector("lengths", lengths)
    if tensor.ndim < 1 or lengths.min(initial=0) < 0 or lengths.sum() != tensor.shape[0]:
        raise ShapeError(f"lengths {lengths.tolist()} do not add up to the first axis of {list(tensor.shape)}")
    return np.split(tensor, np.cumsum(lengths)[:-1]) if lengths.size else []


@op("TensorListSplit", "tensor lengths", infer=_infer_list, attrs=_ATTRS, flops=no_flops,
    tf=[Tf("TensorListSplit", "tensor @element_shape lengths")],
    cases=[Case((T((3, 2)), _indices(1, 2)), {"element_shape": [-1, 2]})])
def split_into_list(tensor: Array, lengths: Array, element_shape: Shape, element_dtype: str) -> TensorList:
    """A list of parts of a tensor, cut along the first axis."""
    return TensorList(tuple(_parts(tensor, lengths)), element_shape, element_dtype)


# ---- reading ---------------------------------------------------------------------------------------------------------


@op("TensorListLength", "handle", infer=lambda _ins, _attrs: [Spec((), "int32")], flops=no_flops,
    tf=[Tf("TensorListLength", "handle")], cases=[Case((_TWO,), expect=2)])
def length(handle: TensorList) -> Array:
    """The number of elements."""
    return np.asarray(len(handle.items), np.int32)


@op("TensorListGetItem", "handle index", infer=_infer_item, attrs=_ATTRS, flops=no_flops,
    tf=[Tf("TensorListGetItem", "handle index @element_shape")],
    cases=[Case((_TWO, _index(1)), expect=[3, 4]), Case((_GAP, _index(0)), {"element_shape": [2]}, expect=[0, 0])])
def get_item(handle: TensorList, index: Array, element_shape: Shape, element_dtype: str) -> Array:  # noqa: ARG001 - the rule's
    """One element."""
    return handle.item(_number(index), element_shape)


@op("TensorListStack", "handle", infer=_infer_stack, attrs=(*_ATTRS, _NUMBER), flops=no_flops,
    tf=[Tf("TensorListStack", "handle @element_shape")], cases=[
        Case((_TWO,), {"element_shape": [2], "num_elements": 2}, expect=[1, 2, 3, 4]),
        Case((_GAP,), expect=[0, 0, 3, 4]), Case((_EMPTY,), {"element_shape": [2]}),
    ])
def stack_list(handle: TensorList, element_shape: Shape, element_dtype: str, num_elements: int) -> Array:
    """All elements along a new first axis."""
    if num_elements not in (-1, len(handle.items)):
        raise InputError(f"a list of length {len(handle.items)} is stacked; expected length {num_elements}")
    return _stack(handle.all_items(element_shape), merge_shapes(handle.element_shape, element_shape), element_dtype)


def _gathered(elements: TensorList, indices: Array, element_shape: Shape, dtype: str) -> Array:
    values = [elements.item(i, element_shape) for i in indices.tolist()]
    return _stack(values, merge_shapes(elements.element_shape, element_shape), dtype)


@op("TensorListGather", "handle indices", infer=lambda ins, attrs: [
    Spec(_known((*ins[1].known_shape[:1], *attrs["element_shape"])), attrs["element_dtype"])], attrs=_ATTRS,
    flops=no_flops,
    tf=[Tf("TensorListGather", "handle indices @element_shape")],
    cases=[Case((_TWO, _indices(1, 0)), {"element_shape": [2]}, expect=[3, 4, 1, 2])])
def gather_list(handle: TensorList, indices: Array, element_shape: Shape, element_dtype: str) -> Array:
    """Chosen elements along a new first axis."""
    return _gathered(handle, indices, element_shape, element_dtype)


def _concatenated(values: Sequence[Array], element_shape: Shape, dtype: str) -> list[Array]:
    lengths = np.array([v.shape[0] for v in values], np.int32)
    if values:
        return [np.concatenate(values), lengths]
    return [np.zeros((0, *(max(d, 0) for d in element_shape[1:])), numpy_dtype(dtype)), lengths]


@op("TensorListConcatV2", "handle", infer=_infer_concat, num_outputs=2, flops=no_flops,
    attrs=(*_ATTRS, Attr("leading_dims", "ints", ())), tf=[
        Tf("TensorListConcatV2", "handle @element_shape @leading_dims"), Tf("TensorListConcat", "handle", write=False),
    ], cases=[Case((_TWO,), expect=[1, 2, 3, 4]), Case((_EMPTY,), {"element_shape": [-1]})])
def concat_list(handle: TensorList, element_shape: Shape, element_dtype: str, leading_dims: Shape) -> list[Array]:  # noqa: ARG001
    """All elements joined along their first axis, and how long each was there."""
    return _concatenated(handle.all_items(element_shape), element_shape, element_dtype)


# ---- writing ---------------------------------------------------------------------------------------------------------


@op("TensorListSetItem", "handle index item", infer=_infer_list, attrs=[_DTYPE], flops=no_flops,
    tf=[Tf("TensorListSetItem", "handle index item")], cases=[Case((_TWO, _index(0), _PAIR))])
def set_item(handle: TensorList, index: Array, item: Array, element_dtype: str) -> TensorList:  # noqa: ARG001 - the list knows
    """The list with one element replaced."""
    return handle.with_item(_number(index), item)


@op("TensorListPushBack", "handle tensor", infer=_infer_list, attrs=[_DTYPE], flops=no_flops,
    tf=[Tf("TensorListPushBack", "handle tensor")], cases=[Case((_TWO, _PAIR))])
def push_back(handle: TensorList, tensor: Array, element_dtype: str) -> TensorList:  # noqa: ARG001 - the list knows
    """The list with one more element at the end."""
    return replace(handle, items=(*handle.items, None)).with_item(len(handle.items), tensor)


@op("TensorListPopBack", "handle", infer=lambda ins, attrs: [_LIST, *_infer_item(ins, attrs)], num_outputs=2,
    attrs=_ATTRS,
    flops=no_flops,
    tf=[Tf("TensorListPopBack", "handle @element_shape")], cases=[Case((_TWO,), {"element_shape": [2]})])
def pop_back(handle: TensorList, element_shape: Shape, element_dtype: str) -> list[Any]:  # noqa: ARG001 - the rule's
    """The list without its last element, and that element."""
    return [replace(handle, items=handle.items[:-1]), handle.item(len(handle.items) - 1, element_shape)]


@op("TensorListResize", "handle size", infer=_infer_list, flops=no_flops, tf=[Tf("TensorListResize", "handle size")],
    cases=[Case((_TWO, _index(3))), Case((_TWO, _index(1)))])
def resize_list(handle: TensorList, size: Array) -> TensorList:
    """The list cut off or with room for more at the end."""
    return _resized(handle, _number(size))


# ---- TensorArray -----------------------------------------------------------------------------------------------------

_ARRAY = (Attr("element_shape", "dims", UNKNOWN), Attr("dtype", "dtype", "float32"))


@op("TensorArrayV3", "", infer=lambda _ins, _attrs: [_LIST, _LIST], num_outputs=2, flops=no_flops,
    attrs=(Attr("size", "int"), *_ARRAY, Attr("dynamic_size", "bool", default=False)),
    tf=[Tf("TensorArrayV3", "@size")],
    cases=[Case((), {"size": 2})])
def tensor_array(size: int, element_shape: Shape, dtype: str, dynamic_size: bool) -> list[TensorList]:  # noqa: ARG001, FBT001
    """A TensorArray: the handle, and the flow that carries its contents."""
    made = _resized(TensorList((), element_shape, dtype), size)
    return [made, made]


def _growing(flow: TensorList, size: int) -> TensorList:
    return _resized(flow, max(size, len(flow.items)))


@op("TensorArrayWriteV3", "handle index value flow", infer=_infer_list, flops=no_flops,
    tf=[Tf("TensorArrayWriteV3", "handle index value flow")], cases=[Case((_TWO, _index(3), _PAIR, _TWO))])
def array_write(_handle: TensorList, index: Array, value: Array, flow: TensorList) -> TensorList:
    """The flow with one element written; it grows when the index is beyond its end."""
    at = _number(index)
    return _growing(flow, at + 1).with_item(at, value)


@op("TensorArrayReadV3", "handle index flow", infer=lambda _ins, attrs: [Spec(None, attrs["dtype"])],
    attrs=[Attr("dtype", "dtype", "float32")], flops=no_flops, tf=[Tf("TensorArrayReadV3", "handle index flow")],
    cases=[Case((_EMPTY, _index(1), _TWO), expect=[3, 4])])
def array_read(_handle: TensorList, index: Array, flow: TensorList, dtype: str) -> Array:  # noqa: ARG001 - the rule's
    """One element."""
    return flow.item(_number(index), UNKNOWN)


@op("TensorArrayGatherV3", "handle indices flow", infer=lambda ins, attrs: [
    Spec(_known((*ins[1].known_shape[:1], *attrs["element_shape"])), attrs["dtype"])], attrs=_ARRAY, flops=no_flops,
    tf=[Tf("TensorArrayGatherV3", "handle indices flow")],
    cases=[Case((_EMPTY, _indices(1, 0), _TWO), expect=[3, 4, 1, 2])])
def array_gather(_handle: TensorList, indices: Array, flow: TensorList, element_shape: Shape, dtype: str) -> Array:
    """Chosen elements along a new first axis."""
    return _gathered(flow, indices, element_shape, dtype)


@op("TensorArrayScatterV3", "handle indices value flow", infer=_infer_list, flops=no_flops,
    tf=[Tf("TensorArrayScatterV3", "handle indices value flow")], cases=[Case((_TWO, _indices(1, 2), T((2, 2)), _TWO))])
def array_scatter(_handle: TensorList, indices: Array, value: Array, flow: TensorList) -> TensorList:
    """The flow with the slices of a tensor written at given places."""
    grown = _growing(flow, int(indices.max(initial=-1)) + 1)
    for i, part in zip(indices.tolist(), value, strict=True):
        grown = grown.with_item(i, np.asarray(part))
    return grown


@op("TensorArrayConcatV3", "handle flow", infer=lambda _ins, attrs: [Spec(None, attrs["dtype"]), Spec(None, "int32")],
    num_outputs=2, attrs=[Attr("dtype", "dtype", "float32")],
    flops=no_flops, tf=[Tf("TensorArrayConcatV3", "handle flow")],
    cases=[Case((_EMPTY, _TWO), expect=[1, 2, 3, 4])])
def array_concat(_handle: TensorList, flow: TensorList, dtype: str) -> list[Array]:
    """All elements joined along their first axis, and how long each was there."""
    return _concatenated(flow.all_items(UNKNOWN), flow.element_shape, dtype)


@op("TensorArraySplitV3", "handle value lengths flow", infer=_infer_list, flops=no_flops,
    tf=[Tf("TensorArraySplitV3", "handle value lengths flow")], cases=[Case((_EMPTY, T((3,)), _indices(1, 2), _EMPTY))])
def array_split(_handle: TensorList, value: Array, lengths: Array, flow: TensorList) -> TensorList:
    """The flow with parts of a tensor, cut along the first axis, as its elements."""
    return replace(flow, items=tuple(_parts(value, lengths)))


@op("TensorArraySizeV3", "handle flow", infer=lambda _ins, _attrs: [Spec((), "int32")], flops=no_flops,
    tf=[Tf("TensorArraySizeV3", "handle flow")], cases=[Case((_EMPTY, _TWO), expect=2)])
def array_size(_handle: TensorList, flow: TensorList) -> Array:
    """The number of elements."""
    return np.asarray(len(flow.items), np.int32)


@op("TensorArrayCloseV3", "handle", infer=lambda _ins, _attrs: [], num_outputs=0, flops=no_flops,
    tf=[Tf("TensorArrayCloseV3", "handle")], cases=[Case((_TWO,))])
def array_close(_handle: TensorList) -> list[Array]:
    """Do nothing: a list is gone when nobody holds it."""
    return []
