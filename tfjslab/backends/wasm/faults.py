"""What a kernel leaves behind where it finds a value that it must not use and ends the run: which check, and the value.

A kernel has one instruction to stop, which tells nothing. Before it, ``fault`` of kernels/wasm/macros.wat writes the
number of the check, the value and its limit to the words at ``ADDRESS``, where nothing else lies. Who ran it looks
there, and fails with the words of the reference.
"""

from __future__ import annotations

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError
from tfjslab.ops.counting import NEGATIVE
from tfjslab.ops.gathering import OUT_OF_RANGE

ADDRESS, NUM_WORDS = 4, 3
WRITES = f"(i32.store offset={ADDRESS} (i32.const 0)"  # is in the text of a module with a check
_INDEXED = ("GatherV2", "GatherNd", "ScatterNd", "TensorScatterUpdate", "SparseToDense")
# Numbers are places in this table, counted from 1: a word that nobody wrote is 0. {value} and {limit} are filled in.
_CHECKS = {name: OUT_OF_RANGE.replace("{name}", name) for name in _INDEXED} | {"Bincount": NEGATIVE}
TEXTS = tuple(_CHECKS.values())


def number_of(check: str) -> int:
    """The number by which a kernel names a check."""
    return 1 + list(_CHECKS).index(check)


def raise_fault(words: Array) -> None:
    """Raise the InputError that ``words``, int32[3], tell of, and forget it."""
    number, value, limit = words.tolist()
    words[...] = 0
    raise InputError(TEXTS[number - 1].format(value=value, limit=limit))
