"""Convolutional layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfjslab.formats.layers_model.layers.activations import FUSED, activate, activation_name
from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.images import nhwc, padding, with_channels_last


def _bias(c: Call) -> list[str]:
    return [c.weight("bias")] if c.flag("use_bias", default=True) else []


def _fused(c: Call, x: str, kernel: str, attrs: dict[str, Any]) -> str:
    """Convolution, bias and activation: one kernel where TF.js's layers have one."""
    bias = _bias(c)
    name = activation_name(c, c.config.get("activation"))
    steps = (*(["BiasAdd"] if bias else []), *FUSED.get(name, ()))
    fused = {"fused_ops": steps} if steps else {}
    out = c.add("_FusedConv2D" if steps else "Conv2D", x, kernel, *bias, **fused, **attrs)
    return out if name in FUSED else activate(c, out)


def bias_and_activation(c: Call, x: str) -> str:
    """What follows a convolution that has no kernel of its own for it."""
    for bias in _bias(c):
        x = c.add("BiasAdd", x, bias)
    return activate(c, x)


def window(c: Call, rank: int = 2) -> dict[str, Any]:
    """Strides and dilations as attributes of an op."""
    strides, dilations = (c.integers(k, (1,) * rank, rank) for k in ("strides", "dilation_rate"))
    # 1-D data lies along the width of an image.
    lead = (1,) * (2 - rank)
    return {"strides": nhwc((*lead, *strides)), "dilations": nhwc((*lead, *dilations))}


@layer("Conv2D", "Convolution2D", rank=4)
def _conv2d(c: Call) -> str:
    attrs = {**window(c), "padding": padding(c)}
    return with_channels_last(c, c.x, lambda x: _fused(c, x, c.weight("kernel"), attrs))


@layer("Conv1D", "Convolution1D", rank=3)
def _conv1d(c: Call) -> str:
    attrs = window(c, 1)
    causal = c.text("padding", "valid", ("valid", "same", "causal")) == "causal"
    filters = c.filters("kernel", 3)
    reach = (filters.shape[0] - 1) * attrs["dilations"][2]

    def run(x: str) -> str:
        if causal:
            x = c.add("Pad", x, paddings=[[0, 0], [reach, 0], [0, 0]])
        image = c.add("ExpandDims", x, axis=1)
        kernel = c.bench.constant(f"{c.scope}/kernel_image", filters[None])
        out = _fused(c, image, kernel, {**attrs, "padding": "VALID" if causal else padding(c)})
        return c.add("Squeeze", out, axis=[1])

    return with_channels_last(c, c.x, run)


@layer("DepthwiseConv2D", rank=4)
def _depthwise(c: Call) -> str:
    """Dilation counts as in Keras; TF.js 4.22 forgets it."""
    attrs = {**window(c), "padding": padding(c)}
    return with_channels_last(
        c, c.x,
        lambda x: bias_and_activation(c, c.add("DepthwiseConv2dNative", x, c.weight("depthwise_kernel"), **attrs)),
    )


@layer("SeparableConv2D", "SeparableConvolution2D", rank=4)
def _separable(c: Call) -> str:
    attrs = {**window(c), "padding": padding(c)}

    def run(x: str) -> str:
        deep = c.add("DepthwiseConv2dNative", x, c.weight("depthwise_kernel"), **attrs)
        out = c.add("Conv2D", deep, c.weight("pointwise_kernel"), strides=[1, 1, 1, 1], padding="VALID")
        return bias_and_activation(c, out)

    return with_channels_last(c, c.x, run)


@layer("Conv2DTranspose", "Convolution2DTranspose", "Deconvolution2D", rank=4)
def _transposed(c: Call) -> str:
    strides = c.integers("strides", (1, 1), 2)
    kernel = c.filters("kernel", 4)
    if c.integers("dilation_rate", (1, 1), 2) != (1, 1) or c.config.get("output_padding") is not None:
        raise c.fail("dilation_rate and output_padding are not supported")

    def run(x: str) -> str:
        sizes = c.shape(x)[1:3]
        if None in sizes:
            raise c.fail(f"input {list(c.shape(x))}; a transposed convolution takes a known height and width")
        spatial = _transposed_size([s or 0 for s in sizes], kernel.shape[:2], strides, padding(c))
        out = c.add(
            "Conv2DBackpropInput", c.weight("kernel"), x, output_shape=[-1, *spatial, kernel.shape[2]],
            strides=nhwc(strides), padding=padding(c),
        )
        return bias_and_activation(c, out)

    return with_channels_last(c, c.x, run)


def _transposed_size(sizes: Sequence[int], window: Sequence[int], strides: Sequence[int], how: str) -> list[int]:
    """Keras's rule: SAME multiplies, VALID adds what the window reaches beyond the stride."""
    grow = [0, 0] if how == "SAME" else [max(k - s, 0) for k, s in zip(window, strides, strict=True)]
    return [n * s + g for n, s, g in zip(sizes, strides, grow, strict=True)]
