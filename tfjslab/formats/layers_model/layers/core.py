"""Dense, Embedding, and the layers that only train (at inference they pass their input on)."""

from __future__ import annotations

import numpy as np

from tfjslab.formats.layers_model.layers.activations import FUSED, activate, activation_name
from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.operands import as_float

_MATRIX = 2


@layer("Dense", masks=True)
def _dense(c: Call) -> str:
    x, shape = as_float(c, c.x), c.shape(c.x)
    kernel = c.weight("kernel")
    bias = [c.weight("bias")] if c.flag("use_bias", default=True) else []
    name = activation_name(c, c.config.get("activation"))
    if shape[1:-1].count(None) + (shape[0] is None) > 1:
        # No shape would put the rows of such a product back into place; it is one that keeps them there.
        out = c.add("BatchMatMulV2", x, kernel)
        return activate(c, c.add("AddV2", out, *bias) if bias else out)
    if len(shape) > _MATRIX:
        x = c.add("Reshape", x, shape=[-1, _known(c, shape[-1])])
    # TensorFlow.js leaves an activation out that stands in a kernel without a bias.
    steps = ("BiasAdd", *FUSED.get(name, ())) if bias else ()
    out = c.add("_FusedMatMul", x, kernel, *bias, fused_ops=steps) if steps else c.add("MatMul", x, kernel)
    if len(shape) > _MATRIX:
        units = _known(c, c.shape(out)[-1])
        out = c.add("Reshape", out, shape=[-1 if d is None else d for d in shape[:-1]] + [units])
    return out if steps and name in FUSED else activate(c, out)


def _known(c: Call, length: int | None) -> int:
    if length is None:
        raise c.fail("the length of the last axis is open")
    return length


@layer("Embedding")
def _embedding(c: Call) -> str:
    """Rows of a table. With ``mask_zero`` steps of id 0 do not count."""
    indices = ids(c)
    out = c.add("GatherV2", c.weight("embeddings"), indices, axis=0)
    if c.flag("mask_zero", default=False):
        c.bench.masks[out] = c.add("NotEqual", indices, c.constant("zero", 0, np.int32))
    return out


def ids(c: Call) -> str:
    """The layer's first input as integers. An input of the model that is read so takes both floats and integers."""
    x = c.inputs[0]
    c.bench.note_ids(x)
    return x if c.dtype(x) == "int32" else c.add("Cast", x, DstT="int32")


@layer("Rescaling", masks=True)
def _rescaling(c: Call) -> str:
    x = as_float(c, c.x)
    for tf_op, key, default in (("Mul", "scale", 1.0), ("AddV2", "offset", 0.0)):
        x = c.add(tf_op, x, c.constant(key, c.numbers(key, default)))
    return x


@layer(
    "Identity", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout",
    "GaussianDropout", "GaussianNoise", "ActivityRegularization", masks=True,
)
def _inference_identity(c: Call) -> str:
    return _not_trained(c)


@layer("StochasticDepth", "StopGradient")
def _identity_without_mask(c: Call) -> str:
    """The input, whose mask ends here: so it is another value then."""
    x = _not_trained(c)
    return c.add("Identity", x) if c.mask else x


@layer(
    "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "RandomShear",
    "RandomPerspective", "RandomElasticTransform", "RandomBrightness", "RandomContrast", "RandomHue",
    "RandomSaturation", "RandomSharpness", "RandomColorJitter", "RandomColorDegeneration", "RandomPosterization",
    "RandomGrayscale", "RandomInvert", "RandomErasing", "RandomGaussianBlur", "AugMix", "RandAugment", "MixUp",
    "CutMix", "RandomWidth", "RandomHeight",
)
def _augmentation(c: Call) -> str:
    """Changes images in training only; but for the dtype, which becomes that of the layer.

    TF.js 4.22 changes the width of RandomWidth here, too, by chance.
    """
    return as_float(c, _not_trained(c))


def _not_trained(c: Call) -> str:
    """The input, unless the call itself asks for what the layer does in training."""
    if c.kwargs.get("training") is True:
        raise c.fail("it is called with training=True, with which its result would be random")
    return c.x
