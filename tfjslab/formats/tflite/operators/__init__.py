"""What the operators of .tflite files mean in our ops. Each module registers its converters."""

from tfjslab.formats.tflite.operators import (  # noqa: F401 - importing registers
    control,
    custom,
    elementwise,
    integer_functions,
    integers,
    moving,
    recurrent,
    recurrent_integers,
    reducing,
    segments,
    spectral,
    stablehlo,
    states,
    tables,
    widened,
    windows,
)
