"""Finds a layer's weights in the manifest, by the names that TF.js and the converters give them.

A weight is ``layer/kernel``, with names of enclosing models in front (``model/layer/kernel``), or with one name
between (``layer/cell/kernel``), as TF.js accepts it (``Container.loadWeights``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ModelError
from tfjslab.formats.strict_json import show

_LONGEST_SUFFIX = 8


class WeightIndex:
    """The weights of a file by every ending of their names."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.weights = weights
        self._by_suffix: dict[str, list[str]] = {}
        self._without_middle: dict[str, list[str]] = {}
        for name in weights:
            tokens = name.split(":")[0].split("/")
            short = [*tokens[:-2], tokens[-1]]
            for index, parts in ((self._by_suffix, tokens), (self._without_middle, short)):
                for length in range(2, min(len(parts), _LONGEST_SUFFIX) + 1):
                    index.setdefault("/".join(parts[-length:]), []).append(name)

    def find(self, path: Sequence[str], layer: str, weight: str, where: str) -> Array:
        """The weight of a layer inside the models ``path``; ModelError when there is none or it is not clear which."""
        ending = f"{layer}/{weight}"
        found = self._by_suffix.get(ending) or self._without_middle.get(ending) or []
        if not found:
            raise ModelError(f"{where}: weight {show(weight)} is not in weightsManifest", code="model.missing_weight")
        if ending in found and not path:
            return self.weights[ending]
        scores = [sum(p in name.split("/") for p in path) for name in found]
        best = [n for n, s in zip(found, scores, strict=True) if s == max(scores)]
        if len(best) > 1 and ending in best:
            best = [ending]
        if len(best) > 1:
            listed = ", ".join(show(n) for n in best)
            raise ModelError(f"{where}: weight {show(weight)} may be any of {listed}", code="model.weight_spec")
        return self.weights[best[0]]
