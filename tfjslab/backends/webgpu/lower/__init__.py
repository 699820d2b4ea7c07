"""From ops to dispatches, one file per family. Importing this registers all of them."""

from tfjslab.backends.webgpu.lower import (
    convolution,
    elementwise,
    image,
    matmul,
    movement,
    normalization,
    quantized,
    reduction,
    window,
)

__all__ = ["convolution", "elementwise", "image", "matmul", "movement", "normalization", "quantized", "reduction",
           "window"]
