"""How our ops are written with the operators of .tflite files. Each module registers its writers."""

from tfjslab.formats.tflite.writer.operators import (  # noqa: F401 - importing registers
    composed,
    einsum,
    elementwise,
    moving,
    reducing,
    volumes,
    windows,
)
