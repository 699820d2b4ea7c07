"""Which version of an operator a file asks for: the first whose kernels take this form of it.

A runtime that is older than that says so when it loads the file, instead of computing something else.
"""

from __future__ import annotations

from collections.abc import Sequence

from tfjslab.formats.tflite.file import TfliteOperator, TfliteTensor

_INT8 = 2  # what most operators take int8 from
_INT8_OF = {
    "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "RESHAPE": 1, "SQUEEZE": 1, "EXPAND_DIMS": 1,
    "SPACE_TO_DEPTH": 1, "DEPTH_TO_SPACE": 1, "HARD_SWISH": 1, "TILE": 1, "QUANTIZE": 1, "GATHER_ND": 1,
}
_FLOAT_OF = {"BROADCAST_TO": 2}
_HALF_PIXELS, _HALVES, _KEPT, _NO_BIAS, _DILATED, _WITH_BIAS, _WIDE = 3, 3, 5, 6, 2, 3, 4
_RANK_4 = 4


def version_of(o: TfliteOperator, tensors: Sequence[TfliteTensor]) -> int:
    """The version of this operator on these tensors of its subgraph."""
    used = [tensors[i] for i in (*o.inputs, *o.outputs) if i >= 0]
    types = {t.type.name for t in used}
    base = _INT8_OF.get(o.name, _INT8) if "int8" in types else _FLOAT_OF.get(o.name, 1)
    return max(base, _form(o, used, types))


def _form(o: TfliteOperator, used: Sequence[TfliteTensor], types: set[str]) -> int:
    """What other things than its dtype ask for."""
    if o.name == "FULLY_CONNECTED":
        return _NO_BIAS if len(used) <= len(("x", "filter", "out")) else _KEPT if o.options["keep_num_dims"] else 1
    if o.name == "DEPTHWISE_CONV_2D" and max(o.options["dilation_w"], o.options["dilation_h"]) > 1:
        return _DILATED
    if o.name == "TRANSPOSE_CONV" and len(used) > len(("shape", "filter", "x", "out")):
        return _WITH_BIAS
    if o.name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR") and o.options["half_pixel_centers"]:
        return _HALF_PIXELS
    if o.name == "DEQUANTIZE" and "float16" in types:
        return _HALVES
    if o.name == "QUANTIZE" and used[0].type.name == "int8":
        return _INT8
    if o.name in ("TRANSPOSE", "STRIDED_SLICE") and len(used[0].dims) > _RANK_4:
        return _WIDE
    return 1
