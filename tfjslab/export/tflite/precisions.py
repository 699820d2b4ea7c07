"""The precisions that .tflite files are written in: one row each."""

from __future__ import annotations

from tfjslab.base.errors import UsageError, did_you_mean

FLOAT32, FLOAT16, INT8 = "float32", "float16", "int8"
PRECISIONS = {
    FLOAT32: "as the model computes",
    FLOAT16: "weights of half the size, widened when the file is loaded",
    INT8: "weights and activations in 8 bits, by ranges seen on calibration data",
}


def check_precision(name: str) -> None:
    """UsageError unless ``name`` is a precision; it lists them."""
    if name not in PRECISIONS:
        raise UsageError(f"precision is {name!r}; expected one of {', '.join(PRECISIONS)}"
                         f"{did_you_mean(str(name), PRECISIONS)}")
