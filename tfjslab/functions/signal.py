"""Signals cut into frames, windows for them, and the short-time Fourier transform, as TensorFlow.js has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfjslab.base.arrays import require_whole
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import checked_shape
from tfjslab.engine.create import fill, make_tensor, tensor
from tfjslab.engine.eager import functions
from tfjslab.engine.scopes import Tidy
from tfjslab.engine.tensor import Tensor

Signal = Tensor | Array | Sequence[Any]


def frame(
    signal: Signal, frame_length: int, frame_step: int, pad_end: bool = False, pad_value: float = 0,
) -> Tensor:
    """Windows of a signal [n], as rows [frames, frame_length] that begin ``frame_step`` apart.

    What is left over at the end is dropped, or filled up with ``pad_value`` if ``pad_end``. InputError for lengths
    below 1, ShapeError for a signal that is no vector.
    """
    require_whole("frame: frame_length", frame_length, 1)
    require_whole("frame: frame_step", frame_step, 1)
    ops = functions()
    with Tidy("frame") as scope:
        x = signal if isinstance(signal, Tensor) else tensor(signal)
        if x.rank != 1:
            raise ShapeError(f"frame: signal of shape {list(x.shape)}; expected rank 1")
        count = -(-x.size // frame_step) if pad_end else max((x.size - frame_length) // frame_step + 1, 0)
        checked_shape((count, frame_length), "frame")
        missing = (count - 1) * frame_step + frame_length - x.size if count else 0
        if missing > 0:
            x = ops["concat"]([x, fill([missing], pad_value, x.dtype)], 0)
        places = np.arange(count, dtype=np.int32)[:, None] * frame_step + np.arange(frame_length, dtype=np.int32)
        found: Tensor = ops["gather"](x, make_tensor(places, "int32"))
        return scope.returns(found)


def hann_window(window_length: int) -> Tensor:
    """The window of von Hann: half of 1 - cos over one period, of an even length without its last point."""
    return _cosine_window("hann_window", window_length, 0.5, 0.5)


def hamming_window(window_length: int) -> Tensor:
    """The window of Hamming: 0.54 - 0.46 cos over one period, of an even length without its last point."""
    return _cosine_window("hamming_window", window_length, 0.54, 0.46)


def _cosine_window(where: str, length: int, level: float, amplitude: float) -> Tensor:
    require_whole(f"{where}: window_length", length, 0)
    checked_shape((length,), where)
    period = length - length % 2
    values = level - amplitude * np.cos(2 * np.pi * np.arange(length) / max(period, 1))
    if length == 1:
        values = np.full(1, np.nan)  # 0 / 0 in TensorFlow.js
    return make_tensor(values.astype(np.float32), "float32")


def stft(
    signal: Signal, frame_length: int, frame_step: int, fft_length: int | None = None,
    window_fn: Callable[[int], Tensor] = hann_window,
) -> Tensor:
    """Fourier transforms of windows of a signal: complex64 [frames, fft_length / 2 + 1].

    ``fft_length`` is the next power of two above ``frame_length`` where it is not given.
    """
    with Tidy("stft") as scope:
        frames = frame(signal, frame_length, frame_step)
        length = 1 << (frame_length - 1).bit_length() if fft_length is None else fft_length
        windowed = functions()["mul"](frames, window_fn(frame_length))
        found: Tensor = functions()["rfft"](windowed, length)
        return scope.returns(found)
