"""Random tensors beside ``random_uniform`` and ``random_normal``. The numbers are numpy's, not TensorFlow.js's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tfjslab.base.arrays import require_finite, require_whole
from tfjslab.base.errors import InputError
from tfjslab.base.shapes import checked_shape, size_of
from tfjslab.engine.create import make_tensor, number_type, random_generator, random_normal
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import Value, as_floats, composed, op

_FAR = 2  # deviations


def rand(shape: Sequence[int], rand_function: Callable[[], float], dtype: str = "float32") -> Tensor:
    """A tensor of what ``rand_function`` gives, called once for each element."""
    dims = checked_shape(shape, "rand")
    values = np.array([rand_function() for _ in range(size_of(dims))]).reshape(dims)
    return make_tensor(values.astype(number_type(dtype, "rand")), dtype)


def random_standard_normal(shape: Sequence[int], dtype: str = "float32", seed: int | None = None) -> Tensor:
    """Normally distributed numbers with mean 0 and deviation 1."""
    return random_normal(shape, 0, 1, dtype, seed)


def random_uniform_int(shape: Sequence[int], minval: int, maxval: int, seed: int | None = None) -> Tensor:
    """Whole numbers, as int32, from ``minval`` up to, without, ``maxval``."""
    dims = checked_shape(shape, "random_uniform_int")
    for name, value in (("minval", minval), ("maxval", maxval)):
        require_whole(f"random_uniform_int: {name}", value, np.iinfo(np.int32).min)
    if not minval < maxval:
        raise InputError(f"random_uniform_int: minval is {minval} and maxval {maxval}; expected them in order")
    values = random_generator(seed, "random_uniform_int").integers(minval, maxval, dims, np.int32)
    return make_tensor(values, "int32")


def truncated_normal(
    shape: Sequence[int], mean: float = 0, std_dev: float = 1, dtype: str = "float32", seed: int | None = None,
) -> Tensor:
    """Normally distributed numbers; what is further than two deviations from the mean is drawn again."""
    dims = checked_shape(shape, "truncated_normal")
    require_finite("truncated_normal", mean=mean, std_dev=std_dev)
    generator, values = random_generator(seed, "truncated_normal"), np.full(dims, np.inf)
    while np.any(far := np.abs(values) > _FAR):
        values[far] = generator.standard_normal(int(far.sum()))
    return make_tensor((values * std_dev + mean).astype(number_type(dtype, "truncated_normal")), dtype)


def random_gamma(
    shape: Sequence[int], alpha: float, beta: float = 1, dtype: str = "float32", seed: int | None = None,
) -> Tensor:
    """Gamma distributed numbers of shape ``alpha`` and rate ``beta``; int32 ones are rounded."""
    dims = checked_shape(shape, "random_gamma")
    require_finite("random_gamma", alpha=alpha, beta=beta)
    if alpha <= 0 or beta <= 0:
        raise InputError(f"random_gamma: alpha is {alpha} and beta {beta}; expected numbers above 0")
    kind = number_type(dtype, "random_gamma")
    values = random_generator(seed, "random_gamma").gamma(alpha, 1 / beta, dims)
    return make_tensor((np.rint(values) if dtype == "int32" else values).astype(kind), dtype)


@composed
def dropout(x: Value, rate: float, noise_shape: Sequence[int] | None = None, seed: int | None = None) -> Tensor:
    """Zeros in place of a part ``rate`` of the elements; the others grow so that the mean stays."""
    values = as_floats(x)
    if not 0 <= rate < 1:
        raise InputError(f"dropout: rate is {rate}; expected 0 to below 1")
    dims = values.shape if noise_shape is None else checked_shape(noise_shape, "dropout: noise_shape")
    kept = random_generator(seed, "dropout").random(dims) >= rate
    return op.mul(values, np.where(kept, 1 / (1 - rate), 0).astype(np.float32))
