"""The tensor: an immutable view of reference-counted bytes, as in TensorFlow.js."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.closing import Disposing
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DisposedError, InputError
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.base.messages import escaped_lines
from tfjslab.base.out_of_memory import out_of_memory
from tfjslab.base.shapes import size_of
from tfjslab.engine.operators import DISPATCH, Operators
from tfjslab.engine.sessions import Data
from tfjslab.engine.state import STATE, count


class Tensor(Operators, Disposing):
    """An immutable array on a backend, with ``shape``, ``dtype``, ``size``, ``rank`` and ``id``.

    It lives until ``dispose``, the end of the ``tidy`` it was made in, or of its own ``with`` block; garbage
    collection does not free it, just as in TensorFlow.js. Several tensors may share bytes (``reshape``, ``clone``).
    """

    __slots__ = ("_data", "_dtype", "_id", "_kept", "_num_bytes", "_shape")
    __array_priority__ = 1000  # ``array + tensor`` is a tensor

    def __init__(self, data: Data, shape: tuple[int, ...], dtype: str) -> None:
        with STATE.lock:
            self._data: Data | None = data
            self._shape = shape
            self._dtype = dtype
            self._id = next(STATE.ids)
            self._kept = False
            self._num_bytes = data.num_bytes_of(shape)
            count(1, data.add_ref(), self._num_bytes, dtype == "string")
        if STATE.local.scopes:
            STATE.local.scopes[-1].tensors.append(self)
        if STATE.watch is not None:
            STATE.watch.made(self)

    @property
    def shape(self) -> list[int]:
        """Lengths, as a list of integers."""
        return list(self._shape)

    @property
    def dtype(self) -> str:
        """``float32``, ``int32``, ``bool``, ``complex64`` or ``string``."""
        return self._dtype

    @property
    def signature(self) -> tuple[tuple[int, ...], str]:
        """Shape and dtype: the key that plans are cached by."""
        return self._shape, self._dtype

    @property
    def size(self) -> int:
        """Number of elements."""
        return size_of(self._shape)

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self._shape)

    @property
    def id(self) -> int:
        """A number no other tensor of this process has had."""
        return self._id

    @property
    def is_disposed(self) -> bool:
        """Whether the tensor was disposed."""
        return self._data is None

    @property
    def num_bytes(self) -> int:
        """What it adds to ``memory().num_bytes``: bytes of elements, UTF-8 lengths of strings.

        TensorFlow.js adds nothing when a string tensor is cloned but takes its bytes away when the clone is disposed,
        so its count drifts below zero; here a clone adds what its disposal takes away.
        """
        self.data_ref()
        return self._num_bytes

    def data_ref(self) -> Data:
        """The shared bytes; DisposedError after ``dispose``."""
        if self._data is None:
            raise DisposedError(f"tensor {self._id} ({self._dtype} {list(self._shape)}) is disposed and cannot be used")
        return self._data

    def numpy(self) -> Array:
        """The values as a new numpy array of the tensor's shape."""
        try:
            with STATE.lock:
                return self.data_ref().read().reshape(self._shape)
        except MemoryError as e:
            raise out_of_memory(f"reading tensor {self._id}", e) from e

    def data_sync(self) -> Array:
        """The values as a new, flat numpy array."""
        return self.numpy().reshape(-1)

    async def data(self) -> Array:
        """``data_sync`` for code that awaits: other code runs while a device is waited for."""
        import asyncio  # noqa: PLC0415 - code that awaits has loaded it; other code does not need it

        return await asyncio.to_thread(self.data_sync)

    def array_sync(self) -> Any:
        """The values as nested lists of Python numbers."""
        return self.numpy().tolist()

    async def array(self) -> Any:
        """``array_sync`` for code that awaits, as ``data``."""
        import asyncio  # noqa: PLC0415 - as above

        return await asyncio.to_thread(self.array_sync)

    def item(self) -> Any:
        """The value of a tensor of one element; InputError for any other size."""
        if self.size != 1:
            raise InputError(f"tensor {self._id} has shape {list(self._shape)}; expected one element")
        return self.numpy().reshape(()).item()

    def dispose(self) -> None:
        """Free the tensor. A second call does nothing."""
        with Uninterrupted(), STATE.lock:
            data = self._data
            if data is None:
                return
            self._data = None
            last = data.drop_ref()
            count(-1, -last, -self._num_bytes, -(self._dtype == "string"))
            if last:
                data.free()

    @property
    def is_kept(self) -> bool:
        """Whether ``keep`` exempted it from scopes."""
        return self._kept

    def mark_kept(self) -> None:
        """Exempt the tensor from scopes, for ``keep``."""
        self._kept = True

    def replace_data(self, data: Data) -> None:
        """Point at other bytes of the same size, for ``Variable.assign``."""
        with Uninterrupted(), STATE.lock:
            old, before = self.data_ref(), self._num_bytes
            self._data, self._num_bytes = data, data.num_bytes_of(self._shape)
            first, last = data.add_ref(), old.drop_ref()
            count(0, first - last, self._num_bytes - before)
            if last:
                old.free()

    def shared(self, shape: tuple[int, ...]) -> Tensor:
        """A new tensor of another shape on the same bytes."""
        with Uninterrupted(), STATE.lock:
            return Tensor(self.data_ref(), shape, self._dtype)

    def clone(self) -> Tensor:
        """A new tensor on the same bytes."""
        return self.shared(self._shape)

    def print(self) -> None:
        """Print the tensor."""
        print(repr(self))  # noqa: T201 - what the method is for

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:  # noqa: FBT001 - numpy's protocol
        if copy is False:
            raise ValueError("a tensor's values are copied out of its backend; copy=False cannot be honoured")
        values = self.numpy()
        return values if dtype is None else values.astype(dtype)

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("a tensor of rank 0 has no length")
        return self._shape[0]

    def __getattr__(self, name: str) -> Any:
        """Ops as methods: ``x.reshape([2, 3])`` is ``tf.reshape(x, [2, 3])``."""
        if name.startswith("_"):
            raise AttributeError(f"Tensor has no attribute '{name}'")
        return DISPATCH.method(self, name)

    def __hash__(self) -> int:
        return self._id

    def __copy__(self) -> Tensor:
        return self.clone()

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        return self.clone()

    def __repr__(self) -> str:
        head = f"Tensor(shape={list(self._shape)}, dtype={self._dtype}"
        if self.is_disposed:
            return f"{head}, disposed)"
        values = np.array2string(self.numpy(), separator=", ", threshold=200, edgeitems=3, precision=7)
        return f"{head})\n{values}"

    def _repr_html_(self) -> str:
        """What a notebook shows: a caption, and the values when there are few."""
        lines = repr(self).partition("\n")
        return f"<div><code>{lines[0]}</code><pre>{escaped_lines(lines[2])}</pre></div>"


