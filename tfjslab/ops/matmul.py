"""Matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import Shape, broadcast, checked_shape, size_of
from tfjslab.ops import expr as ex
from tfjslab.ops.activations import epilogue
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.conv import FUSED_ATTRS, check_epilogue, run_epilogue
from tfjslab.ops.elementwise import FLOAT, NUMBER, check_dtypes
from tfjslab.ops.facts import FIRST, LIKE_FIRST, Facts
from tfjslab.ops.promotion import Promotion
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, no_flops, op

_DENSE = Facts(dtype=FIRST, quantized="dense", promotes=Promotion(NUMBER, back=True))
_ATTRS = (Attr("transpose_a", "bool", default=False), Attr("transpose_b", "bool", default=False))


def product_of(name: str, a: Shape, b: Shape, attrs: Attrs) -> tuple[Shape, int, int, int]:
    """Batch shape, rows, inner length and columns of the product; ShapeError when the matrices do not fit."""
    shapes = f"{name}: shapes {list(a)} and {list(b)}"
    if min(len(a), len(b)) < 2:  # noqa: PLR2004 - a matrix has rank 2
        raise ShapeError(f"{shapes}; expected rank 2 or more")
    rows, inner = a[-2:] if not attrs["transpose_a"] else a[:-3:-1]
    found, columns = b[-2:] if not attrs["transpose_b"] else b[:-3:-1]
    if inner != found:
        raise ShapeError(f"{shapes} with transpose_a={attrs['transpose_a']}, transpose_b={attrs['transpose_b']}: "
                         f"inner lengths {inner} and {found} differ")
    return broadcast(a[:-2], b[:-2]), rows, inner, columns


def _infer(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("BatchMatMul", ins, NUMBER)
    batch, rows, _, columns = product_of("BatchMatMul", ins[0].known_shape, ins[1].known_shape, attrs)
    return [Spec((*batch, rows, columns), ins[0].dtype)]


def _infer_fused(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("_FusedMatMul", ins, FLOAT)
    batch, rows, _, columns = product_of("_FusedMatMul", ins[0].known_shape, ins[1].known_shape, attrs)
    check_epilogue("_FusedMatMul", attrs["fused_ops"], ins[2:], columns)
    return [Spec((*batch, rows, columns), ins[0].dtype)]


def _flops(ins: Specs, outs: Specs, attrs: Attrs) -> int:
    inner = product_of("BatchMatMul", ins[0].known_shape, ins[1].known_shape, attrs)[2]
    return outs[0].size * (2 * inner + ex.flops(epilogue(attrs.get("fused_ops", ())).expr))


def _product(a: Array, b: Array, attrs: Attrs) -> Array:
    left = np.swapaxes(a, -1, -2) if attrs["transpose_a"] else a
    right = np.swapaxes(b, -1, -2) if attrs["transpose_b"] else b
    return np.asarray(left @ right)


_ADJOINT = {"transpose_a": "adj_x", "transpose_b": "adj_y"}


@op("BatchMatMul", "a b", infer=_infer, attrs=_ATTRS, flops=_flops, api="mat_mul", facts=_DENSE, tf=[
    Tf("BatchMatMulV2", "a b", rename=_ADJOINT), Tf("BatchMatMul", "a b", rename=_ADJOINT, write=False),
    Tf("BatchMatMulV3", "a b", rename=_ADJOINT, write=False), Tf("MatMul", "a b", write=False),
], cases=(
    Case((T((2, 2), values=[1, 2, 3, 4]), T((2, 1), values=[1, 10])), expect=[21, 43]),
    Case((T((5, 7)), T((7, 3)))), Case((T((7, 5)), T((7, 3))), {"transpose_a": True}),
    Case((T((5, 7)), T((3, 7))), {"transpose_b": True}),
    Case((T((7, 5)), T((3, 7))), {"transpose_a": True, "transpose_b": True}),
    Case((T((2, 3, 4, 5)), T((3, 5, 6)))), Case((T((2, 3, 4)), T((1, 4, 5)))), Case((T((33, 65)), T((65, 17)))),
    Case((T((0, 3)), T((3, 2)))), Case((T((2, 0)), T((0, 3))), expect=[0] * 6),
    Case((T((2, 3), "int32", -5, 5), T((3, 2), "int32", -5, 5))),
))
def mat_mul(a: Array, b: Array, **attrs: Any) -> Array:
    """Matrix product over the last two axes; the others are broadcast."""
    return _product(a, b, attrs)


@op("_FusedMatMul", "a b *args", infer=_infer_fused, attrs=(*_ATTRS, *FUSED_ATTRS), flops=_flops, api="fused_mat_mul",
    facts=replace(_DENSE, core="BatchMatMul", promotes=Promotion(FLOAT, back=True)),
    tf=[Tf("_FusedMatMul", "a b *args")], cases=(
        Case((T((1, 2), values=[1, 2]), T((2, 2), values=[1, -1, 1, -1]), T((2,), values=[0.5, 0.5])),
             {"fused_ops": ["BiasAdd", "Relu"]}, expect=[3.5, 0]),
        Case((T((3, 7)), T((7, 5)), T((5,))), {"fused_ops": ["BiasAdd"]}),
        *(Case((T((3, 7)), T((7, 5)), T((5,))), {"fused_ops": ["BiasAdd", a]})
          for a in ("Relu6", "Elu", "Sigmoid", "Tanh", "LeakyRelu", "GeluExact", "GeluApproximate", "_FusedHardSwish")),
        Case((T((7, 3)), T((5, 7)), T((5,)), T((5,))),
             {"fused_ops": ["BiasAdd", "Prelu"], "transpose_a": True, "transpose_b": True}),
        Case((T((2, 3, 4)), T((2, 4, 5)), T((5,))), {"fused_ops": ["BiasAdd"]}),
    ))
def fused_mat_mul(a: Array, b: Array, *args: Array, **attrs: Any) -> Array:
    """Matrix product, then the steps of ``fused_ops``, whose inputs follow in order."""
    return run_epilogue(_product(a, b, attrs), args, **{f.name: attrs[f.name] for f in FUSED_ATTRS})


# ---- Einsum and band matrices ----------------------------------------------------------------------------------------


def einsum_shape(equation: str, shapes: Sequence[Shape]) -> tuple[Shape, int]:
    """The result's shape and the number of terms summed over all of it; ShapeError when the equation does not fit."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    fault = f"Einsum: equation {equation!r} does not fit shapes {' and '.join(str(list(s)) for s in shapes)}"
    if not arrow or len(terms) != len(shapes) or not "".join((*terms, right, "x")).isalpha():
        raise ShapeError(f"{fault}; expected letters only, such as 'ij,jk->ik'")
    lengths: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(term) != len(shape) or any(lengths.setdefault(c, d) != d for c, d in zip(term, shape, strict=True)):
            raise ShapeError(fault)
    if len(set(right)) != len(right) or not set(right) <= set(lengths):
        raise ShapeError(fault)
    return checked_shape([lengths[c] for c in right], "Einsum"), size_of(list(lengths.values()))


def _infer_einsum(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("Einsum", ins, NUMBER)
    return [Spec(einsum_shape(attrs["equation"], [s.known_shape for s in ins])[0], ins[0].dtype)]


@op("Einsum", "*xs", infer=_infer_einsum, attrs=[Attr("equation", "str")], api="einsum", tf=[Tf("Einsum", "*xs")],
    facts=Facts(dtype=FIRST, promotes=Promotion(NUMBER, back=True)),
    flops=lambda ins, _outs, attrs: 2 * einsum_shape(attrs["equation"], [s.known_shape for s in ins])[1], cases=(
        Case((T((2, 2), values=[1, 2, 3, 4]), T((2,), values=[1, 10])), {"equation": "ij,j->i"}, expect=[21, 43]),
        Case((T((2, 3, 4)), T((2, 5, 4))), {"equation": "bqd, bkd -> bqk"}), Case((T((3, 4)),), {"equation": "ij->j"}),
        Case((T((3, 3)),), {"equation": "ii->"}), Case((T((2, 3)), T((3, 0))), {"equation": "ij,jk->ik"}),
    ))
def einsum(*xs: Array, equation: str) -> Array:
    """Sums of products over axes that have letters, such as ``ij,jk->ik``."""
    return np.asarray(np.einsum(equation.replace(" ", ""), *xs, optimize=True))


def _infer_band(ins: Specs, _attrs: Attrs) -> list[Spec]:
    if len(ins[0].known_shape) < 2:  # noqa: PLR2004 - a matrix has rank 2
        raise ShapeError(f"MatrixBandPart: shape {list(ins[0].known_shape)}; expected rank 2 or more")
    return [Spec(ins[0].shape, ins[0].dtype)]


@op("MatrixBandPart", "x", infer=_infer_band, attrs=[Attr("num_lower", "int"), Attr("num_upper", "int")],
    flops=no_flops, api="band_part", facts=LIKE_FIRST, tf=[Tf("MatrixBandPart", "x @num_lower @num_upper")], cases=(
        Case((T((2, 3), values=range(1, 7)),), {"num_lower": 0, "num_upper": 1}, expect=[1, 2, 0, 0, 5, 6]),
        Case((T((2, 4, 4)),), {"num_lower": -1, "num_upper": 0}), Case((T((3, 3)),), {"num_lower": 1, "num_upper": -1}),
    ))
def band_part(x: Array, num_lower: int, num_upper: int) -> Array:
    """The matrices with zeros outside of so many diagonals below and above the main one; -1 keeps all."""
    below = np.subtract.outer(np.arange(x.shape[-2]), np.arange(x.shape[-1]))
    inside = ((num_lower < 0) | (below <= num_lower)) & ((num_upper < 0) | (-below <= num_upper))
    return np.where(inside, x, x.dtype.type(0))
