"""What a ``.tflite`` file cannot hold: ops without a builtin operator, and forms that no builtin has.

Names are those of the flat buffer's schema (``BuiltinOperator`` of TensorFlow Lite 2.18, read in November 2026). An op
that has none of its own is listed with those that it can be written with, or refused: nothing here relies on the
select-TF ops that a runtime may have been built with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tfjslab.graph.ir import Graph
from tfjslab.ops.activations import BIAS
from tfjslab.ops.decompose import unfused
from tfjslab.targets.refusal import TargetRefusal, Use, uses

SOURCE = "builtin operators of TensorFlow Lite 2.18"


def _same(names: str) -> dict[str, str]:
    """Ops whose builtin is called as they are, in capitals with underscores."""
    return {name: re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper() for name in names.split()}


BUILTINS: Mapping[str, str] = {
    **_same("Abs Add Cast Ceil Cos Cumsum Elu Equal Exp ExpandDims Fill Floor FloorDiv GatherNd Greater "
            "GreaterEqual If LeakyRelu Less LessEqual Log LogSoftmax LogicalAnd LogicalNot LogicalOr Maximum Mean "
            "Minimum MirrorPad NotEqual OneHot Pack Pow Prelu Range Rank Relu Relu6 Reshape Round Rsqrt ScatterNd "
            "Shape Sign Sin Slice Softmax SparseToDense Sqrt Square SquaredDifference Squeeze StridedSlice Sub Sum "
            "Tanh Tile Transpose Unique Unpack Where While ZerosLike Multinomial RandomUniform RandomStandardNormal "
            "Call"),
    "AddN": "ADD_N", "All": "REDUCE_ALL", "Any": "REDUCE_ANY", "ArgMax": "ARG_MAX", "ArgMin": "ARG_MIN",
    "Atan2": "ATAN2", "AvgPool": "AVERAGE_POOL_2D", "BatchMatMul": "BATCH_MATMUL", "BroadcastArgs": "BROADCAST_ARGS",
    "BatchToSpaceND": "BATCH_TO_SPACE_ND", "BroadcastTo": "BROADCAST_TO", "Concat": "CONCATENATION",
    "ComplexAbs": "COMPLEX_ABS", "Conv2D": "CONV_2D", "Conv2DBackpropInput": "TRANSPOSE_CONV", "Conv3D": "CONV_3D",
    "Conv3DTranspose": "CONV_3D_TRANSPOSE", "DepthToSpace": "DEPTH_TO_SPACE",
    "DepthwiseConv2dNative": "DEPTHWISE_CONV_2D", "FakeQuantWithMinMaxVars": "FAKE_QUANT", "GatherV2": "GATHER",
    "HashTable": "HASHTABLE", "Imag": "IMAG", "LookupTableFind": "HASHTABLE_FIND",
    "LookupTableImport": "HASHTABLE_IMPORT", "LookupTableSize": "HASHTABLE_SIZE", "Real": "REAL",
    "LRN": "LOCAL_RESPONSE_NORMALIZATION", "LSTM": "UNIDIRECTIONAL_SEQUENCE_LSTM", "Max": "REDUCE_MAX",
    "MaxPool": "MAX_POOL_2D", "Min": "REDUCE_MIN", "Mod": "FLOOR_MOD", "Multiply": "MUL", "Neg": "NEG",
    "NonMaxSuppressionV3": "NON_MAX_SUPPRESSION_V4", "NonMaxSuppressionV4": "NON_MAX_SUPPRESSION_V4",
    "NonMaxSuppressionV5": "NON_MAX_SUPPRESSION_V5", "PadV2": "PADV2", "Prod": "REDUCE_PROD", "RealDiv": "DIV",
    "ResizeBilinear": "RESIZE_BILINEAR", "ResizeNearestNeighbor": "RESIZE_NEAREST_NEIGHBOR", "Reverse": "REVERSE_V2",
    "Select": "SELECT", "SelectV2": "SELECT_V2", "Sigmoid": "LOGISTIC", "SimpleRNN": "UNIDIRECTIONAL_SEQUENCE_RNN",
    "SpaceToBatchND": "SPACE_TO_BATCH_ND", "SpaceToDepth": "SPACE_TO_DEPTH", "SplitV": "SPLIT_V", "TopK": "TOPK_V2",
}
# Ops without a builtin of their own, and the builtins that compute the same.
WRITTEN_WITH: Mapping[str, str] = {
    "Acosh": "LOG SQRT", "Asinh": "LOG SQRT", "Atanh": "LOG", "Asin": "ATAN2 SQRT", "Acos": "ATAN2 SQRT",
    "Atan": "ATAN2", "ClipByValue": "MAXIMUM MINIMUM",
    "Conv1D": "EXPAND_DIMS CONV_2D SQUEEZE", "Cosh": "EXP", "DivNoNan": "DIV SELECT_V2",
    "Einsum": "TRANSPOSE BATCH_MATMUL RESHAPE", "EuclideanNorm": "SQUARE SUM SQRT", "Expm1": "EXP SUB",
    "FusedBatchNorm": "MUL ADD", "GRU": "FULLY_CONNECTED LOGISTIC TANH", "Identity": "", "IdentityN": "", "NoOp": "",
    "IsFinite": "ABS LESS", "IsInf": "ABS EQUAL", "IsNan": "NOT_EQUAL", "LinSpace": "RANGE MUL ADD", "Log1p": "LOG",
    "LogicalXor": "NOT_EQUAL", "Ones": "FILL", "OnesLike": "FILL", "Reciprocal": "DIV", "Selu": "ELU MUL",
    "ShapeN": "SHAPE", "Sinh": "EXP", "Size": "SHAPE REDUCE_PROD", "Softplus": "EXP LOG", "Step": "GREATER",
    "Tan": "SIN COS DIV", "Zeros": "FILL", "Merge": "IF", "Switch": "IF", "MatrixBandPart": "RANGE LESS_EQUAL MUL",
    # Lists become tensors, as the converter lowers them.
    "TensorListReserve": "FILL", "TensorListFromTensor": "", "TensorListStack": "", "TensorListGetItem": "GATHER",
    "TensorListSetItem": "SLICE CONCATENATION", "TensorListLength": "SHAPE",
}
_TAKE_STRANGE = ("ComplexAbs", "Imag", "LookupTableFind", "LookupTableImport", "Real")  # complex numbers, and texts
# What a builtin with weights ends in for free, by the schema's ActivationFunctionType.
FUSED = frozenset({"Relu", "Relu6", "Tanh"})


def refusals(graph: Graph) -> tuple[TargetRefusal, ...]:
    """The nodes that a ``.tflite`` file cannot hold, in order; each once, for the first reason."""
    found = ((use, _reason(use)) for use in uses(graph))
    return tuple(TargetRefusal(use.node.name, use.node.op, reason) for use, reason in found if reason)


def _reason(use: Use) -> str:
    node = use.node
    steps = [s for s in node.attrs.get("fused_ops", ()) if s not in (BIAS, *FUSED)]
    missing = [op for op in (unfused(node.op), *steps) if op not in BUILTINS and op not in WRITTEN_WITH]
    if missing:
        what = "it" if missing[0] == node.op else missing[0]
        return f"there is no builtin operator for {what}, nor are there builtins to write it with"
    if node.op == "AvgPool" and node.attrs["padding"] == "EXPLICIT":
        return "explicit paddings of a mean: AVERAGE_POOL_2D pads with SAME or not at all"
    if node.op in _TAKE_STRANGE:
        return ""
    strange = [use.dtype(i) for i in range(len(use.inputs)) if use.dtype(i) in ("complex64", "string")]
    return f"it works on {strange[0]}, which {BUILTINS.get(node.op, 'its builtin')} does not take" if strange else ""
