"""Random tensors. A seed of 0 means another result on every run; the same seed gives the same numbers.

The numbers are numpy's and not those of TensorFlow.js, whose generator is its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import ShapeError, UsageError
from tfjslab.base.shapes import Shape, checked_shape
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Infer, Reference, Spec, Specs, T, Tf, op

_INT32 = np.iinfo(np.int32)
_SHAPE, _SEED, _DTYPE = Attr("shape", "ints"), Attr("seed", "int", 0), Attr("dtype", "dtype", "float32")


def _generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(abs(seed) or None)


def _check_range(name: str, attrs: Attrs, *, whole: bool) -> None:
    """UsageError where no number lies between the bounds of an op that has them."""
    low, high = attrs.get("minval", 0), attrs.get("maxval", 1)
    if not math.isfinite(high - low) or low > high or (whole and not _INT32.min <= low < high <= _INT32.max + 1):
        raise UsageError(f"{name}: from {low} to {high}; expected bounds with numbers between them")


def _register(
    name: str, attrs: Iterable[Attr], words: str, given: dict[str, Any], *, dtype: str = "",
) -> Callable[[Reference], Reference]:
    """Decorate ``f(shape, seed, dtype, **attrs)`` and register the op that gives a tensor of ``shape``."""
    # The attribute is not declared where the op has one dtype only.
    declared = (_SHAPE, *attrs, _SEED, *(() if dtype else (_DTYPE,)))

    def rule() -> Infer:
        def infer(_ins: Specs, a: Attrs) -> list[Spec]:
            _check_range(name, a, whole=dtype == "int32")
            return [Spec(checked_shape(a["shape"], name), dtype or a["dtype"])]

        return infer

    def decorate(function: Reference) -> Reference:
        cases = [Case((), {"shape": s, "seed": 7, **given}) for s in ([3, 4], [], [0, 2])]
        return op(name, "", infer=rule(), attrs=declared, tf=[Tf(name, words)], cases=cases, stateful=True)(function)

    return decorate


@_register("RandomUniform", (Attr("minval", "float", 0), Attr("maxval", "float", 1)), "@shape", {})
def random_uniform(shape: Shape, minval: float, maxval: float, seed: int, dtype: str) -> Array:
    """Evenly distributed from ``minval`` up to, without, ``maxval``."""
    return np.asarray(_generator(seed).uniform(minval, maxval, shape)).astype(numpy_dtype(dtype))


@_register("RandomUniformInt", (Attr("minval", "int"), Attr("maxval", "int")), "@shape @minval @maxval",
           {"minval": -3, "maxval": 5}, dtype="int32")
def random_uniform_int(shape: Shape, minval: int, maxval: int, seed: int) -> Array:
    """Whole numbers from ``minval`` up to, without, ``maxval``."""
    return np.asarray(_generator(seed).integers(minval, maxval, shape, np.int32))


@_register("RandomStandardNormal", (), "@shape", {})
def random_standard_normal(shape: Shape, seed: int, dtype: str) -> Array:
    """Normally distributed with mean 0 and deviation 1."""
    return np.asarray(_generator(seed).standard_normal(shape)).astype(numpy_dtype(dtype))


@_register("TruncatedNormal", (), "@shape", {})
def truncated_normal(shape: Shape, seed: int, dtype: str) -> Array:
    """Normally distributed; what is further than two deviations from 0 is drawn again."""
    generator, out = _generator(seed), np.full(shape, np.inf)
    while np.any(far := np.abs(out) > 2):  # noqa: PLR2004 - deviations
        out[far] = generator.standard_normal(int(far.sum()))
    return out.astype(numpy_dtype(dtype))


def _infer_multinomial(ins: Specs, attrs: Attrs) -> list[Spec]:
    shape = ins[0].known_shape
    if len(shape) != 2 or shape[1] < 1:  # noqa: PLR2004 - batch and classes
        raise ShapeError(f"Multinomial: logits {list(shape)}; expected [batch, classes] with a class or more")
    return [Spec(checked_shape((shape[0], attrs["num_samples"]), "Multinomial"), "int32")]


@op("Multinomial", "logits", infer=_infer_multinomial, api="multinomial", stateful=True,
    attrs=(Attr("num_samples", "int"), _SEED, Attr("normalized", "bool", default=False)),
    tf=[Tf("Multinomial", "logits @num_samples", fixed={"normalized": False})], cases=(
        Case((T((2, 2), values=[0, -1000, -1000, 0]),), {"num_samples": 2, "seed": 7}, expect=[0, 0, 1, 1]),
        Case((T((2, 2), values=[0, 1, 1, 0]),), {"num_samples": 2, "seed": 7, "normalized": True}, expect=[1, 1, 0, 0]),
        Case((T((3, 5)),), {"num_samples": 4, "seed": 7}),
    ))
def multinomial(logits: Array, num_samples: int, seed: int, *, normalized: bool) -> Array:
    """Classes drawn with the probabilities that the softmax of each row gives; ``normalized`` rows are such already."""
    given = logits.astype(np.float64)
    weights = given if normalized else np.exp(given - given.max(axis=1, keepdims=True))
    bounds = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    draws = _generator(seed).random((len(logits), num_samples))
    return np.asarray(np.sum(draws[:, :, None] >= bounds[:, None, :-1], axis=2), np.int32)
