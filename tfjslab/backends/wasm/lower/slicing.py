"""Ops that cut tensors apart, stack, repeat or regroup them: each is one strided copy, or one for each piece."""

from __future__ import annotations

from tfjslab.backends.kernels.strides import row_strides
from tfjslab.backends.kernels.table import Specs
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.movement import refuses_words
from tfjslab.backends.wasm.lower.registry import lowering
from tfjslab.base.shapes import Shape, normalize_axes, normalize_axis, size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.slicing import strided_of
from tfjslab.passes.fusion import Group


@lowering("StridedSlice", refuses=refuses_words)
def lower_strided_slice(b: WasmBuilder, group: Group) -> None:
    """Steps become strides; axes that vanish or appear have length 1 and change nothing."""
    core = group.core_node
    x = core.inputs[0]
    cut = strided_of(b.shape(x), core.attrs)
    strides = row_strides(b.shape(x))
    start = sum(i * s for i, s in zip(cut.begin, strides, strict=True))
    steps = tuple(i * s for i, s in zip(cut.step, strides, strict=True))
    b.copy(b.rows(x) + 4 * start, b.new(group.output), cut.length, steps, row_strides(cut.length))


@lowering("Pack", refuses=refuses_words)
def lower_pack(b: WasmBuilder, group: Group) -> None:
    """Each input to its place along the new axis."""
    core = group.core_node
    out = b.shape(group.output)
    axis = normalize_axis(core.attrs["axis"], len(out))
    outer, inner, count = size_of(out[:axis]), size_of(out[axis + 1 :]), len(core.inputs)
    place = b.new(group.output)
    for i, v in enumerate(core.inputs):
        b.copy(b.rows(v), place + 4 * i * inner, (outer, inner), (inner, 1), (count * inner, 1))


@lowering("Unpack", "SplitV", refuses=refuses_words)
def lower_split(b: WasmBuilder, group: Group) -> None:
    """Each output from its place along the axis."""
    core = group.core_node
    x = core.inputs[0]
    shape = b.shape(x)
    axis = normalize_axis(core.attrs["axis"], len(shape))
    outer, whole = size_of(shape[:axis]), size_of(shape[axis:])
    source, start = b.rows(x), 0
    for v in core.outputs:
        own = b.spec(v).size // max(outer, 1)
        b.copy(source + 4 * start, b.new(v), (outer, own), (whole, 1), (own, 1))
        start += own


@lowering("BroadcastTo", refuses=refuses_words)
def lower_broadcast(b: WasmBuilder, group: Group) -> None:
    """Axes that are repeated are read with stride 0."""
    x, out = group.core_node.inputs[0], b.shape(group.output)
    shape = (1,) * (len(out) - len(b.shape(x))) + b.shape(x)
    strides = tuple(0 if d == 1 else s for d, s in zip(shape, row_strides(shape), strict=True))
    b.copy(b.rows(x), b.new(group.output), out, strides, row_strides(out))


@lowering("Tile", refuses=refuses_words)
def lower_tile(b: WasmBuilder, group: Group) -> None:
    """Every axis as a pair: the repeats, read with stride 0, and the axis itself."""
    core = group.core_node
    x = core.inputs[0]
    shape = b.shape(x)
    dims = tuple(d for pair in zip(core.attrs["reps"], shape, strict=True) for d in pair)
    strides = tuple(s for own in row_strides(shape) for s in (0, own))
    b.copy(b.rows(x), b.new(group.output), dims, strides, row_strides(dims))


@lowering("Reverse", refuses=refuses_words)
def lower_reverse(b: WasmBuilder, group: Group) -> None:
    """Reversed axes are read from their end with a negative stride."""
    core = group.core_node
    x = core.inputs[0]
    shape, strides = b.shape(x), row_strides(b.shape(x))
    if core.attrs["dims"] is not None:
        axes = {i for i, flip in enumerate(core.attrs["dims"]) if flip}
    else:
        axes = set(normalize_axes(core.attrs["axis"], len(shape)))
    steps = tuple(-s if i in axes else s for i, s in enumerate(strides))
    start = sum((shape[i] - 1) * strides[i] for i in axes) if b.spec(x).size else 0
    b.copy(b.rows(x) + 4 * start, b.new(group.output), shape, steps, strides)


def _refuses_blocks(node: Node, specs: Specs) -> str:
    if node.attrs["data_format"] != "NHWC":
        return f"no WebAssembly kernel for data_format {node.attrs['data_format']}"
    return refuses_words(node, specs)


@lowering("DepthToSpace", refuses=_refuses_blocks)
def lower_depth_to_space(b: WasmBuilder, group: Group) -> None:
    """[n, h, w, by, bx, c] is read as [n, h, by, w, bx, c]."""
    core = group.core_node
    n, h, w, c = b.shape(core.inputs[0])
    block = core.attrs["block_size"]
    _regroup(b, group, (n, h, w, block, block, c // block**2), (0, 1, 3, 2, 4, 5))


@lowering("SpaceToDepth", refuses=_refuses_blocks)
def lower_space_to_depth(b: WasmBuilder, group: Group) -> None:
    """[n, h, by, w, bx, c] is read as [n, h, w, by, bx, c]."""
    core = group.core_node
    n, h, w, c = b.shape(core.inputs[0])
    block = core.attrs["block_size"]
    _regroup(b, group, (n, h // block, block, w // block, block, c), (0, 1, 3, 2, 4, 5))


def _regroup(b: WasmBuilder, group: Group, shape: Shape, order: Shape) -> None:
    strides = row_strides(shape)
    dims = tuple(shape[i] for i in order)
    b.copy(
        b.rows(group.core_node.inputs[0]), b.new(group.output), dims, tuple(strides[i] for i in order),
        row_strides(dims),
    )
