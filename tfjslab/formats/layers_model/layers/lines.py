"""Convolutions of lines that Keras has besides Conv1D: a line is an image of height 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.convolution import bias_and_activation, transposed_length, window
from tfjslab.formats.layers_model.layers.images import nhwc, padding, with_channels_last
from tfjslab.formats.layers_model.layers.sizes import as_attribute, size_of

_RANK = 3  # of a line and of its filters


def _image_filters(c: Call, name: str) -> str:
    """The weight as filters of height 1."""
    return c.bench.constant(f"{c.scope}/{name}_image", c.filters(name, _RANK)[None])


def _on_images(c: Call, run: Callable[[str], str]) -> str:
    """Run on images with channels last; gives lines again."""
    return with_channels_last(
        c, c.x, lambda x: bias_and_activation(c, c.add("Squeeze", run(c.add("ExpandDims", x, axis=1)), axis=[1])),
    )


def _depthwise(c: Call, image: str) -> str:
    attrs: dict[str, Any] = window(c, 1)
    how = c.text("padding", "valid", ("valid", "same", "causal"))
    if how == "causal":
        reach = (c.filters("depthwise_kernel", _RANK).shape[0] - 1) * attrs["dilations"][2]
        image, how = c.add("Pad", image, paddings=[[0, 0], [0, 0], [reach, 0], [0, 0]]), "valid"
    # Strides of two axes must be equal, and the height is 1.
    attrs["strides"] = nhwc((attrs["strides"][2],) * 2)
    return c.add(
        "DepthwiseConv2dNative", image, _image_filters(c, "depthwise_kernel"), padding=how.upper(), **attrs,
    )


@layer("DepthwiseConv1D", rank=_RANK)
def _depthwise_lines(c: Call) -> str:
    return _on_images(c, lambda image: _depthwise(c, image))


@layer("SeparableConv1D", "SeparableConvolution1D", rank=_RANK)
def _separable(c: Call) -> str:
    return _on_images(c, lambda image: c.add(
        "Conv2D", _depthwise(c, image), _image_filters(c, "pointwise_kernel"), strides=[1, 1, 1, 1], padding="VALID",
    ))


@layer("Conv1DTranspose", "Convolution1DTranspose", rank=_RANK)
def _transposed(c: Call) -> str:
    (stride,), (dilation,) = (c.integers(k, (1,), 1) for k in ("strides", "dilation_rate"))
    kernel, how = c.filters("kernel", _RANK), padding(c)
    reach = (kernel.shape[0] - 1) * dilation + 1
    extra = c.integers("output_padding", (), 1)

    def run(image: str) -> str:
        wanted = transposed_length(c, size_of(c, image, 2), reach, stride, how, *extra)
        return c.add(
            "Conv2DBackpropInput", _image_filters(c, "kernel"), image,
            output_shape=as_attribute(c, [-1, 1, wanted, kernel.shape[1]]),
            strides=nhwc((1, stride)), dilations=nhwc((1, dilation)), padding=how,
        )

    return _on_images(c, run)
