"""Integer ops that compute what TensorFlow Lite's reference kernels do, bit for bit.

A value is an int8, uint8 or int16 tensor that stands for ``scale * (stored - zero_point)``. Scales are float32 numbers;
what is made of them is computed in float32 or float64 as in the kernels, since the last bit of a multiplier decides
how sums are rounded. The ops are called as in MLIR's dialect of TensorFlow Lite, ``tfl``.

They are another family than ``tfjslab.ops.quantized``, whose activations have seven bits and whose requantization is
another: neither can be expressed in the other.
"""

from tfjslab.ops.tflite import (
    arithmetic,
    casting,
    images,
    log_softmax,
    pairs,
    pooling,
    products,
    quotients,
    recurrent,
    softmax,
    tables,
    unary,
    weighted,
)

__all__ = [
    "arithmetic", "casting", "images", "log_softmax", "pairs", "pooling", "products", "quotients", "recurrent",
    "softmax", "tables", "unary", "weighted",
]
