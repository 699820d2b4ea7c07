"""Seeded values in the shapes that a model declares, for measuring without data at hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tfjslab.base.arrays import require_whole
from tfjslab.base.dtypes import Array, is_short, numpy_dtype
from tfjslab.base.errors import InputError
from tfjslab.base.limits import check_memory
from tfjslab.base.shapes import check_lengths
from tfjslab.graph.ir import Port

_LEVELS = 256  # integer inputs are mostly pixels


def sample_inputs(ports: Sequence[Port], batch: int = 1, seed: int = 0) -> dict[str, Array]:
    """By input name: floats in [0, 1), integers in 0..255 (int8, uint8 and int16: of their range), or truth values.

    ``batch`` is used where a length is open.

    Integers that look up rows of a table are below its length.

    InputError when an input's rank is not declared, or it is text; LimitError when one is too large for a run.
    """
    require_whole("batch", batch, 1)
    require_whole("seed", seed, 0)
    return {p.name: _sample(p, batch, np.random.default_rng(seed + i)) for i, p in enumerate(ports)}


def _sample(port: Port, batch: int, rng: np.random.Generator) -> Array:
    if port.shape is None or port.dtype == "string":
        raise InputError(f"input '{port.name}' has no declared shape of numbers; give values for it")
    shape = tuple(batch if d is None or d < 0 else d for d in port.shape)
    dtype = numpy_dtype(port.dtype or "float32")
    check_lengths(shape, f"input '{port.name}'")
    check_memory(f"input '{port.name}' of shape {list(shape)}", math.prod(shape) * np.dtype(np.float64).itemsize)
    if dtype.kind == "f":
        return rng.uniform(0, 1, shape).astype(dtype)
    if is_short(port.dtype):
        return rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    return rng.integers(0, 2 if dtype.kind == "b" else max(port.below or _LEVELS, 1), shape).astype(dtype)
