"""From ops to kernel calls, one file per family. Importing this registers all of them."""

from tfjslab.backends.wasm.lower import (
    convolution,
    elementwise,
    image,
    matmul,
    movement,
    normalization,
    quantized,
    reduction,
    slicing,
    window,
)

__all__ = [
    "convolution", "elementwise", "image", "matmul", "movement", "normalization", "quantized", "reduction",
    "slicing", "window",
]
