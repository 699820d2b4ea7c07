"""Windows over sequences and volumes as windows over images, which is what kernels are for.

A sequence is an image of height 1. A volume is a batch of images along its depth: a convolution over both is one over
images that have the channels of all depths that the window meets, and pooling is done along two axes, then along depth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfjslab.backends.kernels.rewrites import Rewriting, Rule
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import Shape, size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.conv1d import conv2d_attrs, image_shape
from tfjslab.ops.conv3d import conv3d_of
from tfjslab.ops.pool3d import pool_volume
from tfjslab.ops.volume import RANK, Volume

_POOLS = {"MaxPool3D": "MaxPool", "AvgPool3D": "AvgPool"}
_TO_LAST, _TO_FIRST = (0, 2, 3, 4, 1), (0, 4, 1, 2, 3)
_FILTER_ORDER = (1, 2, 0, 3, 4)  # height, width, depth and in, out


def conv1d(work: Rewriting, node: Node) -> bool:
    """One Conv2D."""
    if node.op != "Conv1D":
        return False
    x, kernel = node.inputs
    image = work.reshaped(node, x, "image", image_shape(work.shape(x), node.attrs))
    filter2d = work.reshaped(node, kernel, "filter", (1, *work.shape(kernel)))
    made = work.add(node, "Conv2D", [image, filter2d], "convolved", **conv2d_attrs(node.attrs))
    work.add(node, "Reshape", [made], shape=work.shape(node.name))
    return True


def conv3d(work: Rewriting, node: Node) -> bool:
    """One Conv2D of images that have as channels what the window meets along depth; groups stay as they are."""
    if node.op != "Conv3D":
        return False
    c = conv3d_of(work.shape(node.inputs[0]), work.shape(node.inputs[1]), node.attrs)
    if c.groups > 1:
        return False
    w = c.window
    images = _depths(work, node, _channels_last(work, node, w), w)
    height, width = w.size[1:]
    shape = (height, width, w.size[0] * c.in_channels, c.out_channels)
    kernel = _ordered_filter(work, node, shape)
    made = work.add(node, "Conv2D", [images, kernel], "convolved", **_along(w, (1, 2)), dilations=w.dilation[1:])
    _finish(work, node, made, w, c.out_channels)
    return True


def pool3d(work: Rewriting, node: Node) -> bool:
    """Two poolings of images: over height and width, then over depth."""
    if node.op not in _POOLS:
        return False
    w = pool_volume(node.op, work.shape(node.inputs[0]), node.attrs)
    x = _channels_last(work, node, w)
    channels = work.shape(x)[-1]
    images = work.add(node, "Reshape", [x], "images", shape=(w.batch * w.in_size[0], *w.in_size[1:], channels))
    op = _POOLS[node.op]
    flat = work.add(node, op, [images], "pooled images", ksize=w.size[1:], **_along(w, (1, 2)))
    area = size_of(w.out_size[1:])
    columns = work.add(node, "Reshape", [flat], "columns", shape=(w.batch, w.in_size[0], area, channels))
    made = work.add(node, op, [columns], "pooled", ksize=(w.size[0], 1), **_along(w, (0,)))
    _finish(work, node, made, w, channels)
    return True


def _along(w: Volume, axes: Sequence[int]) -> dict[str, Shape | str]:
    """Strides and padding of a window over images that moves along these axes of a volume."""
    pads = [p for a in axes for p in w.pad[a]] + [0, 0] * (2 - len(axes))
    strides = [w.stride[a] for a in axes] + [1] * (2 - len(axes))
    return {"strides": tuple(strides), "padding": "EXPLICIT", "explicit_paddings": (0, 0, *pads, 0, 0)}


def _channels_last(work: Rewriting, node: Node, w: Volume) -> str:
    """The batch that a node reads, with channels last."""
    x = node.inputs[0]
    if not w.batched:
        x = work.reshaped(node, x, "batch", (1, *work.shape(x)))
    return x if w.data_format == "NDHWC" else work.add(node, "Transpose", [x], "channels last", perm=_TO_LAST)


def _depths(work: Rewriting, node: Node, x: str, w: Volume) -> str:
    """Images with the channels of each depth that the window meets, for each of its positions along depth."""
    shape = work.shape(x)
    if any(w.pad[0]):
        x = work.add(node, "PadV2", [x], "padded", paddings=((0, 0), w.pad[0], (0, 0), (0, 0), (0, 0)))
    parts = []
    for place in range(w.size[0]):
        first = place * w.dilation[0]
        end = first + (w.out_size[0] - 1) * w.stride[0] + 1
        if (first, end, w.stride[0]) == (0, work.shape(x)[1], 1):
            parts.append(x)
            continue
        begin, stop = [0] * RANK, [w.batch, end, *shape[2:]]
        begin[1] = first
        parts.append(work.add(
            node, "StridedSlice", [x], f"depth {place}", begin=begin, end=stop, strides=(1, w.stride[0], 1, 1, 1),
        ))
    joined = parts[0] if len(parts) == 1 else work.add(node, "Concat", parts, "depths", axis=RANK - 1)
    channels = w.size[0] * shape[-1]
    return work.add(node, "Reshape", [joined], "images", shape=(w.batch * w.out_size[0], *shape[2:4], channels))


def _ordered_filter(work: Rewriting, node: Node, shape: Shape) -> str:
    """The filter with depths among the channels; of a constant it is one as well."""
    kernel = node.inputs[1]

    def order(array: Array) -> Array:
        return np.ascontiguousarray(array.transpose(_FILTER_ORDER)).reshape(shape)

    if kernel in work.constants:
        return work.constant(f"{kernel} of images", order, kernel)
    turned = work.add(node, "Transpose", [kernel], "ordered filter", perm=_FILTER_ORDER)
    return work.add(node, "Reshape", [turned], "filter", shape=shape)


def _finish(work: Rewriting, node: Node, made: str, w: Volume, channels: int) -> None:
    """Give the node its shape back."""
    if w.data_format == "NDHWC":
        work.add(node, "Reshape", [made], shape=work.shape(node.name))
        return
    whole = work.add(node, "Reshape", [made], "volumes", shape=(w.batch, *w.out_size, channels))
    if w.batched:
        work.add(node, "Transpose", [whole], perm=_TO_FIRST)
    else:
        turned = work.add(node, "Transpose", [whole], "channels first", perm=_TO_FIRST)
        work.add(node, "Reshape", [turned], shape=work.shape(node.name))


RULES: tuple[Rule, ...] = (conv1d, conv3d, pool3d)
