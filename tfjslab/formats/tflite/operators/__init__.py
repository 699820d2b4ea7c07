"""What the operators of .tflite files mean in our ops. Each module registers its converters."""

from tfjslab.formats.tflite.operators import (  # noqa: F401 - importing registers
    control,
    elementwise,
    moving,
    reducing,
    windows,
)
from tfjslab.formats.tflite.operators import integers  # noqa: F401, E402, I001 - takes over some of the others'

