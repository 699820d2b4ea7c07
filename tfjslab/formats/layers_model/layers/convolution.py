"""Convolutional layers."""

from __future__ import annotations

from typing import Any

from tfjslab.formats.layers_model.layers.activations import FUSED, activate, activation_name
from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.images import nhwc, padding, with_channels_last
from tfjslab.formats.layers_model.layers.sizes import Size, as_attribute, computed, size_of


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
    """Dilation counts as in Keras. TF.js 4.22 forgets it: what was trained there has none."""
    attrs = {**window(c), "padding": padding(c)}
    if c.bench.by_tfjs:
        attrs["dilations"] = nhwc((1, 1))
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
    return transposed(c, "Conv2DBackpropInput", 2)


def transposed(c: Call, tf_op: str, rank: int) -> str:
    """A transposed convolution over ``rank`` axes, bias and activation."""
    strides, dilations = (c.integers(k, (1,) * rank, rank) for k in ("strides", "dilation_rate"))
    kernel, how = c.filters("kernel", rank + 2), padding(c)
    extra = c.integers("output_padding", (), rank)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilations, strict=False)]

    def run(x: str) -> str:
        lengths = [
            transposed_length(c, size_of(c, x, 1 + i), reach[i], strides[i], how, *extra[i : i + 1])
            for i in range(rank)
        ]
        shape = as_attribute(c, [-1, *lengths, kernel.shape[-2]])
        attrs = {"strides": nhwc(strides), "dilations": nhwc(dilations), "padding": how}
        return bias_and_activation(c, c.add(tf_op, c.weight("kernel"), x, output_shape=shape, **attrs))

    return with_channels_last(c, c.x, run)


def transposed_length(c: Call, length: Size, reach: int, stride: int, how: str, *extra: int) -> Size:
    """Keras's rule: SAME multiplies, VALID adds what the window reaches beyond the stride; ``extra`` says it itself."""
    if extra:
        (out_padding,) = extra
        pad = reach // 2 if how == "SAME" else 0
        return computed(c, "AddV2", computed(c, "Mul", length, stride), reach - stride - 2 * pad + out_padding)
    grow = 0 if how == "SAME" else max(reach - stride, 0)
    grown = computed(c, "Mul", length, stride)
    return computed(c, "AddV2", grown, grow) if grow else grown
