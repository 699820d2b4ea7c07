"""Which tiles a web module takes: what was measured in a browser, else defaults that were measured in Chromium.

The defaults are rules, not a table, so that they hold for any model. They come from trials of every class of kernel of
MobileNetV2, BlazeFace and FaceMesh in Chromium 156 (TurboFan) on a Zen 5: with relaxed multiply-add two outputs by six
vectors are first or within 5% everywhere, without it two by five are; images of at most 64 pixels take the form with
vectors over outputs, which is up to twice as fast there. Other engines were not measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tfjslab.backends.wasm.tuning import WasmTile, WasmTrial
from tfjslab.export.web.variants import Variant

Make = Callable[[WasmTile], WasmTrial]  # a candidate's kernel, on a real size
# Of a class of kernels, the fastest of these candidates.
Measured = Callable[[str, Sequence[WasmTile], Make], WasmTile]
_PIXELS = re.compile(r"pixels=<?(\d+)")
_FEW_PIXELS = 64
_WIDE, _NARROW = (2, 6), (2, 5)  # outputs and vectors, with relaxed multiply-add and without


@dataclass(frozen=True)
class WebTuner:
    """Choices for one variant: by ``measured``, or by rule."""

    variant: Variant
    measured: Measured | None = None

    def choose(self, kind: str, tiles: tuple[WasmTile, ...], trial: Make) -> WasmTile:
        """The tile for a class of kernels."""
        allowed = candidates(self.variant, tiles)
        return default(kind, allowed) if self.measured is None else self.measured(kind, allowed, trial)


def candidates(variant: Variant, tiles: Sequence[WasmTile]) -> tuple[WasmTile, ...]:
    """The tiles that a variant may take: with and without relaxed multiply-add, where it has that."""
    plain = tuple(replace(t, relaxed=False) for t in tiles)
    return tuple(dict.fromkeys((*tiles, *(replace(t, relaxed=True) for t in tiles)) if variant.relaxed else plain))


def default(kind: str, tiles: Sequence[WasmTile]) -> WasmTile:
    """The tile to take where nothing is measured; see above for what the rule rests on."""
    relaxed = any(t.relaxed for t in tiles)
    pixels = _PIXELS.search(kind)
    columns = pixels is not None and int(pixels[1]) <= _FEW_PIXELS
    wanted = _WIDE if relaxed else _NARROW

    def rank(t: WasmTile) -> tuple[bool, bool, bool]:
        return (t.columns != columns, t.relaxed != relaxed, (t.outputs, t.vectors) != wanted)

    return min(tiles, key=rank)  # the first of equals


Tuners = Callable[[Variant], WebTuner]


def default_tuners(variant: Variant) -> WebTuner:
    """Tuners that take defaults."""
    return WebTuner(variant)
