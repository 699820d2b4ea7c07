"""Checking what is fed to a model against what the model declares: names, dtypes, shapes."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfjslab.base.arrays import text_array, to_array
from tfjslab.base.dtypes import Array, is_short, numpy_dtype, of_array
from tfjslab.base.errors import (
    DTypeError,
    InputError,
    ShapeError,
    UsageError,
    did_you_mean,
    each_with_nearest,
)
from tfjslab.base.shapes import Shape, checked_shape
from tfjslab.engine.tensor import Tensor
from tfjslab.graph.ir import Dims, Port
from tfjslab.model.summary import dims_text

_INT32 = np.iinfo(np.int32)


def by_name(ports: Sequence[Port], given: Any) -> dict[str, Any]:
    """What was given to ``predict``, by input name: a mapping as it is, a sequence in the order of the inputs.

    A list is a sequence of inputs when its items are arrays or tensors or when the model has several inputs;
    otherwise it is the data of the one input.
    """
    if isinstance(given, np.ndarray) and len(ports) == 1:  # what nearly all predictions are given
        return {ports[0].name: given}
    if isinstance(given, Mapping):
        return {str(k): v for k, v in given.items()}
    several = isinstance(given, (list, tuple)) and (
        len(ports) != 1 or (bool(given) and all(isinstance(v, (np.ndarray, Tensor)) for v in given))
    )
    values = list(given) if several else [given]
    if len(values) != len(ports):
        names = ", ".join(p.name for p in ports)
        raise InputError(f"{len(values)} input(s) given; the model has {len(ports)}: {names}", code="input.count")
    return {p.name: v for p, v in zip(ports, values, strict=True)}


def find_port(ports: Sequence[Port], name: str) -> Port | None:
    """The port of that key in the signature, or of that name; TF.js's ``name:0`` means the same."""
    plain = name.removesuffix(":0")
    signed = next((p for p in ports if p.key and name == p.key), None)
    return signed or next((p for p in ports if name == p.name or plain == p.name.removesuffix(":0")), None)


def settled_shape(port: Port, text: str, where: str) -> Shape:
    """The lengths in a text such as ``1,224,224,3``. UsageError, with ``where``, for one that the port cannot have."""
    parts = text.split(",")
    if not all(p.strip().isdecimal() for p in parts):
        raise UsageError(f"{where}: expected lengths with commas, such as 1,224,224,3")
    shape = checked_shape([int(p) for p in parts], where)
    if port.shape is not None and not _fits(shape, port.shape):
        declared = ",".join("?" if d is None or d < 0 else str(d) for d in port.shape)
        raise UsageError(f"{where}: does not fit input '{port.name}', which is {declared}")
    return shape


def output_names(given: Any) -> list[str]:
    """The names of wanted outputs, of one name or several. InputError for anything else."""
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, (list, tuple)) or not all(isinstance(n, str) for n in names):
        raise InputError(f"outputs are {reprlib.repr(given)}; expected a name or a list of names", code="input.outputs")
    return list(names)


def require_known(unknown: Sequence[str], known: Sequence[str]) -> InputError:
    """The error for one input that the model does not have, or for several at once."""
    if len(unknown) == 1:
        name = unknown[0]
        text = f"input '{name}' is not an input of the model; inputs: {', '.join(known)}{did_you_mean(name, known)}"
    else:
        text = f"these are no inputs of the model: {each_with_nearest(unknown, known)}; inputs: {', '.join(known)}"
    return InputError(text, code="input.name")


def missing_inputs(missing: Sequence[str], given: Iterable[str]) -> InputError:
    """The error for inputs that are needed and not given."""
    names = [f"'{n}'" for n in missing]
    what = f"input {names[0]} is" if len(names) == 1 else f"inputs {', '.join(names)} are"
    return InputError(f"{what} missing; given: {', '.join(given) or 'none'}", code="input.missing")


def check_array(port: Port, value: Any) -> Array:
    """``value`` as an array that fits ``port``: its dtype, its rank and every length that the port fixes.

    Python numbers and lists take the port's dtype. Arrays must have it already (floats of any width count as
    float32, integers as int32), as in TensorFlow.js. An input of int8, uint8 or int16 takes the stored integers: arrays
    of exactly that dtype, or numbers and tensors of integers within its range. The result never shares writable memory
    with ``value``.
    """
    given = isinstance(value, np.ndarray)
    if isinstance(value, Tensor):
        value = value.numpy()
    array = to_array(value, f"input '{port.name}'")
    if not isinstance(value, np.ndarray) and port.dtype == "float32" and array.dtype.kind in "iu":
        array = array.astype(np.float32)
    if is_short(port.dtype):
        return _short(port, array, exact=given)
    found = of_array(array)
    if found in port.also:
        array, found = array.astype(numpy_dtype(port.dtype)), port.dtype
    if port.dtype and found != port.dtype:
        text = "string" in (port.dtype, found)
        hint = "" if text else f"; convert it with .astype(np.{numpy_dtype(port.dtype).name})"
        raise DTypeError(f"input '{port.name}': dtype {found} ({array.dtype}); expected {port.dtype}{hint}")
    if port.shape is not None and not _fits(array.shape, port.shape):
        raise ShapeError(f"input '{port.name}': shape {list(array.shape)}; expected {dims_text(port.shape)}")
    return _stored(port, array, found)


def _short(port: Port, array: Array, *, exact: bool) -> Array:
    """What is fed to an input of short integers."""
    wanted = numpy_dtype(port.dtype)
    if array.dtype.kind not in "iu" or (exact and array.dtype != wanted):
        raise DTypeError(f"input '{port.name}': dtype {array.dtype}; expected {port.dtype}, the integers that the file "
                         f"stores; real numbers become such by their scale and zero point")
    if array.dtype != wanted and array.size:
        range_ = np.iinfo(wanted)
        if not (range_.min <= int(array.min()) and int(array.max()) <= range_.max):
            raise DTypeError(f"input '{port.name}': values {array.min()} to {array.max()}; expected numbers within "
                             f"{port.dtype}, {range_.min} to {range_.max}")
    if port.shape is not None and not _fits(array.shape, port.shape):
        raise ShapeError(f"input '{port.name}': shape {list(array.shape)}; expected {dims_text(port.shape)}")
    stored = np.asarray(array, dtype=wanted, order="C").view()
    stored.setflags(write=False)
    return stored


def _stored(port: Port, array: Array, dtype: str) -> Array:
    """The array in the dtype it is stored as, read-only; integers that do not fit int32 are refused."""
    if dtype == "string":
        array = text_array(array, f"input '{port.name}'")
    wanted = numpy_dtype(dtype)
    wide = dtype == "int32" and array.dtype != wanted and array.size
    if wide and not (_INT32.min <= int(array.min()) and int(array.max()) <= _INT32.max):
        raise DTypeError(f"input '{port.name}': {array.dtype} values outside of int32; expected numbers within it")
    stored = np.asarray(array, dtype=wanted, order="C").view()
    stored.setflags(write=False)
    return stored


def _fits(shape: tuple[int, ...], dims: Dims) -> bool:
    return len(shape) == len(dims) and all(map(_is_length, shape, dims))


def _is_length(length: int, declared: int | None) -> bool:
    return declared is None or declared < 0 or declared == length
