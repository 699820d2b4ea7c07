"""What a kernel leaves behind where it finds a value that it must not use and ends the run: which check, and the value.

A kernel has one instruction to stop, which tells nothing. Before it, ``fault`` of kernels/wasm/macros.wat writes the
number of the check, the value and its limit to the words at ``ADDRESS``, where nothing else lies. A plan that fails
looks there and raises the very error of the reference.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.ops.counting import check_counted
from tfjslab.ops.gathering import check_indices

ADDRESS, NUM_WORDS = 4, 3
_INDEXED = ("GatherV2", "GatherNd", "ScatterNd", "TensorScatterUpdate", "SparseToDense")


def _check_index(name: str, value: int, limit: int) -> None:
    check_indices(name, np.array([value]), limit)


# Numbers are places in this table, counted from 1: a word that nobody wrote is 0.
_CHECKS: dict[str, Callable[[int, int], None]] = {
    **{name: partial(_check_index, name) for name in _INDEXED},
    "Bincount": lambda value, _: check_counted(np.array([value])),
}


def number_of(check: str) -> int:
    """The number by which a kernel names a check."""
    return 1 + list(_CHECKS).index(check)


def raise_fault(words: Array) -> None:
    """Raise the error that ``words``, int32[3], tell of, and forget it."""
    number, value, limit = words.tolist()
    words[...] = 0
    list(_CHECKS.values())[number - 1](value, limit)
