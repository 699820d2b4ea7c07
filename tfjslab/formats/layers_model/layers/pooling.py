"""Pooling layers: windows, and whole lines, images and volumes."""

from __future__ import annotations

from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.images import channels_first, nhwc, padding, with_channels_last
from tfjslab.formats.layers_model.layers.masking import weights_of_steps


def _pool(c: Call, tf_op: str, rank: int) -> str:
    size = c.integers("pool_size", (2,) * rank, rank)
    strides = c.integers("strides", size, rank)
    lead = (1,) * (2 - rank)
    attrs = {"ksize": nhwc((*lead, *size)), "strides": nhwc((*lead, *strides)), "padding": padding(c)}

    def run(x: str) -> str:
        if rank == 1:
            return c.add("Squeeze", c.add(tf_op, c.add("ExpandDims", x, axis=1), **attrs), axis=[1])
        return c.add(tf_op, x, **attrs)

    return with_channels_last(c, c.x, run)


@layer("MaxPooling2D", "MaxPool2D", rank=4)
def _max2d(c: Call) -> str:
    return _pool(c, "MaxPool", 2)


@layer("AveragePooling2D", "AvgPool2D", rank=4)
def _average2d(c: Call) -> str:
    return _pool(c, "AvgPool", 2)


@layer("MaxPooling3D", "MaxPool3D", rank=5)
def _max3d(c: Call) -> str:
    return _pool(c, "MaxPool3D", 3)


@layer("AveragePooling3D", "AvgPool3D", rank=5)
def _average3d(c: Call) -> str:
    return _pool(c, "AvgPool3D", 3)


@layer("MaxPooling1D", "MaxPool1D", rank=3)
def _max1d(c: Call) -> str:
    return _pool(c, "MaxPool", 1)


@layer("AveragePooling1D", "AvgPool1D", rank=3)
def _average1d(c: Call) -> str:
    return _pool(c, "AvgPool", 1)


def _whole(c: Call, tf_op: str) -> str:
    """Reduce every axis but batch and channels."""
    first = 2 if channels_first(c) else 1
    axes = list(range(first, first + c.rank(c.x) - 2))
    return c.add(tf_op, c.x, axis=axes, keep_dims=c.flag("keepdims", default=False))


@layer("GlobalAveragePooling3D", "GlobalAvgPool3D", rank=5)
@layer("GlobalAveragePooling2D", "GlobalAvgPool2D", rank=4)
def _global_average(c: Call) -> str:
    return _whole(c, "Mean")


@layer("GlobalAveragePooling1D", "GlobalAvgPool1D", rank=3)
def _average_of_steps(c: Call) -> str:
    """The mean over the steps that count. TF.js averages over all of them, whatever the mask."""
    mask = weights_of_steps(c) if c.bench.keras_3 else ""
    if not mask:
        return _whole(c, "Mean")
    axis, last = (2, 1) if channels_first(c) else (1, 2)
    weights = c.add("ExpandDims", mask, axis=last)
    keep = c.flag("keepdims", default=False)
    total = c.add("Sum", c.add("Mul", c.x, weights), axis=[axis], keep_dims=keep)
    return c.add("RealDiv", total, c.add("Sum", weights, axis=[axis], keep_dims=keep))


@layer("GlobalMaxPooling3D", "GlobalMaxPool3D", rank=5)
@layer("GlobalMaxPooling2D", "GlobalMaxPool2D", rank=4)
@layer("GlobalMaxPooling1D", "GlobalMaxPool1D", rank=3)
def _global_max(c: Call) -> str:
    return _whole(c, "Max")
