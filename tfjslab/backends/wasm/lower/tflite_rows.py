"""Rows of an image with padding around them, which kernels of TensorFlow Lite's bytes keep in scratch."""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.backends.wasm.lower.quantized import WindowRows

_SCRATCH_BYTES = 16 * 1024  # what a first-level cache holds beside weights and outputs
_VECTOR = 16


@dataclass(frozen=True)
class RowsUnder:
    """Rows under the windows of ``block`` output rows, ``pitch`` bytes apart, so that a row is copied once for them.

    ``step`` of these rows lie between taps, ``stride`` between output rows.
    """

    block: int
    pitch: int
    step: int
    stride: int
    taps: int

    @property
    def reach(self) -> int:
        """Rows from the first one under a window to the one behind the last."""
        return (self.taps - 1) * self.step + 1

    @property
    def scratch_bytes(self) -> int:
        """Of one thread, with room for a vector that begins where the rows end."""
        return ((self.block - 1) * self.stride + self.reach) * self.pitch + 4 * _VECTOR


def rows_under(w: WindowRows, channels: int) -> RowsUnder:
    """As many output rows as fit; a single one needs no rows between its taps."""
    pitch = (w.in_w + w.left + w.right) * channels + _VECTOR
    dense = (w.kh - 1) * w.dilation[0] + 1
    block = min((_SCRATCH_BYTES // pitch - dense) // w.stride[0] + 1, w.out_h)
    down = (w.dilation[0], w.stride[0]) if block > 1 else (1, 0)
    return RowsUnder(max(block, 1), pitch, *down, w.kh)
