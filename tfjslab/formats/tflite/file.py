"""A .tflite file as checked, inert data: subgraphs of operators and tensors, with indices that are in range."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, is_short
from tfjslab.base.errors import ModelError
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.base.shapes import check_lengths
from tfjslab.formats.tflite.flatbuffer import Bytes, FlatTable
from tfjslab.formats.tflite.schema import (
    CHOICES,
    CUSTOM,
    DEFAULTS,
    ELEMENT_TYPES,
    HALF_BYTE,
    METADATA,
    NEWER,
    OPERATORS,
    OPTIONS,
    VECTORS,
    ElementType,
    TensorScale,
)
from tfjslab.formats.tflite.sparse import expanded

VERSION = 3
_BLOCKS = 2  # details of a quantization whose scales are in another tensor
_PLACEHOLDER = OPERATORS.index("PLACEHOLDER_FOR_GREATER_OP_CODES")


@dataclass(frozen=True, eq=False)
class TfliteTensor:
    """A tensor. ``dims`` has None for lengths that a caller may choose; ``data`` are its bytes where it is constant."""

    index: int
    name: str
    type: ElementType
    dims: tuple[int | None, ...]
    data: Array | None
    quantization: TensorScale | None
    is_variable: bool
    is_sparse: bool

    @property
    def is_stored_integers(self) -> bool:
        """Whether it is fed or computed as int8, uint8 or int16."""
        return self.data is None and is_short(self.type.name)


@dataclass(frozen=True)
class TfliteOperator:
    """An operator: its tensors by index, -1 for one that is absent, and its options by name.

    Those of custom operators are bytes under the name ``CUSTOM``. ``intermediates`` are tensors that it does not read:
    their scales are those of what it computes on its way.
    """

    index: int
    name: str
    custom: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]
    intermediates: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"operator {self.index} ({self.custom or self.name})"


@dataclass(frozen=True)
class TfliteSubgraph:
    """A subgraph: all lists are of indices of its tensors."""

    name: str
    tensors: tuple[TfliteTensor, ...]
    operators: tuple[TfliteOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class TfliteSignature:
    """What outside names mean: (name, tensor) of a subgraph."""

    key: str
    subgraph: int
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class TfliteFile:
    """The whole file. The first subgraph is the model; ``metadata`` is a flat buffer of its own."""

    name: str
    description: str
    subgraphs: tuple[TfliteSubgraph, ...]
    signatures: tuple[TfliteSignature, ...]
    metadata: bytes = b""


def parse(data: bytes, name: str) -> TfliteFile:
    """Check and read a file. ModelError says what is wrong and where."""
    file = Bytes(data, name)
    root = file.root("the model")
    if (version := root.scalar(0, "<I")) != VERSION:
        raise ModelError(f"{name}: schema version {version}; expected {VERSION}", code="model.tflite")
    codes = [_operator_code(t, name) for t in root.tables(1, "operator code")]
    buffers = [_buffer(t) for t in root.tables(4, "buffer")]
    subgraphs = tuple(_subgraph(t, codes, buffers, name) for t in root.tables(2, "subgraph"))
    if not subgraphs:
        raise ModelError(f"{name}: there is no subgraph", code="model.tflite")
    check_limit(f"{name}: number of operators", sum(len(g.operators) for g in subgraphs), LIMITS.nodes)
    signatures = tuple(_signature(t, subgraphs, name) for t in root.tables(7, "signature"))
    return TfliteFile(name, root.text(3, "description"), subgraphs, signatures, _metadata(root, buffers))


def _metadata(root: FlatTable, buffers: Sequence[Array]) -> bytes:
    for t in root.tables(6, "metadata"):
        number = t.scalar(1, "<I")
        if t.text(0, "name") == METADATA and number < len(buffers):
            return bytes(buffers[number])
    return b""


def _operator_code(t: FlatTable, name: str) -> tuple[str, str]:
    """The operator and, for custom ones, its own name. Numbers that fit a byte are in an older field."""
    code = max(t.scalar(0, "<b"), t.scalar(3, "<i"))
    if not 0 <= code < len(OPERATORS) or code == _PLACEHOLDER:
        raise ModelError(f"{name}: {t.what}: operator number {code} is unknown", code="model.unknown_op")
    return OPERATORS[code], t.text(1, "custom code") if OPERATORS[code] == CUSTOM else ""


def _buffer(t: FlatTable) -> Array:
    """Its bytes. Files above 2 GiB keep them behind the flat buffer."""
    offset, size = t.scalar(1, "<Q"), t.scalar(2, "<Q")
    if offset > 1:
        t.file.check(offset, size, t.what)
        return np.frombuffer(t.file.data, np.uint8, size, offset)
    return t.numbers(0, "u1", "data")


def _subgraph(t: FlatTable, codes: Sequence[tuple[str, str]], buffers: Sequence[Array], name: str) -> TfliteSubgraph:
    where = f"{name}: {t.what}"
    tensors = tuple(_tensor(x, i, buffers, f"{where}: tensor {i}") for i, x in enumerate(t.tables(0, "tensor")))
    operators = tuple(
        _operator(x, i, codes, len(tensors), f"{where}: operator {i}") for i, x in enumerate(t.tables(3, "operator")))
    inputs, outputs = (_indices(t, field, len(tensors), where, absent=False) for field in (1, 2))
    if len(set(inputs)) != len(inputs):
        raise ModelError(f"{where}: a tensor is an input twice", code="model.tflite")
    return TfliteSubgraph(t.text(4, "name"), tensors, operators, inputs, outputs)


def _indices(t: FlatTable, field: int, count: int, where: str, *, absent: bool) -> tuple[int, ...]:
    found = tuple(t.numbers(field, "<i4", "indices of tensors").tolist())
    wrong = [i for i in found if not (-1 if absent else 0) <= i < count]
    if wrong:
        raise ModelError(f"{where}: tensor {wrong[0]} is read; there are {count}", code="model.tflite")
    return found


def _tensor(t: FlatTable, index: int, buffers: Sequence[Array], where: str) -> TfliteTensor:
    kind = t.scalar(1, "<b")
    if not 0 <= kind < len(ELEMENT_TYPES):
        raise ModelError(f"{where}: element type {kind} is unknown", code="model.dtype")
    shape, signature = (t.numbers(field, "<i4", "shape").tolist() for field in (0, 7))
    if any(n < 0 for n in shape):
        signature, shape = shape, [max(n, 1) for n in shape]
    check_lengths(shape, where)
    opened = signature if len(signature) == len(shape) else shape
    dims = tuple(None if s < 0 else n for n, s in zip(shape, opened, strict=True))
    number = t.scalar(2, "<I")
    if number >= len(buffers):
        raise ModelError(f"{where}: buffer {number} is read; there are {len(buffers)}", code="model.tflite")
    element = ELEMENT_TYPES[kind]
    sparsity = t.table(6, "sparsity")
    raw = buffers[number] if number else np.zeros(0, np.uint8)
    if sparsity is not None and element.stored:
        data: Array | None = expanded(sparsity, raw, element.stored, shape, where)
    else:
        data = _data(raw, element, shape, where)
    if element.name == HALF_BYTE and data is not None:
        element = next(t for t in ELEMENT_TYPES if t.name == "int8")
    scales = _quantization(t.table(4, "quantization"), shape, element)
    return TfliteTensor(
        index, t.text(3, "name"), element, dims, data, scales, bool(t.scalar(5, "<?")), sparsity is not None)


def _data(raw: Array, element: ElementType, shape: Sequence[int], where: str) -> Array | None:
    """The bytes as elements; None for a tensor that is computed. What has no numpy type stays bytes."""
    if raw.size == 0:
        return None
    if element.name == "string":
        return _texts(raw, shape, where)
    if not element.stored:
        return raw
    if element.name == HALF_BYTE:
        return _halves(raw, shape, where)
    wanted = math.prod(shape) * np.dtype(element.stored).itemsize
    if raw.size != wanted:
        raise ModelError(
            f"{where}: {raw.size} bytes of data; {element.name} {list(shape)} takes {wanted}", code="model.weight_spec")
    return raw.view(element.stored).reshape(shape)


def _texts(raw: Array, shape: Sequence[int], where: str) -> Array:
    """How many there are, where each begins and the last one ends, then their bytes; surrogates stand for others."""
    data, count = raw.tobytes(), math.prod(shape)
    ends = np.frombuffer(data, "<i4", min(count + 2, len(data) // 4))
    places = ends[1:].astype(np.int64)
    if ends.size != count + 2 or ends[0] != count or places[0] < 4 * (count + 2) or np.any(np.diff(places) < 0) \
            or places[-1] > len(data):
        raise ModelError(f"{where}: {len(data)} bytes of data; they are no string {list(shape)}",
                         code="model.weight_spec")
    texts = [data[a:b].decode("utf-8", "surrogateescape") for a, b in itertools.pairwise(places.tolist())]
    return np.array(texts, object).reshape(shape)


def _halves(raw: Array, shape: Sequence[int], where: str) -> Array:
    """Numbers from -8 to 7, two in a byte, as int8."""
    count = math.prod(shape)
    if raw.size != (count + 1) // 2:
        raise ModelError(f"{where}: {raw.size} bytes of data; {HALF_BYTE} {list(shape)} takes {(count + 1) // 2}",
                         code="model.weight_spec")
    pairs = np.stack([raw << 4, raw & 0xF0], axis=-1).view(np.int8) >> 4
    return pairs.reshape(-1)[:count].reshape(shape)


def _quantization(t: FlatTable | None, shape: Sequence[int], element: ElementType) -> TensorScale | None:
    """Scales and zero points; None where there are none. ModelError when they fit no axis, or not the integers."""
    if t is not None and t.scalar(4, "<b") == _BLOCKS:
        raise ModelError(f"{t.file.name}: {t.what}: scales of blocks are not supported", code="model.tflite")
    if t is None or t.scalar(4, "<b"):  # custom details replace them, whatever these are
        return None
    scale = t.numbers(2, "<f4", "scales")
    if scale.size == 0:
        return None
    zero, axis = t.numbers(3, "<i8", "zero points"), t.scalar(6, "<i")
    zero = zero if zero.size else np.zeros(1, np.int64)
    fits = scale.size == 1 or (0 <= axis < len(shape) and scale.size == shape[axis])
    if not fits or zero.size not in (1, scale.size):
        raise ModelError(
            f"{t.file.name}: {t.what}: {scale.size} scales and {zero.size} zero points along axis {axis} of "
            f"{list(shape)}", code="model.tflite")
    if element.stored and np.dtype(element.stored).kind in "iu":
        kind = np.iinfo(element.stored)
        if zero.min() < kind.min or zero.max() > kind.max:
            raise ModelError(f"{t.file.name}: {t.what}: zero points from {zero.min()} to {zero.max()}; {element.name} "
                             f"holds {kind.min} to {kind.max}", code="model.tflite")
    return TensorScale(scale, zero, int(axis))


def _operator(
    t: FlatTable, index: int, codes: Sequence[tuple[str, str]], count: int, where: str,
) -> TfliteOperator:
    number = t.scalar(0, "<I")
    if number >= len(codes):
        raise ModelError(f"{where}: operator code {number} is read; there are {len(codes)}", code="model.tflite")
    name, custom = codes[number]
    inputs, outputs, between = (
        _indices(t, f, count, where, absent=absent) for f, absent in ((1, True), (2, False), (8, True)))
    if name == CUSTOM:
        options: dict[str, Any] = {CUSTOM: t.numbers(5, "u1", "custom options").tobytes()}
    else:
        options = _options(t.table(12 if name.startswith(NEWER) else 4, "options"), name, where)
    return TfliteOperator(index, name, custom, inputs, outputs, options, between)


def _options(t: FlatTable | None, name: str, where: str) -> dict[str, Any]:
    """All options of an operator; what the file leaves out has its default."""
    found: dict[str, Any] = {}
    for option, (field, kind) in OPTIONS.get(name, {}).items():
        if kind in VECTORS:
            found[option] = () if t is None else tuple(t.numbers(field, kind, option).tolist())
            continue
        if kind == "text":
            found[option] = "" if t is None else t.text(field, option)
            continue
        default = DEFAULTS.get(f"{name}.{option}", DEFAULTS.get(option, 0))
        number = default if t is None else t.scalar(field, "<b" if kind in CHOICES else kind, default)
        if kind in CHOICES:
            if not 0 <= number < len(CHOICES[kind]):
                raise ModelError(f"{where}: {option} {number} is unknown", code="model.attribute")
            number = CHOICES[kind][number]
        found[option] = number
    return found


def default_options(name: str) -> dict[str, Any]:
    """All options of an operator as they are where a file tells none."""
    return _options(None, name, name)


def _signature(t: FlatTable, subgraphs: Sequence[TfliteSubgraph], name: str) -> TfliteSignature:
    number = t.scalar(4, "<I")
    if number >= len(subgraphs):
        raise ModelError(f"{name}: {t.what}: subgraph {number} is read; there are {len(subgraphs)}",
                         code="model.tflite")
    count = len(subgraphs[number].tensors)

    def named(field: int) -> tuple[tuple[str, int], ...]:
        ends = tuple((x.text(0, "name"), int(x.scalar(1, "<I"))) for x in t.tables(field, "end of a signature"))
        if any(index >= count for _, index in ends):
            raise ModelError(f"{name}: {t.what} names a tensor that is not there", code="model.tflite")
        return ends

    return TfliteSignature(t.text(2, "key"), number, named(0), named(1))
