"""What is known of a value without knowing the lengths of the inputs: its dtype and its rank, or None."""

from __future__ import annotations

from tfjslab.base.dtypes import of_array
from tfjslab.graph.ir import Node
from tfjslab.passes.draft import Draft

# Their result has the dtype of their first input.
_KEEPS_DTYPE = (
    "Identity", "Reshape", "Squeeze", "ExpandDims", "Transpose", "PadV2", "Relu", "Relu6", "Add", "Multiply", "Sub",
    "Neg", "Abs",
)
_FLOAT = ("Conv2D", "FusedConv2D", "DepthwiseConv2dNative", "FusedDepthwiseConv2D", "Softmax", "Sigmoid", "Tanh",
          "FusedBatchNorm", "AvgPool")
_BOOL = ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual", "LogicalAnd", "LogicalOr", "LogicalNot")
_IMAGE = ("Conv2D", "FusedConv2D", "DepthwiseConv2dNative", "FusedDepthwiseConv2D", "MaxPool", "AvgPool",
          "Conv2DBackpropInput")
_IMAGE_RANK = 4
_FAR = 64  # nodes that are looked back at


def dtype_of(draft: Draft, value: str) -> str | None:
    """The value's dtype."""
    for _ in range(_FAR):
        if (array := draft.array(value)) is not None:
            return of_array(array)
        node = draft.maker(value)
        if node is None:
            return next((p.dtype for p in draft.graph.inputs if p.value == value), "") or None
        if node.op == "Cast" and not node.attr_inputs:
            return str(node.attrs["dtype"])
        if node.op in _KEEPS_DTYPE:
            value = node.inputs[0]
        else:
            return "float32" if node.op in _FLOAT else "bool" if node.op in _BOOL else None
    return None


def rank_of(draft: Draft, value: str) -> int | None:
    """The value's number of axes."""
    for _ in range(_FAR):
        if (array := draft.array(value)) is not None:
            return array.ndim
        node = draft.maker(value)
        if node is None:
            shape = next((p.shape for p in draft.graph.inputs if p.value == value), None)
            return len(shape) if shape is not None else None
        if node.op in _IMAGE:
            return _IMAGE_RANK
        if not _keeps_rank(node):
            return len(node.attrs["shape"]) if node.op == "Reshape" and not node.attr_inputs else None
        value = node.inputs[0]
    return None


def _keeps_rank(node: Node) -> bool:
    """Whether the rank is that of the first input."""
    d = node.definition
    return node.op in ("PadV2", "Transpose", "Softmax", "FusedBatchNorm") or (d.expr is not None and len(d.inputs) == 1)
