"""The meaning of every op, defined once.

Importing this package registers all ops. There is one module per family; ``registry`` holds them, ``conformance``
yields their test cases with float64 answers, and ``expr`` is the language of the elementwise ones.
"""

from tfjslab.ops import (
    array_padding,
    control,
    conv,
    counting,
    creation,
    detection,
    elementwise,
    gathering,
    image,
    lists,
    matmul,
    normalization,
    pool,
    postprocess,
    quantized,
    randoms,
    recurrent,
    reduction,
    selection,
    shaping,
    slicing,
)

__all__ = [
    "array_padding",
    "control",
    "conv",
    "counting",
    "creation",
    "detection",
    "elementwise",
    "gathering",
    "image",
    "lists",
    "matmul",
    "normalization",
    "pool",
    "postprocess",
    "quantized",
    "randoms",
    "recurrent",
    "reduction",
    "selection",
    "shaping",
    "slicing",
]
