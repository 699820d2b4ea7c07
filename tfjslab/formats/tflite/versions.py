"""Which version of an operator a file asks for: the first whose kernels take this form of it.

A runtime that is older than that says so when it loads the file, instead of computing something else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfjslab.formats.tflite.file import TfliteOperator, TfliteTensor

_INT8 = 2  # what most operators take int8 from
_INT8_OF = {
    "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "RESHAPE": 1, "SQUEEZE": 1, "EXPAND_DIMS": 1,
    "SPACE_TO_DEPTH": 1, "DEPTH_TO_SPACE": 1, "HARD_SWISH": 1, "TILE": 1, "QUANTIZE": 1, "GATHER_ND": 1, "PRELU": 1,
}
_FLOAT_OF = {"BROADCAST_TO": 2}
_MOST_AXES = 4  # that the first kernels of some operators take
_Used = Sequence[TfliteTensor]


def _inputs_from(count: int) -> Callable[[TfliteOperator, _Used], bool]:
    """Whether there are so many inputs or more."""
    return lambda o, _used: sum(i >= 0 for i in o.inputs) >= count


def _of_type(name: str) -> Callable[[TfliteOperator, _Used], bool]:
    """Whether the first input has this element type."""
    return lambda _o, used: used[0].type.name == name


def _many_axes(_o: TfliteOperator, used: _Used) -> bool:
    return len(used[0].dims) > _MOST_AXES


def _half_pixels(o: TfliteOperator, _used: _Used) -> bool:
    return bool(o.options["half_pixel_centers"])


# What other things than the dtype ask for.
_FORMS: tuple[tuple[str, Callable[[TfliteOperator, _Used], bool], int], ...] = (
    ("FULLY_CONNECTED", lambda o, _used: bool(o.options["keep_num_dims"]), 5),
    ("FULLY_CONNECTED", lambda o, used: not _inputs_from(3)(o, used), 6),
    ("DEPTHWISE_CONV_2D", lambda o, _used: max(o.options["dilation_w"], o.options["dilation_h"]) > 1, 2),
    ("TRANSPOSE_CONV", _inputs_from(4), 3),
    ("RESIZE_BILINEAR", _half_pixels, 3), ("RESIZE_NEAREST_NEIGHBOR", _half_pixels, 3),
    ("DEQUANTIZE", _of_type("float16"), 3), ("QUANTIZE", _of_type("int8"), 2),
    ("TRANSPOSE", _many_axes, 4), ("STRIDED_SLICE", _many_axes, 4),
)


def version_of(o: TfliteOperator, tensors: Sequence[TfliteTensor]) -> int:
    """The version of this operator on these tensors of its subgraph."""
    used = [tensors[i] for i in (*o.inputs, *o.outputs) if i >= 0]
    integers = any(t.type.name == "int8" for t in used)
    base = _INT8_OF.get(o.name, _INT8) if integers else _FLOAT_OF.get(o.name, 1)
    return max([base, *(version for name, holds, version in _FORMS if name == o.name and holds(o, used))])
