"""Dense, Embedding, and the layers that only train (at inference they pass their input on)."""

from __future__ import annotations

from tfjslab.formats.layers_model.layers.activations import FUSED, activate, activation_name, call_inside
from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.operands import as_float

_MATRIX = 2


@layer("Dense")
def _dense(c: Call) -> str:
    x, shape = as_float(c, c.x), c.shape(c.x)
    kernel = c.weight("kernel")
    bias = [c.weight("bias")] if c.flag("use_bias", default=True) else []
    name = activation_name(c, c.config.get("activation"))
    if len(shape) > _MATRIX:
        x = c.add("Reshape", x, shape=[-1, _known(c, shape[-1])])
    steps = (*(["BiasAdd"] if bias else []), *FUSED.get(name, ()))
    out = c.add("_FusedMatMul", x, kernel, *bias, fused_ops=steps) if steps else c.add("MatMul", x, kernel)
    if len(shape) > _MATRIX:
        units = _known(c, c.shape(out)[-1])
        # One length may stay open; which one it is follows from the others.
        open_axes = [i for i, d in enumerate(shape[:-1]) if d is None]
        if len(open_axes) > 1:
            raise c.fail(f"input {list(shape)} has {len(open_axes)} open lengths, expected one at most")
        out = c.add("Reshape", out, shape=[-1 if d is None else d for d in shape[:-1]] + [units])
    return out if name in FUSED else activate(c, out)


def _known(c: Call, length: int | None) -> int:
    if length is None:
        raise c.fail("the length of the last axis is open")
    return length


@layer("Embedding")
def _embedding(c: Call) -> str:
    indices = c.x if c.dtype(c.x) == "int32" else c.add("Cast", c.x, DstT="int32")
    return c.add("GatherV2", c.weight("embeddings"), indices, axis=0)


@layer("Rescaling")
def _rescaling(c: Call) -> str:
    x = as_float(c, c.x)
    for tf_op, key, default in (("Mul", "scale", 1.0), ("AddV2", "offset", 0.0)):
        x = c.add(tf_op, x, c.constant(key, c.numbers(key, default)))
    return x


@layer(
    "Identity", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout",
    "GaussianDropout", "GaussianNoise", "ActivityRegularization", "StochasticDepth", "StopGradient",
)
def _inference_identity(c: Call) -> str:
    return _not_trained(c)


@layer(
    "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "RandomShear",
    "RandomPerspective", "RandomElasticTransform", "RandomBrightness", "RandomContrast", "RandomHue",
    "RandomSaturation", "RandomSharpness", "RandomColorJitter", "RandomColorDegeneration", "RandomPosterization",
    "RandomGrayscale", "RandomInvert", "RandomErasing", "RandomGaussianBlur", "AugMix", "RandAugment", "MixUp",
    "CutMix",
)
def _augmentation(c: Call) -> str:
    """Changes images in training only; but for the dtype, which becomes that of the layer."""
    return as_float(c, _not_trained(c))


def _not_trained(c: Call) -> str:
    """The input, unless the call itself asks for what the layer does in training."""
    if c.kwargs.get("training") is True:
        raise c.fail("it is called with training=True, with which its result would be random")
    return c.x


@layer("SpectralNormalization")
def _spectral(c: Call) -> str:
    """The layer inside: its filters are divided by their norm in training, and are stored so."""
    return call_inside(c, c.config.get("layer"), c.x)
