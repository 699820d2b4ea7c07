"""The one file of weights that all variants of a web module read.

Weights stand in it as the model has them, row-major, or as float16; a module lays them out at load. What a
variant computed while it was lowered (tables, folded constants) stands behind them, once for equal content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.export.web.rounding import FEWEST, as_float16

ALIGNMENT = 64
FLOAT32, FLOAT16 = "float32", "float16"
ENCODINGS = (FLOAT32, FLOAT16)
_PRIME, _OFFSET, _MASK = 0x100000001B3, 0xCBF29CE484222325, (1 << 64) - 1


@dataclass(frozen=True)
class Stored:
    """Where an array stands: a byte offset in its section, and whether that is the one of float16."""

    offset: int
    num_bytes: int
    halved: bool


@dataclass
class WeightFile:
    """Arrays that were added, in the order of the file; ``encoding`` is that of the model's float32 weights."""

    encoding: str = FLOAT32
    _sections: dict[bool, list[bytes]] = field(default_factory=lambda: {False: [], True: []})
    _sizes: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    _known: dict[Hashable, Stored] = field(default_factory=dict)

    def weight(self, array: Array) -> Stored:
        """Add a weight of the model; as float16 where that holds all of its values, if the encoding or its size asks.

        Files of float16 are such, whatever the encoding.
        """
        if array.dtype == np.float32 and (self.encoding == FLOAT16 or array.size >= FEWEST):
            half = as_float16(array)
            if np.array_equal(half.astype(np.float32), array):
                return self._add(half, True)  # noqa: FBT003 - see Stored
        return self._add(np.ascontiguousarray(array), False)  # noqa: FBT003 - see Stored

    def block(self, array: Array) -> Stored:
        """Add what lowering made, as it is."""
        return self._add(np.ascontiguousarray(array), False)  # noqa: FBT003 - see Stored

    def _add(self, array: Array, halved: bool) -> Stored:  # noqa: FBT001 - see Stored
        data = array.tobytes()
        key = (halved, hashlib.sha256(data).digest())
        if key not in self._known:
            self._known[key] = Stored(self._sizes[halved], len(data), halved)
            padded = data + bytes(-len(data) % ALIGNMENT)
            self._sections[halved].append(padded)
            self._sizes[halved] += len(padded)
        return self._known[key]

    @property
    def plain_bytes(self) -> int:
        """Bytes of the section that is used as it is; that of float16 follows."""
        return self._sizes[False]

    @property
    def float16_bytes(self) -> int:
        """Bytes of the section of float16."""
        return self._sizes[True]

    def data(self) -> bytes:
        """The file."""
        return b"".join((*self._sections[False], *self._sections[True]))


def check_encoding(name: str) -> None:
    """UsageError for an unknown encoding."""
    if name not in ENCODINGS:
        raise UsageError(f"weights {name!r}; expected one of {', '.join(ENCODINGS)}{did_you_mean(name, ENCODINGS)}")


def checksum(data: bytes) -> str:
    """FNV-1a over 64-bit words, as 16 digits; the file is a whole number of words. Modules compute the same."""
    found = _OFFSET
    for word in np.frombuffer(data, "<u8").tolist():
        found = (found ^ word) * _PRIME & _MASK
    return f"{found:016x}"
