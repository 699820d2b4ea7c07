"""Operators that put elements at places that other elements tell: segments, diagonals, sequences, buckets."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from tfjslab.base.dtypes import numpy_dtype
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.formats.tflite.operator import Operator, operator

_SIGN_BITS = 30  # a shift by more is made in two steps, since two to the 31 is no int32


def _dims(op: Operator, i: int) -> list[int]:
    """The lengths of an input, which have to be known."""
    dims = op.tensor(i).dims
    known = [d for d in dims if d is not None]
    if len(known) != len(dims):
        raise op.fail(f"input {i} is {list(dims)}; open lengths are not supported here")
    return known


def _zero(op: Operator, i: int) -> str:
    return op.make_constant(np.zeros((), numpy_dtype(op.tensor(i).type.dtype)), "zero")


def _int(op: Operator, value: int) -> str:
    return op.make_constant(np.array(value, np.int32), "number")


# ---- segments --------------------------------------------------------------------------------------------------------


def _extreme(name: str, dtype: str) -> float:
    """What a segment without elements is."""
    kind = numpy_dtype(dtype)
    limits = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    return {"Sum": 0, "Prod": 1, "Max": limits.min, "Min": limits.max}[name]


def _reduced(op: Operator, name: str, count: int) -> str:
    """Each of ``count`` segments of the rows of input 0, by the ids of input 1."""
    data, ids, dtype = _dims(op, 0), _dims(op, 1), op.tensor(0).type.dtype
    rest, rows = data[len(ids) :], math.prod(ids)
    check_limit("the number of elements to look at", count * math.prod(data), LIMITS.tensor_bytes // 4)
    op.variables.grow(count)
    wanted = op.make_constant(np.arange(count, dtype=np.int32)[:, None], "segments")
    mine = op.add("Equal", op.add("Reshape", op.value(1), shape=[1, rows]), wanted)
    mine = op.add("Reshape", mine, shape=[count, rows, *[1] * len(rest)])
    empty = op.make_constant(np.array(_extreme(name, dtype), numpy_dtype(dtype)), "empty")
    chosen = op.add("SelectV2", mine, op.add("Reshape", op.value(0), shape=[1, rows, *rest]), empty)
    return op.add(name, chosen, axis=[1], keep_dims=False)


@operator("SEGMENT_SUM")
def _segment_sum(op: Operator) -> str:
    ids = op.weights(1)
    if ids.ndim != 1 or (np.diff(ids) < 0).any() or (ids < 0).any():
        raise op.fail("ids of segments that are not in order")
    return _reduced(op, "Sum", int(ids[-1]) + 1 if ids.size else 0)


def _unsorted(name: str, op: Operator) -> str:
    return _reduced(op, name, int(op.weights(2).item()))


for _name in ("Sum", "Prod", "Max", "Min"):
    operator(f"UNSORTED_SEGMENT_{_name.upper()}")(partial(_unsorted, _name))


# ---- places ----------------------------------------------------------------------------------------------------------


@operator("SPARSE_TO_DENSE")
def _sparse_to_dense(op: Operator) -> str:
    return op.add("SparseToDense", op.value(0), op.value(2), op.value(3), output_shape=op.attr(1))


@operator("DYNAMIC_UPDATE_SLICE")
def _update_slice(op: Operator) -> str:
    """The slice begins where it still fits."""
    whole, part = _dims(op, 0), _dims(op, 1)
    if len(whole) != len(part) or any(p > w for p, w in zip(part, whole, strict=True)):
        raise op.fail(f"a slice {part} of {whole}")
    last = op.make_constant(np.subtract(whole, part).astype(np.int32), "last")
    start = op.add("Minimum", op.add("Maximum", op.value(2), _int(op, 0)), last)
    op.variables.grow(len(part) * math.prod(part))
    grid = np.stack(np.meshgrid(*map(np.arange, part), indexing="ij"), axis=-1).astype(np.int32)
    places = op.add("AddV2", op.make_constant(grid, "places"), start)
    return op.add("TensorScatterUpdate", op.value(0), places, op.value(1))


def _diagonal(op: Operator, rows: int, columns: int) -> str:
    op.variables.grow(rows * columns)
    return op.make_constant(np.eye(rows, columns, dtype=np.bool_), "diagonal")


@operator("MATRIX_DIAG")
def _diag(op: Operator) -> str:
    length = _dims(op, 0)[-1]
    eye = _diagonal(op, length, length)
    return op.add("SelectV2", eye, op.add("ExpandDims", op.value(0), axis=-1), _zero(op, 0))


@operator("MATRIX_SET_DIAG")
def _set_diag(op: Operator) -> str:
    rows, columns = _dims(op, 0)[-2:]
    eye = _diagonal(op, rows, columns)
    diagonal = op.add("ExpandDims", op.value(1), axis=-1 if rows <= columns else -2)
    return op.add("SelectV2", eye, diagonal, op.value(0))


@operator("REVERSE_SEQUENCE")
def _reverse_sequence(op: Operator) -> str:
    """As many elements as a length says change their order; the others stay."""
    dims, along, batch = _dims(op, 0), op.option("seq_dim"), op.option("batch_dim")
    rank = len(dims)
    if not 0 <= along < rank or not 0 <= batch < rank or along == batch:
        raise op.fail(f"along axis {along} with batches along {batch} of {dims}")
    op.variables.grow(dims[along])
    perm = [batch, along, *(i for i in range(rank) if i not in (along, batch))]
    here = op.make_constant(np.arange(dims[along], dtype=np.int32)[None], "steps")
    length = op.add("Reshape", op.value(1), shape=[-1, 1])
    there = op.add("Sub", op.add("Sub", length, _int(op, 1)), here)
    places = op.add("SelectV2", op.add("Less", here, length), there, here)
    turned = op.add("GatherV2", op.add("Transpose", op.value(0), perm=perm), places, axis=1, batch_dims=1)
    return op.add("Transpose", turned, perm=np.argsort(perm).tolist())


@operator("BUCKETIZE")
def _bucketize(op: Operator) -> str:
    """How many boundaries lie at or below each element."""
    bounds = np.array(op.option("boundaries"), np.float32)
    x = op.value(0) if op.tensor(0).type.dtype == "float32" else op.add("Cast", op.value(0), dtype="float32")
    above = op.add("GreaterEqual", op.add("ExpandDims", x, axis=-1), op.make_constant(bounds, "boundaries"))
    return op.add("Sum", op.add("Cast", above, dtype="int32"), axis=[-1], keep_dims=False)


# ---- numbers ---------------------------------------------------------------------------------------------------------


@operator("FAKE_QUANT")
def _fake_quant(op: Operator) -> str:
    """What is left of a float that goes through few bits."""
    low, high, bits = op.option("min"), op.option("max"), op.option("num_bits")
    if not 1 < bits <= 16 or not low < high or low > 0 or high < 0:  # noqa: PLR2004 - as LiteRT
        raise op.fail(f"{bits} bits from {low} to {high} are not supported")
    first, last = int(op.option("narrow_range")), 2**bits - 1
    scale = np.float32((high - low) / (last - first))
    zero = np.clip(np.floor(first - low / scale + 0.5), first, last)
    low, step = np.float32((first - zero) * scale), op.make_constant(np.array(scale, np.float32), "step")
    kept = op.add("ClipByValue", op.value(0), clip_value_min=float(low),
                  clip_value_max=float(np.float32((last - zero) * scale)))
    least = op.make_constant(np.array(low, np.float32), "least")
    inverse = op.make_constant(np.array(1 / scale, np.float32), "inverse")
    half = op.make_constant(np.array(0.5, np.float32), "half")
    whole = op.add("Floor", op.add("AddV2", op.add("Mul", op.add("Sub", kept, least), inverse), half))
    return op.add("AddV2", op.add("Mul", whole, step), least)


@operator("BITWISE_XOR")
def _xor(op: Operator) -> str:
    """Of integers: what either has, less twice what both have."""
    a, b = op.value(0), op.value(1)
    if op.tensor(0).type.dtype == "bool":
        return op.add("LogicalXor", a, b)
    both = op.add("BitwiseAnd", a, b)
    return op.add("Sub", op.add("AddV2", a, b), op.add("AddV2", both, both))


@operator("RIGHT_SHIFT")
def _right_shift(op: Operator) -> str:
    """Floor division by a power of two, in two steps."""
    powers = op.make_constant(np.array([1 << n for n in range(_SIGN_BITS + 1)], np.int32), "powers")
    most = _int(op, _SIGN_BITS)
    first = op.add("Minimum", op.value(1), most)
    second = op.add("Minimum", op.add("Sub", op.value(1), first), most)
    return op.add("FloorDiv", op.add("FloorDiv", op.value(0), op.add("GatherV2", powers, first, axis=0)),
                  op.add("GatherV2", powers, second, axis=0))


# ---- random numbers --------------------------------------------------------------------------------------------------


def _seed(op: Operator) -> int:
    return int(op.option("seed") or op.option("seed2")) % (1 << 31)


def _random(tf_op: str, op: Operator) -> str:
    return op.add(tf_op, shape=op.attr(0), seed=_seed(op))


for _name, _tf in {"RANDOM_UNIFORM": "RandomUniform", "RANDOM_STANDARD_NORMAL": "RandomStandardNormal"}.items():
    operator(_name)(partial(_random, _tf))


@operator("MULTINOMIAL")
def _multinomial(op: Operator) -> str:
    return op.add("Multinomial", op.value(0), num_samples=op.attr(1), seed=_seed(op))
