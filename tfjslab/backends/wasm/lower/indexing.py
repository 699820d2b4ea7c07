"""Ops that read an index or give one: gathers, one-hot rows, where the largest stands."""

from __future__ import annotations

import numpy as np

from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.faults import number_of
from tfjslab.backends.wasm.lower.registry import NUMBERS, lowering, only_elements
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import numpy_dtype
from tfjslab.base.shapes import normalize_axis, size_of
from tfjslab.ops.gathering import gather_axes
from tfjslab.passes.fusion import Group

_FLOPS_OF_A_STEP = 4  # of a loop that compares


@lowering("ArgMax", "ArgMin", refuses=only_elements)
def lower_index_of(b: WasmBuilder, group: Group) -> None:
    """[outer][n][inner]."""
    core = group.core_node
    x = core.inputs[0]
    shape = b.shape(x) or (1,)
    axis = normalize_axis(core.attrs["axis"], len(shape))
    n, inner, units = shape[axis], size_of(shape[axis + 1 :]), b.spec(group.output).size
    source, out = b.rows(x), b.new(group.output)
    k = kernel(
        "index_of", ("x", "c"), n=n, inner=inner, type=NUMBERS[b.spec(x).dtype],
        better="gt" if core.op == "ArgMax" else "lt",
    )
    b.call(k, (source, out), units, flops=_FLOPS_OF_A_STEP * units * n)


@lowering("OneHot", refuses=only_elements)
def lower_one_hot(b: WasmBuilder, group: Group) -> None:
    """Each index is compared with all places along the new axis."""
    core = group.core_node
    indices, attrs = core.inputs[0], core.attrs
    shape, dtype = b.shape(indices), numpy_dtype(attrs["dtype"])
    axis = normalize_axis(attrs["axis"], len(shape) + 1)
    # The bits of the values, as the integer that is stored.
    whole = np.dtype(f"i{dtype.itemsize}")
    on, off = (int(np.array(attrs[v]).astype(dtype).view(whole)) for v in ("on_value", "off_value"))
    source, out = b.rows(indices), b.new(group.output)
    k = kernel(
        "one_hot", ("x", "c"), depth=attrs["depth"], inner=size_of(shape[axis:]), item=dtype.itemsize, on=on, off=off,
    )
    size = b.spec(group.output).size
    b.call(k, (source, out), size_of(shape) if size else 0, flops=_FLOPS_OF_A_STEP * size)


@lowering("GatherV2", refuses=only_elements, checks=True)
def lower_gather(b: WasmBuilder, group: Group) -> None:
    """Slices are runs of memory. Constant indices that are right need no check when it runs."""
    core = group.core_node
    x, indices = core.inputs
    shape, known = b.shape(x), b.constant_array(indices)
    axis, batch = gather_axes(shape, b.shape(indices), core.attrs)
    right = known is not None and bool(np.all((known >= 0) & (known < shape[axis])))
    sizes = (
        size_of(shape[:batch]), size_of(shape[batch:axis]), size_of(b.shape(indices)[batch:]), shape[axis],
        size_of(shape[axis + 1 :]),
    )
    places = b.rows(x), b.rows(indices), b.new(group.output)
    slices(b, places, sizes, b.item(x), 0 if right else number_of("GatherV2"))


def slices(
    b: WasmBuilder, places: tuple[WasmPlace, WasmPlace, WasmPlace], sizes: tuple[int, int, int, int, int], item: int,
    check: int = 0,
) -> None:
    """[rows][outer][length][inner] by [rows][count] indices to [rows][outer][count][inner] elements of ``item`` bytes.

    ``sizes`` are rows, outer, count, length, inner; ``check`` is the number of the check of the indices, 0 for none.
    """
    rows, outer, count, length, inner = sizes
    if not outer * inner:  # nothing to move, but all indices are looked at
        outer, inner = 1, 0
    k = kernel(
        "gather", ("x", "indices", "c"), outer=outer, count=count, length=length, inner=inner, item=item, check=check,
    )
    units = rows * outer * count if inner or check else 0
    b.call(k, places, units, flops=_FLOPS_OF_A_STEP * units * inner)
