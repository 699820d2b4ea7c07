"""Calibration: which range of real values each tensor takes, seen on data that a user gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfjslab.base.arrays import to_array
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError, UsageError, did_you_mean
from tfjslab.base.text import counted
from tfjslab.graph.ir import Port
from tfjslab.ops.quantized import HIGHEST
from tfjslab.quantization.scheme import Scale, activation_scale

METHODS = ("minmax", "percentile", "mse")
PERCENTILE = 99.99
_SAMPLE = 8192  # values kept of one tensor and one batch: enough for percentiles, little to keep
_MSE_STEPS = 40


@dataclass
class Observed:
    """What was seen of one tensor: its ends, and an evenly spaced sample of its values."""

    low: float = 0.0
    high: float = 0.0
    parts: list[Array] = field(default_factory=list)
    sums: Array | None = None
    rows: int = 0

    @property
    def mean(self) -> Array | None:
        """The mean of each channel (the last axis); None when nothing was seen."""
        return None if self.sums is None else np.asarray(self.sums / self.rows)

    def cut(self, low: float, high: float) -> None:
        """Forget what lies outside of a range, as it makes no difference to what comes after."""
        self.low, self.high = max(self.low, low), min(self.high, high)
        self.parts = [np.clip(p, self.low, self.high) for p in self.parts]

    def add(self, array: Array) -> None:
        """Take in one batch."""
        if array.size:
            channels = array.reshape(-1, array.shape[-1] if array.ndim else 1)
            total = channels.sum(axis=0, dtype=np.float64)
            self.sums = total if self.sums is None else self.sums + total
            self.rows += channels.shape[0]
            self.low, self.high = min(self.low, float(array.min())), max(self.high, float(array.max()))
            flat = array.reshape(-1)
            self.parts.append(flat[:: max(flat.size // _SAMPLE, 1)].copy())

    def scale(self, method: str, highest: int = HIGHEST) -> Scale:
        """The encoding by ``method``, in the integers from 0 to ``highest``."""
        if method == "minmax" or not self.parts:
            return activation_scale(self.low, self.high, highest)
        values = np.concatenate(self.parts)
        if method == "percentile":
            low, high = (float(v) for v in np.percentile(values, [100 - PERCENTILE, PERCENTILE]))
            return activation_scale(low, high, highest)
        return _least_squares(values, self.low, self.high, highest)


def _least_squares(values: Array, low: float, high: float, highest: int) -> Scale:
    """The shrunken range with the smallest mean squared error: clipping a few against finer steps for the rest."""
    best, smallest = activation_scale(low, high, highest), np.inf
    for part in np.linspace(1.0, 0.2, _MSE_STEPS):
        scale = activation_scale(low * part, high * part, highest)
        q = np.clip(np.rint(values / scale.scale) + scale.zero, 0, highest)
        error = float(np.square((q - scale.zero) * scale.scale - values).mean())
        if error < smallest:
            best, smallest = scale, error
    return best


def check_method(method: str) -> None:
    """UsageError unless ``method`` is known."""
    if method not in METHODS:
        listed = ", ".join(METHODS)
        raise UsageError(f"method is {method!r}; expected one of {listed}{did_you_mean(str(method), METHODS)}")


def calibration_batches(given: Any, ports: Sequence[Port], what: str = "calibration") -> list[dict[str, Array]]:
    """Check calibration data (or data for something else, ``what``) and give one mapping by input name for each batch.

    ``given`` is an array for a model with one input, a mapping by input name, or an iterable of either. Raises
    InputError naming the batch and the input: for no data, a wrong name, shape or kind of number, NaN, and values that
    are all the same, which tell nothing about ranges.
    """
    if given is None:
        raise InputError("int8 needs calibration data: arrays like the model's inputs", code="calibration.missing")
    whole = [given] if isinstance(given, (np.ndarray, Mapping)) else _listed(given, what)
    if not whole:
        raise InputError(f"the {what} data is empty; expected at least one batch", code="calibration.empty")
    return [_batch(item, ports, f"{what} batch {i}") for i, item in enumerate(whole)]


def _listed(given: Any, what: str) -> list[Any]:
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        kind = type(given).__name__
        raise InputError(f"{what} data is {kind}; expected arrays, mappings by input name, or a list of them",
                         code="calibration.kind")
    return list(given)


def _batch(item: Any, ports: Sequence[Port], where: str) -> dict[str, Array]:
    if not isinstance(item, Mapping):
        if len(ports) != 1:
            listed = ", ".join(p.name for p in ports)
            raise InputError(f"{where}: an array, but the model has {counted(len(ports), 'input')} ({listed}); "
                             "expected a mapping by name", code="calibration.inputs")
        item = {ports[0].name: item}
    wanted = {p.name for p in ports}
    faults = [f"'{name}' is missing" if name in wanted else
              f"'{name}' is not an input of the model{did_you_mean(name, wanted)}"
              for name in sorted(map(str, set(item) ^ wanted))]
    if faults:
        raise InputError(f"{where}: {' and '.join(faults)}", code="calibration.inputs")
    return {p.name: _array(item[p.name], p, f"{where}: input '{p.name}'") for p in ports}


def _array(value: Any, port: Port, where: str) -> Array:
    array = to_array(value, where)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{where} holds {array.dtype}; expected numbers", code="calibration.kind")
    if port.shape is not None and not _fits(array.shape, port.shape):
        expected = [-1 if d is None else d for d in port.shape]
        raise InputError(f"{where} has shape {list(array.shape)}; expected {expected} (-1: any length)",
                         code="calibration.shape")
    if array.size == 0:
        raise InputError(f"{where} has shape {list(array.shape)} and no values", code="calibration.empty")
    if array.dtype.kind == "f":
        bad = int(array.size - np.isfinite(array).sum())
        if bad:
            raise InputError(f"{where} has {counted(bad, 'value')} that are NaN or infinite", code="calibration.nan")
    if port.dtype in ("", "float32"):
        array = array.astype(np.float32)
        if array.size > 1 and array.min() == array.max():
            raise InputError(f"{where} is {float(array.flat[0]):g} everywhere; constant data tells nothing about "
                             "ranges", code="calibration.constant")
    return array


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(w in (None, s) for s, w in zip(shape, wanted, strict=True))
