"""Which operators compute in int8, and what scales their tensors then have: TensorFlow Lite's quantization scheme.

Operators that are not listed stay in float32, between DEQUANTIZE and QUANTIZE, and so do those that our reader does not
know in integers: every file that is written can be run and measured here.
"""

from __future__ import annotations

from dataclasses import dataclass

import tfjslab.formats.tflite.operators  # noqa: F401 - registers the converters
from tfjslab.formats.tflite.operator import integer_converters

WEIGHTED, SEEN, SAME, JOINED, FIXED, PLACE = "weighted", "seen", "same", "joined", "fixed", "place"


@dataclass(frozen=True)
class Int8Rule:
    """How an operator computes in int8.

    ``kind``: ``weighted`` sums have constant weights (input ``weights``, whose scales go along ``axis``, or are one
    for all where it is None) and perhaps a ``bias``. The output has a range that was ``seen``, the ``same`` scale as
    the input, a ``fixed`` one, or one to which all inputs are brought before they are ``joined``. A ``place`` is an
    index, no real number. ``inputs`` are those with real numbers; None for all of them.
    """

    kind: str
    inputs: tuple[int, ...] | None = (0,)
    weights: int = 1
    bias: int = 2
    axis: int | None = None
    scale: float = 0.0
    zero: int = 0


def _same(names: str, *inputs: int) -> dict[str, Int8Rule]:
    return dict.fromkeys(names.split(), Int8Rule(SAME, inputs or (0,)))


_RULES: dict[str, Int8Rule] = {
    "CONV_2D": Int8Rule(WEIGHTED, axis=0), "DEPTHWISE_CONV_2D": Int8Rule(WEIGHTED, axis=3),
    "FULLY_CONNECTED": Int8Rule(WEIGHTED), "TRANSPOSE_CONV": Int8Rule(WEIGHTED, (2,), bias=3, axis=0),
    **dict.fromkeys(("ADD", "SUB", "MUL", "PRELU"), Int8Rule(SEEN, (0, 1))),
    **dict.fromkeys(("MEAN", "LEAKY_RELU", "HARD_SWISH", "RELU", "RELU6", "RELU_N1_TO_1"), Int8Rule(SEEN)),
    **_same("RESHAPE SQUEEZE EXPAND_DIMS TRANSPOSE PAD MIRROR_PAD STRIDED_SLICE SLICE SPLIT_V UNPACK GATHER GATHER_ND "
            "TILE MAX_POOL_2D AVERAGE_POOL_2D RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SPACE_TO_DEPTH DEPTH_TO_SPACE "
            "BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND BROADCAST_TO REVERSE_V2"),
    **_same("SPLIT", 1), **_same("PADV2", 0, 2),
    **dict.fromkeys(("CONCATENATION", "PACK", "MAXIMUM", "MINIMUM"), Int8Rule(JOINED, None)),
    "SOFTMAX": Int8Rule(FIXED, scale=1 / 256, zero=-128), "LOGISTIC": Int8Rule(FIXED, scale=1 / 256, zero=-128),
    "TANH": Int8Rule(FIXED, scale=1 / 128), "ARG_MAX": Int8Rule(PLACE), "ARG_MIN": Int8Rule(PLACE),
}
RULES = {name: rule for name, rule in _RULES.items() if name in integer_converters()}
