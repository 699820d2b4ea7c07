"""Finds a layer's weights in the manifest, by the names that TF.js, Keras and the converters give them.

Three ways of naming are read:

- ``layer/kernel``, with names of enclosing models in front (``model/layer/kernel``), or with one name between
  (``layer/cell/kernel``), as TF.js accepts it (``Container.loadWeights``);
- ``layers/dense_1/vars/0``, as ``.keras`` files have it: where the layer stands in the model, by classes and not by
  names, and which of its weights it is, by number (``saving_lib.py`` of Keras 3; Keras 2.13 wrote
  ``_layer_checkpoint_dependencies`` for ``layers``);
- ``dense_7/0``, the number behind the layer's name, as TF.js 4 expects it from the converter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ModelError
from tfjslab.formats.strict_json import show

_LONGEST_SUFFIX = 8
_FOLDERS = ("vars", "layers", "layer_checkpoint_dependencies")

# The weights of a layer in the order in which Keras makes them, which is how `.keras` files count them.
_FILTERS, _RECURRENT, _AFFINE = ("kernel", "bias"), ("kernel", "recurrent_kernel", "bias"), ("gamma", "beta")
_ORDERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), ("depthwise_kernel", "bias")),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), ("depthwise_kernel", "pointwise_kernel", "bias")),
    "BatchNormalization": (*_AFFINE, "moving_mean", "moving_variance"), "LayerNormalization": _AFFINE,
    "GroupNormalization": _AFFINE, "RMSNormalization": ("scale",), "Normalization": ("mean", "variance", "count"),
    "Embedding": ("embeddings",), "PReLU": ("alpha",), "Attention": ("scale", "concat_score_weight"),
    "AdditiveAttention": ("scale",), "LayerScale": ("gamma",),
}
_CELLS = re.compile(r"RNN|LSTM|GRU")
# Weights that a layer only has when an option says so.
_ALWAYS = ("RMSNormalization", "LayerScale")
_OPTIONS = {"bias": "use_bias", "gamma": "scale", "beta": "center", "scale": "use_scale"}
# Keras 3 names the filters of a depthwise convolution as those of any other, and not at all what ConvNeXt scales by.
_OTHER_NAMES = {"depthwise_kernel": "kernel", "gamma": "variable"}
# Layers that a layer makes itself, by their name; where a `.keras` file has them.
_MADE = {"query": "query_dense", "key": "key_dense", "value": "value_dense", "attention_output": "output_dense"}


class WeightIndex:
    """The weights of a file by every ending of their names, and by their number where they have one."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.weights = weights
        self._by_suffix: dict[str, list[str]] = {}
        self._without_middle: dict[str, list[str]] = {}
        self._by_place: dict[str, str] = {}
        self._by_number: dict[str, str] = {}
        for name in weights:
            tokens = name.split(":")[0].split("/")
            if tokens[-1].isdigit():
                (self._by_place if "vars" in tokens else self._by_number).setdefault(_place(tokens), name)
            short = [*tokens[:-2], tokens[-1]]
            for index, parts in ((self._by_suffix, tokens), (self._without_middle, short)):
                for length in range(2, min(len(parts), _LONGEST_SUFFIX) + 1):
                    index.setdefault("/".join(parts[-length:]), []).append(name)

    def numbered(self, place: str, path: Sequence[str], number: int) -> Array | None:
        """Weight ``number`` of the layer that a `.keras` file has at ``place``, or that has this path of names."""
        # A cell is a layer of its own in the file, and part of its layer for who asks.
        places = (_place([*place.split("/"), *cell, str(number)]) for cell in ((), ("cell",)))
        found = next((self._by_place[p] for p in places if p in self._by_place), None)
        names = ("/".join((*path[i:], str(number))) for i in range(len(path)))
        found = found or next((self._by_number[n] for n in names if n in self._by_number), None)
        return None if found is None else self.weights[found]

    def named(self, path: Sequence[str], weight: str, where: str) -> Array | None:
        """The weight of the layer of this path of names; None without one, ModelError when several may be meant."""
        ending, outer = f"{path[-1]}/{weight}", path[:-1]
        found = self._by_suffix.get(ending) or self._without_middle.get(ending) or []
        if not found:
            return None
        if ending in found and not outer:
            return self.weights[ending]
        scores = [sum(p in name.split("/") for p in outer) for name in found]
        best = [n for n, s in zip(found, scores, strict=True) if s == max(scores)]
        if len(best) > 1 and ending in best:
            best = [ending]
        if len(best) > 1:
            listed = ", ".join(show(n) for n in best)
            raise ModelError(f"{where}: weight {show(weight)} may be any of {listed}", code="model.weight_spec")
        return self.weights[best[0]]


def _place(tokens: Sequence[str]) -> str:
    """A place without the folders that every `.keras` file has; private attributes are those without the underscore."""
    return "/".join(t for t in (t.removeprefix("_") for t in tokens) if t and t not in _FOLDERS)


def places(class_names: Iterable[str], container: str) -> list[str]:
    """Where a `.keras` file holds the layers of a list: by class, numbered from the second of a class on."""
    counts: dict[str, int] = {}
    found = []
    for class_name in class_names:
        name = _snake(class_name)
        counts[name] = counts.get(name, -1) + 1
        found.append(f"{container}/{name}" + (f"_{counts[name]}" if counts[name] else ""))
    return found


def _snake(class_name: str) -> str:
    """``Conv2DTranspose`` as ``conv2d_transpose``, by Keras's own rule (``naming.to_snake_case``)."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


@dataclass(frozen=True)
class LayerWeights:
    """The weights of one layer, by the names that Keras 2 and TF.js give them (``kernel``, ``moving_mean``).

    ``path`` are the names of the enclosing models and layers and its own, ``shorter`` are other such paths that are
    tried after it; ``place`` is where a `.keras` file has it.
    """

    index: WeightIndex
    class_name: str
    config: Mapping[str, Any]
    path: tuple[str, ...]
    place: str
    where: str
    shorter: tuple[tuple[str, ...], ...] = ()

    def find(self, weight: str) -> Array:
        """The weight of that name or of that number; ModelError when there is none or it is not clear which.

        ``inner/kernel`` is a weight of a layer inside of this one, by the name that the options give that layer
        (``forward_`` and ``backward_`` in front for those of Bidirectional), or that Keras gives it (``query`` of
        MultiHeadAttention). It may be at any depth, as a cell in a stack of an RNN.
        """
        found = self._get(weight)
        if found is None:
            message = f"{self.where}: weight {show(weight)} is not in weightsManifest"
            raise ModelError(message, code="model.missing_weight")
        return found

    def _get(self, weight: str) -> Array | None:
        inner, _, rest = weight.partition("/")
        if rest:
            return self._inside(inner)._get(rest)  # noqa: SLF001 - the same class
        tried = (self._at(path, weight) for path in (self.path, *self.shorter))
        return next((found for found in tried if found is not None), None)

    def _at(self, path: tuple[str, ...], weight: str) -> Array | None:
        """The weight by its number, else by its name."""
        number = self._number(weight)
        found = None if number is None else self.index.numbered(self.place, path, number)
        if found is not None:
            return found
        names = (weight, *filter(None, [_OTHER_NAMES.get(weight)]))
        return next((f for f in (self.index.named(path, n, self.where) for n in names) if f is not None), None)

    def wrapped(self, name: str) -> LayerWeights:
        """The weights of a layer that this one wraps, or of a cell of it.

        Keras puts the names of both into the names of its weights, TF.js mostly leaves that of what is wrapped out.
        """
        paths = (self.path, *self.shorter)
        return replace(self._inside(name), shorter=(*((*p, name) for p in self.shorter), *paths))

    def _inside(self, name: str) -> LayerWeights:
        """The weights of a layer of this name inside of this one."""
        place, raw = next(_search(self.config, self.place, name), (f"{self.place}/{_MADE.get(name, name)}", {}))
        options = raw.get("config")
        return replace(
            self, class_name=str(raw.get("class_name")), config=options if isinstance(options, dict) else {},
            path=(*self.path, name), place=place,
        )

    def _number(self, weight: str) -> int | None:
        """Where the weight stands among those that the layer has by its options."""
        if weight.isdigit():
            return int(weight)
        fallback = _RECURRENT if _CELLS.search(self.class_name) else _FILTERS
        has = [w for w in _ORDERS.get(self.class_name, fallback) if self._has(w)]
        return has.index(weight) if weight in has else None

    def _has(self, weight: str) -> bool:
        if self.class_name in _ALWAYS:
            return True
        if self.config.get("rms_scaling"):
            return weight == "gamma"
        option = _OPTIONS.get(weight)
        return option is None or self.config.get(option) not in (False, 0)


def _search(config: Mapping[str, Any], place: str, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Layers of a name among options, nearest first: where a `.keras` file has each, and how it is described."""
    found = [item for key, value in config.items() for item in _described(value, f"{place}/{key}")]
    for at, raw in found:
        own = raw["config"].get("name")
        if name in (own, f"forward_{own}", f"backward_{own}"):
            # Bidirectional keeps the layer that it is given as the one forwards, and makes one backwards of it.
            directed = name.startswith(("forward_", "backward_")) and at == f"{place}/layer"
            yield f"{place}/{name.partition('_')[0]}_layer" if directed else at, raw
    for at, raw in found:
        yield from _search(raw["config"], at, name)


def _described(value: Any, place: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The layers that an option is, each with its place."""
    if _is_described(value):
        return [(place, value)]
    raws = [raw for raw in value if _is_described(raw)] if isinstance(value, list) else []
    return list(zip(places((raw["class_name"] for raw in raws), place), raws, strict=True))


def _is_described(raw: Any) -> bool:
    """Whether an option is a layer."""
    return isinstance(raw, dict) and isinstance(raw.get("class_name"), str) and isinstance(raw.get("config"), dict)
