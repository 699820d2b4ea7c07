"""How TensorFlow.js calls an op where that is not its inputs, then its attributes, with the defaults of files."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfjslab.base.shapes import normalize_axis
from tfjslab.engine.tensor import Tensor
from tfjslab.ops.attrs import REQUIRED
from tfjslab.ops.registry import OpDef

Attributes = Mapping[str, Any]
Change = Callable[[Attributes, Sequence[Any]], Attributes]
_IMAGE, _MATRIX = 4, 2


@dataclass(frozen=True)
class TfjsCall:
    """What is particular about calling one op.

    order: the parameters that come first, ``*xs`` for as many as there are; the others follow in the op's order.
    defaults: of inputs that may be left out, and of attributes where they are not those of a file.
    results: names of the outputs, with spaces between.
    rank: of the first input; one of one axis fewer gets a batch of one, which the outputs lose again.
    batched: how many inputs get that batch, the first ones.
    takes: a dtype that narrower inputs are cast to, where TensorFlow.js computes with them as well.
    """

    order: str = ""
    defaults: Attributes = field(default_factory=dict)
    results: str = ""
    rank: int = 0
    batched: int = 1
    takes: str = ""


class Results(list[Tensor]):
    """Several outputs of an op, in order and by name. They are there already, and fine to ``await``."""

    def __init__(self, outputs: Sequence[Tensor], names: Sequence[str]) -> None:
        super().__init__(outputs)
        self.names = tuple(names)

    def __getattr__(self, name: str) -> Tensor:
        """``topk(x).values``; AttributeError lists the names."""
        if name.startswith("_") or name not in self.names:
            raise AttributeError(f"these outputs have no '{name}'; they are {', '.join(self.names)}")
        return self[self.names.index(name)]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.names]

    def __await__(self) -> Generator[None, None, Results]:
        return self
        yield  # makes this a generator, which is what ``await`` needs


_CALLS = {
    **dict.fromkeys((
        "AvgPool", "MaxPool", "Conv2D", "Conv2DBackpropInput", "DepthwiseConv2dNative", "FusedConv2D",
        "FusedDepthwiseConv2D", "LRN", "ResizeBilinear", "ResizeNearestNeighbor",
    ), TfjsCall(rank=_IMAGE)),
    **dict.fromkeys(("Erf", "Exp", "IsFinite", "IsInf", "IsNan", "LeakyRelu", "LogSoftmax", "Prelu"),
                    TfjsCall(takes="float32")),
    **dict.fromkeys((
        "ArgMax", "ArgMin", "Cumprod", "Cumsum", "Greater", "GreaterEqual", "Less", "LessEqual", "Maximum", "Minimum",
    ), TfjsCall(takes="int32")),
    "Einsum": TfjsCall(order="equation *xs"),
    "FusedBatchNorm": TfjsCall(defaults={"offset": 0, "scale": 1}),
    **dict.fromkeys(("LowerBound", "UpperBound"), TfjsCall(rank=_MATRIX, batched=2)),
    "MaxPoolWithArgmax": TfjsCall(results="result indexes"),
    "Multinomial": TfjsCall(rank=_MATRIX),
    "NonMaxSuppressionV4": TfjsCall(results="selected_indices valid_outputs"),
    "NonMaxSuppressionV5": TfjsCall(results="selected_indices selected_scores valid_outputs"),
    "ListDiff": TfjsCall(results="values indices"),
    "RaggedGather": TfjsCall(order="splits values indices"),
    "RaggedRange": TfjsCall(results="rt_nested_splits rt_dense_values"),
    "SparseFillEmptyRows": TfjsCall(results="output_indices output_values empty_row_indicator reverse_index_map"),
    "SparseReshape": TfjsCall(results="output_indices output_shape"),
    "StringNGrams": TfjsCall(results="n_grams n_grams_splits"),
    "StringSplit": TfjsCall(results="indices values shape"),
    "OneHot": TfjsCall(order="indices depth on_value off_value dtype", defaults={"dtype": "int32"}),
    "SparseToDense": TfjsCall(order="indices values output_shape default", defaults={"default": 0}),
    "TopK": TfjsCall(results="values indices"),
    "Unique": TfjsCall(results="values indices"),
}


def call_of(definition: OpDef) -> TfjsCall:
    """What is particular about calling this op."""
    return _CALLS.get(definition.name, TfjsCall())


# ---- attributes that callers write in another way -------------------------------------------------------------------


# Names of arguments in TensorFlow.js, and what the ops call them; for callers that name them.
_ALIASES = {
    "default_value": "default", "dim": "axis", "filter_size": "ksize", "num_or_size_splits": "num_split",
    "pad": "padding", "tensors": "xs", "variance_epsilon": "epsilon",
}


def aliases_of(definition: OpDef) -> Attributes:
    """Other names of the op's parameters."""
    names = {*(n.strip("*?") for n in definition.inputs), *(a.name for a in definition.attrs)}
    return {alias: name for alias, name in _ALIASES.items() if name in names and alias not in names}


def changes_of(definition: OpDef) -> tuple[Change, ...]:
    """What turns attributes that callers may omit or write differently into the form of the op's definition."""
    attrs = {a.name: a for a in definition.attrs}
    pads = (_padding(attrs["data_format"].default),) if "explicit_paddings" in attrs else ()
    change = _CHANGES.get(definition.name)
    return (*pads, *((change,) if change else ()))


def omissible_attribute(definition: OpDef) -> str:
    """The required attribute of this op that eager calls need not give, or ""."""
    return _LEFT_OUT.get(definition.name, "")


def is_complete(definition: OpDef) -> bool:
    """Whether a call that gives just the inputs needs nothing of this module."""
    call = call_of(definition)
    plain = not (call.order or call.defaults) and definition.name not in _CHANGES
    return plain and all(a.default is not REQUIRED for a in definition.attrs)


def _padding(default_format: str) -> Change:
    """``padding=1`` pads every side by one; a list has a pair for every axis."""

    def explicit(given: Attributes, _values: Sequence[Any]) -> Attributes:
        pad, data_format = given.get("padding", ""), str(given.get("data_format", default_format)).upper()
        if isinstance(pad, int) and not isinstance(pad, bool):
            sides = [pad] * 2 * (len(data_format) - 2)
            around: Sequence[Any] = (0, 0, *sides, 0, 0) if data_format.endswith("C") else (0, 0, 0, 0, *sides)
        elif isinstance(pad, (list, tuple)):
            around = np.ravel(np.asarray(pad)).tolist()
        else:
            return given
        return {**given, "padding": "EXPLICIT", "explicit_paddings": around}

    return explicit


def _shape(value: Any) -> Sequence[int]:
    return value.shape if isinstance(value, Tensor) else np.shape(value)


def _unit_strides(given: Attributes, _values: Sequence[Any]) -> Attributes:
    """A strided slice steps by one."""
    left_out = given.get("strides") is None
    return {**given, "strides": (1,) * np.size(given.get("begin", ()))} if left_out else given


def _whole_axis(given: Attributes, values: Sequence[Any]) -> Attributes:
    """Unstacking makes as many tensors as the axis is long."""
    if given.get("num") is not None:
        return given
    shape = _shape(values[0])
    return {**given, "num": shape[normalize_axis(given.get("axis", 0), len(shape))] if len(shape) else 0}


def _to_the_end(given: Attributes, values: Sequence[Any]) -> Attributes:
    """A slice begins at 0 and goes to the end along the axes that are not named; one axis needs no list."""
    rank = len(_shape(values[0]))
    begin, size = (np.atleast_1d(np.asarray(given.get(n) if given.get(n) is not None else (), dtype=object)).tolist()
                   for n in ("begin", "size"))
    return {**given, "begin": [*begin, *[0] * (rank - len(begin))], "size": [*size, *[-1] * (rank - len(size))]}


def _sizes(given: Attributes, _values: Sequence[Any]) -> Attributes:
    """A list in place of the number of parts says how long they are."""
    parts = given.get("num_split", 0)
    return {**given, "num_split": len(parts), "size_splits": parts} if isinstance(parts, (list, tuple)) else given


def _batch_of_one(given: Attributes, _values: Sequence[Any]) -> Attributes:
    """The shape of one image is that of a batch of one."""
    shape = given.get("output_shape", ())
    return {**given, "output_shape": (1, *shape)} if np.shape(shape) == (_IMAGE - 1,) else given


_LEFT_OUT = {"StridedSlice": "strides", "Unpack": "num", "Slice": "size"}
_CHANGES: Mapping[str, Change] = {
    "StridedSlice": _unit_strides, "Unpack": _whole_axis, "Slice": _to_the_end, "SplitV": _sizes,
    "Conv2DBackpropInput": _batch_of_one,
}
