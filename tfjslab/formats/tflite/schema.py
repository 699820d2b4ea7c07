"""What a .tflite file is made of: numbers of operators, of element types and of fields, by version 3 of the schema.

Facts of the file format; no code of others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfjslab.base.dtypes import Array

_OPERATORS = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM
MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS
SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND
SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN
EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2
GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG
SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT
UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU
SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE
MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND
SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D
IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE
READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU
DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE
STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM
STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS STABLEHLO_AND
STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR
STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH
STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE
STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE
STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE
STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
"""
OPERATORS = tuple(_OPERATORS.split())
CUSTOM = "CUSTOM"
FILE_MARK, METADATA_MARK = b"TFL3", b"M001"  # behind the first offset of a file, and of its metadata
METADATA = "TFLITE_METADATA"  # the buffer that describes the model
ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
PADDINGS = ("SAME", "VALID")
MIRRORS = ("REFLECT", "SYMMETRIC")


@dataclass(frozen=True)
class ElementType:
    """An element type of the file: its name, how it is stored, and the dtype that graphs have it as."""

    name: str
    stored: str
    dtype: str


ELEMENT_TYPES = (
    ElementType("float32", "<f4", "float32"), ElementType("float16", "<f2", "float32"),
    ElementType("int32", "<i4", "int32"), ElementType("uint8", "u1", "uint8"), ElementType("int64", "<i8", "int32"),
    ElementType("string", "", "string"), ElementType("bool", "?", "bool"), ElementType("int16", "<i2", "int16"),
    ElementType("complex64", "<c8", "complex64"),
    ElementType("int8", "i1", "int8"), ElementType("float64", "<f8", "float32"),
    ElementType("complex128", "<c16", ""), ElementType("uint64", "<u8", "int32"), ElementType("resource", "", ""),
    ElementType("variant", "", ""), ElementType("uint32", "<u4", "int32"), ElementType("uint16", "<u2", "int32"),
    ElementType("int4", "i1", ""), ElementType("bfloat16", "", ""), ElementType("int2", "", ""),
    ElementType("uint4", "", ""), ElementType("float8_e4m3fn", "", ""), ElementType("float8_e5m2", "", ""),
)
HALF_BYTE = "int4"  # two of them are in a byte, the first one in its lower half; constants of it are read as int8

# Options that are read: the field's number, and how it is stored. Texts stand for numbers of a list.
_ACTIVATION, _PADDING, _INT, _BOOL, _FLOAT, _INTS = "activation", "padding", "<i", "<?", "<f", "<i4"
_WINDOW = {"padding": (0, _PADDING), "stride_w": (1, _INT), "stride_h": (2, _INT)}
_VOLUME = {
    "padding": (0, _PADDING), "stride_d": (1, _INT), "stride_w": (2, _INT), "stride_h": (3, _INT),
    "activation": (4, _ACTIVATION), "dilation_d": (5, _INT), "dilation_w": (6, _INT), "dilation_h": (7, _INT)}
_POOL = {**_WINDOW, "filter_width": (3, _INT), "filter_height": (4, _INT), "activation": (5, _ACTIVATION)}
_FUSED = {"activation": (0, _ACTIVATION)}
_SUM = {**_FUSED, "pot_scale_int16": (1, _BOOL)}
_REDUCER = {"keep_dims": (0, _BOOL)}
_RESIZE = {"align_corners": (2, _BOOL), "half_pixel_centers": (3, _BOOL)}
_TYPE = {"output_type": (0, "<b")}
_SEEDS = {"seed": (0, "<q"), "seed2": (1, "<q")}
_CLIPS = {"activation": (0, _ACTIVATION), "cell_clip": (1, _FLOAT), "proj_clip": (2, _FLOAT)}
OPTIONS: dict[str, dict[str, tuple[int, str]]] = {
    "CONV_2D": {**_WINDOW, "activation": (3, _ACTIVATION), "dilation_w": (4, _INT), "dilation_h": (5, _INT)},
    "DEPTHWISE_CONV_2D": {
        **_WINDOW, "depth_multiplier": (3, _INT), "activation": (4, _ACTIVATION), "dilation_w": (5, _INT),
        "dilation_h": (6, _INT)},
    "TRANSPOSE_CONV": {**_WINDOW, "activation": (3, _ACTIVATION)},
    "CONV_3D": _VOLUME, "CONV_3D_TRANSPOSE": _VOLUME,
    "AVERAGE_POOL_2D": _POOL, "MAX_POOL_2D": _POOL, "L2_POOL_2D": _POOL,
    "FULLY_CONNECTED": {**_FUSED, "weights_format": (1, "<b"), "keep_num_dims": (2, _BOOL)},
    "ADD": _SUM, "SUB": _SUM, "MUL": _FUSED, "DIV": _FUSED,
    "CONCATENATION": {"axis": (0, _INT), "activation": (1, _ACTIVATION)}, "SOFTMAX": {"beta": (0, _FLOAT)},
    "LOCAL_RESPONSE_NORMALIZATION": {
        "radius": (0, _INT), "bias": (1, _FLOAT), "alpha": (2, _FLOAT), "beta": (3, _FLOAT)},
    "RESIZE_BILINEAR": _RESIZE,
    "RESIZE_NEAREST_NEIGHBOR": {"align_corners": (0, _BOOL), "half_pixel_centers": (1, _BOOL)},
    "RESHAPE": {"new_shape": (0, _INTS)}, "SPACE_TO_DEPTH": {"block_size": (0, _INT)},
    "DEPTH_TO_SPACE": {"block_size": (0, _INT)}, "GATHER": {"axis": (0, _INT), "batch_dims": (1, _INT)},
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"), _REDUCER),
    "SQUEEZE": {"squeeze_dims": (0, _INTS)}, "SPLIT": {"num_splits": (0, _INT)}, "SPLIT_V": {"num_splits": (0, _INT)},
    "STRIDED_SLICE": {
        "begin_mask": (0, _INT), "end_mask": (1, _INT), "ellipsis_mask": (2, _INT), "new_axis_mask": (3, _INT),
        "shrink_axis_mask": (4, _INT), "offset": (5, _BOOL)},
    "CAST": {"input_type": (0, "<b"), "output_type": (1, "<b")}, "ARG_MAX": _TYPE, "ARG_MIN": _TYPE,
    "PACK": {"values_count": (0, _INT), "axis": (1, _INT)}, "UNPACK": {"num": (0, _INT), "axis": (1, _INT)},
    "ONE_HOT": {"axis": (0, _INT)},
    "LEAKY_RELU": {"alpha": (0, _FLOAT)}, "MIRROR_PAD": {"mode": (0, "mirror")},
    "IF": {"then": (0, _INT), "else": (1, _INT)}, "WHILE": {"cond": (0, _INT), "body": (1, _INT)},
    "BATCH_MATMUL": {"adj_x": (0, _BOOL), "adj_y": (1, _BOOL)},
    "CUMSUM": {"exclusive": (0, _BOOL), "reverse": (1, _BOOL)}, "GELU": {"approximate": (0, _BOOL)},
    "LSTM": {**_CLIPS, "basic": (3, "<b")}, "UNIDIRECTIONAL_SEQUENCE_LSTM": {**_CLIPS, "time_major": (3, _BOOL)},
    "BIDIRECTIONAL_SEQUENCE_LSTM": {**_CLIPS, "merge_outputs": (3, _BOOL), "time_major": (4, _BOOL)},
    "RNN": _FUSED, "UNIDIRECTIONAL_SEQUENCE_RNN": {"time_major": (0, _BOOL), "activation": (1, _ACTIVATION)},
    "BIDIRECTIONAL_SEQUENCE_RNN": {
        "time_major": (0, _BOOL), "activation": (1, _ACTIVATION), "merge_outputs": (2, _BOOL)},
    "SVDF": {"rank": (0, _INT), "activation": (1, _ACTIVATION)},
    "HASHTABLE": {"table": (0, _INT), "key_type": (1, "<b"), "value_type": (2, "<b")},
    "STABLEHLO_COMPOSITE": {"subgraph": (1, _INT)},
    "STABLEHLO_PAD": {"low": (0, "<i8"), "high": (1, "<i8"), "between": (2, "<i8")},
    "CALL_ONCE": {"init": (0, _INT)}, "CALL": {"subgraph": (0, "<I")},
    "VAR_HANDLE": {"container": (0, "text"), "shared_name": (1, "text")},
    "REVERSE_SEQUENCE": {"seq_dim": (0, _INT), "batch_dim": (1, _INT)}, "BUCKETIZE": {"boundaries": (0, "<f4")},
    "FAKE_QUANT": {"min": (0, _FLOAT), "max": (1, _FLOAT), "num_bits": (2, _INT), "narrow_range": (3, _BOOL)},
    **dict.fromkeys(("RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL", "MULTINOMIAL"), _SEEDS),
}
NEWER = "STABLEHLO_"  # operators with such names have their options in a field of their own
CHOICES = {_ACTIVATION: ACTIVATIONS, _PADDING: PADDINGS, "mirror": MIRRORS}
VECTORS = ("<i4", "<i8", "<f4")  # options that are several numbers
# Where an operator has a default of its own, its name stands in front.
DEFAULTS = {
    "dilation_w": 1, "dilation_h": 1, "dilation_d": 1, "pot_scale_int16": True,
    "BIDIRECTIONAL_SEQUENCE_LSTM.time_major": True}


@dataclass(frozen=True, eq=False)
class TensorScale:
    """``real = scale * (stored - zero_point)``, one for all or one for each slice along ``axis``."""

    scale: Array
    zero_point: Array
    axis: int

    def real(self, stored: Array) -> Array:
        """The values that are meant, in float32."""
        scale, zero = (self.along(a, stored.ndim) for a in (self.scale.astype(np.float64), self.zero_point))
        with np.errstate(over="ignore"):
            return ((stored.astype(np.float64) - zero) * scale).astype(np.float32)

    def along(self, values: Array, rank: int) -> Array:
        """The values so that they broadcast along the axis."""
        return values.reshape([-1 if i == self.axis and values.size > 1 else 1 for i in range(rank)])
