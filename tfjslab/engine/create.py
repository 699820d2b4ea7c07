"""Making tensors from values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfjslab.base.arrays import require_finite, require_whole, text_array, to_array
from tfjslab.base.dtypes import ON_HOST, Array, dtype_info, numpy_dtype, of_array
from tfjslab.base.errors import DTypeError, InputError, ShapeError
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.base.out_of_memory import tells_memory
from tfjslab.base.shapes import checked_shape, size_of
from tfjslab.engine.sessions import Data, on_session
from tfjslab.engine.state import STATE
from tfjslab.engine.tensor import Tensor

_NUMERIC = ("float32", "int32", "bool")


def make_tensor(array: Array, dtype: str) -> Tensor:
    """A tensor with a copy of ``array``, whose numpy dtype must be that of ``dtype``."""
    check_limit("tensor: bytes", array.size * dtype_info(dtype).bytes_per_element, LIMITS.tensor_bytes)
    if dtype in ON_HOST:
        with Uninterrupted():
            return Tensor(Data(dtype, host=array.copy()), array.shape, dtype)
    with Uninterrupted(), STATE.lock:
        data = on_session(lambda eager: Data(dtype, buffer=eager.session.put(array, dtype), eager=eager))
        return Tensor(data, array.shape, dtype)


def make_tensors(arrays: Sequence[Array]) -> list[Tensor]:
    """``make_tensor`` for all of them or none. Short integers become int32: TensorFlow.js has no others."""
    made: list[Tensor] = []
    try:
        for array in arrays:
            dtype = of_array(array)
            made.append(make_tensor(np.asarray(array, numpy_dtype(dtype)), dtype))
    except BaseException:
        for t in made:
            t.dispose()
        raise
    return made


@tells_memory("values of a tensor")
def as_array(values: Any, dtype: str | None, where: str) -> tuple[Array, str]:
    """``values`` as a numpy array in the dtype it is stored as. Without ``dtype`` the values decide.

    Python integers become float32 as in TensorFlow.js, where every number does; arrays keep their kind.
    """
    if isinstance(values, Tensor):
        values = values.numpy()
    is_array = isinstance(values, (np.ndarray, np.generic))
    array = to_array(values, where)
    found = of_array(array)
    natural = "float32" if found == "int32" and not is_array else found
    wanted = natural if dtype is None else dtype_info(dtype).name
    if wanted == "variant" or (wanted != found and (found == "complex64" or "string" in (wanted, found))):
        raise DTypeError(f"{where}: {found} values cannot become a tensor of {wanted}")
    return text_array(array, where) if wanted == "string" else _converted(array, wanted), wanted


def _converted(array: Array, dtype: str) -> Array:
    if dtype == "int32" and array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            return np.trunc(array).astype(np.int32)  # TensorFlow.js truncates toward zero
    return np.asarray(array, dtype=numpy_dtype(dtype))


def tensor(values: Any, shape: Sequence[int] | None = None, dtype: str | None = None) -> Tensor:
    """A tensor of numbers, nested lists, a numpy array or another tensor, copied.

    ``shape`` reshapes the values. ShapeError when sizes differ, DTypeError when values are not numbers or text.
    """
    array, found = as_array(values, dtype, "tensor")
    if shape is not None:
        wanted = checked_shape(shape, "tensor")
        if size_of(wanted) != array.size:
            raise ShapeError(f"tensor: {array.size} values; expected {size_of(wanted)} for shape {list(wanted)}")
        array = array.reshape(wanted)
    return make_tensor(array, found)


def _ranked(values: Any, rank: int, shape: Sequence[int] | None, dtype: str | None) -> Tensor:
    made = tensor(values, shape, dtype)
    if made.rank != rank:
        found = made.shape
        made.dispose()
        raise ShapeError(f"tensor{rank}d: values of shape {found}; expected rank {rank}")
    return made


def scalar(value: Any, dtype: str | None = None) -> Tensor:
    """A tensor of rank 0."""
    return _ranked(value, 0, None, dtype)


def tensor1d(values: Any, dtype: str | None = None) -> Tensor:
    """A tensor of rank 1."""
    return _ranked(values, 1, None, dtype)


def tensor2d(values: Any, shape: Sequence[int] | None = None, dtype: str | None = None) -> Tensor:
    """A tensor of rank 2; flat values need ``shape``."""
    return _ranked(values, 2, shape, dtype)


def tensor3d(values: Any, shape: Sequence[int] | None = None, dtype: str | None = None) -> Tensor:
    """A tensor of rank 3; flat values need ``shape``."""
    return _ranked(values, 3, shape, dtype)


def tensor4d(values: Any, shape: Sequence[int] | None = None, dtype: str | None = None) -> Tensor:
    """A tensor of rank 4; flat values need ``shape``."""
    return _ranked(values, 4, shape, dtype)


def tensor5d(values: Any, shape: Sequence[int] | None = None, dtype: str | None = None) -> Tensor:
    """A tensor of rank 5; flat values need ``shape``."""
    return _ranked(values, 5, shape, dtype)


def tensor6d(values: Any, shape: Sequence[int] | None = None, dtype: str | None = None) -> Tensor:
    """A tensor of rank 6; flat values need ``shape``."""
    return _ranked(values, 6, shape, dtype)


def fill(shape: Sequence[int], value: Any, dtype: str | None = None) -> Tensor:
    """A tensor with ``value`` everywhere."""
    dims = checked_shape(shape, "fill")
    array, found = as_array(value, dtype, "fill")
    if array.ndim:
        raise ShapeError(f"fill: a value of shape {list(array.shape)}; expected one number or text")
    return make_tensor(np.full(dims, array, dtype=array.dtype), found)


def zeros(shape: Sequence[int], dtype: str = "float32") -> Tensor:
    """A tensor of zeros (False for bool)."""
    return make_tensor(np.zeros(checked_shape(shape, "zeros"), number_type(dtype, "zeros")), dtype)


def ones(shape: Sequence[int], dtype: str = "float32") -> Tensor:
    """A tensor of ones (True for bool)."""
    return make_tensor(np.ones(checked_shape(shape, "ones"), number_type(dtype, "ones")), dtype)


def eye(
    num_rows: int, num_columns: int | None = None, batch_shape: Sequence[int] | None = None, dtype: str = "float32",
) -> Tensor:
    """An identity matrix, or a batch of them."""
    dims = checked_shape((num_rows, num_rows if num_columns is None else num_columns), "eye")
    outer = checked_shape(batch_shape or (), "eye: batch_shape")
    one = np.eye(*dims, dtype=number_type(dtype, "eye"))
    return make_tensor(np.broadcast_to(one, checked_shape((*outer, *dims), "eye")), dtype)


def linspace(start: float, stop: float, num: int) -> Tensor:
    """``num`` evenly spaced float32 numbers from ``start`` to ``stop``, both included."""
    require_finite("linspace", start=start, stop=stop)
    require_whole("linspace: num", num, 1)
    check_limit("linspace: number of elements", num, LIMITS.tensor_bytes)
    return make_tensor(np.linspace(start, stop, num, dtype=np.float32), "float32")


def range(start: float, stop: float, step: float = 1, dtype: str = "float32") -> Tensor:  # noqa: A001 - as in tfjs
    """Numbers from ``start`` to before ``stop``; counts down when ``stop`` is smaller and no step is given."""
    require_finite("range", start=start, stop=stop, step=step)
    if step == 0:
        raise InputError("range: step is 0; expected any other number")
    if stop < start and step == 1:
        step = -1  # as in TensorFlow.js
    check_limit("range: number of elements", math.ceil((stop - start) / step), LIMITS.tensor_bytes)
    return make_tensor(np.arange(start, stop, step).astype(number_type(dtype, "range")), dtype)


def random_uniform(
    shape: Sequence[int], minval: float = 0, maxval: float = 1, dtype: str = "float32", seed: int | None = None,
) -> Tensor:
    """Uniform numbers in [minval, maxval). The same ``seed`` gives the same numbers on every machine."""
    dims = checked_shape(shape, "random_uniform")
    require_finite("random_uniform", minval=minval, maxval=maxval)
    if not 0 <= maxval - minval < math.inf:
        raise InputError(f"random_uniform: minval is {minval} and maxval {maxval}; expected them in order")
    values = random_generator(seed, "random_uniform").uniform(minval, maxval, dims)
    kind = number_type(dtype, "random_uniform")
    return make_tensor(np.floor(values).astype(kind) if dtype == "int32" else values.astype(kind), dtype)


def random_normal(
    shape: Sequence[int], mean: float = 0, std_dev: float = 1, dtype: str = "float32", seed: int | None = None,
) -> Tensor:
    """Normally distributed numbers. The same ``seed`` gives the same numbers on every machine."""
    dims = checked_shape(shape, "random_normal")
    require_finite("random_normal", mean=mean, std_dev=std_dev)
    if std_dev < 0:
        raise InputError(f"random_normal: std_dev is {std_dev}; expected 0 or more")
    values = random_generator(seed, "random_normal").normal(mean, std_dev, dims)
    return make_tensor(values.astype(number_type(dtype, "random_normal")), dtype)


def random_generator(seed: int | None, where: str) -> np.random.Generator:
    """A source of random numbers: the same for the same ``seed``, another one on every call for None."""
    if seed is not None:
        require_whole(f"{where}: seed", seed, 0)
    return np.random.default_rng(seed)


def number_type(dtype: str, where: str) -> np.dtype[Any]:
    """The dtype of numpy for a tensor of numbers or truth values; DTypeError for any other."""
    if dtype not in _NUMERIC:
        raise DTypeError(f"{where}: dtype {dtype!r}; expected one of {', '.join(_NUMERIC)}")
    return numpy_dtype(dtype)
