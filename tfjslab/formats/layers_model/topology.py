"""A Keras topology as inert data: which layer is called on what. Sequential models become functional ones here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tfjslab.base.errors import ModelError
from tfjslab.formats.layers_model.arguments import Inbound, Reference, ends, keyed_ends, parse_call
from tfjslab.formats.strict_json import each, member, optional, show, typed

MODELS = ("Model", "Functional", "Sequential")
INPUT = "InputLayer"
WRAPPED, CELLS = ("layer", "backward_layer"), ("cell", "cells")  # options that are layers, or cells
_ENDS = ("input_layers", "output_layers")
_SHAPE_KEYS = ("batch_input_shape", "batch_shape")


@dataclass(frozen=True)
class LayerConfig:
    """One layer: its class, name and options, what each of its calls reads, and its content if it is a model.

    ``wrapped`` are the layers and cells among its options.
    """

    class_name: str
    name: str
    config: Mapping[str, Any]
    calls: tuple[Inbound, ...]
    model: ModelConfig | None = None
    wrapped: Mapping[str, tuple[LayerConfig, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelConfig:
    """A model: layers by name, and which of their outputs are its inputs and outputs."""

    name: str
    layers: Mapping[str, LayerConfig]
    inputs: tuple[Reference, ...]
    outputs: tuple[Reference, ...]
    offsets: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, Mapping[str, Reference]] = field(default_factory=dict)  # its own names of inputs and outputs

    def all_layers(self) -> Iterator[LayerConfig]:
        """Layers at any depth, those in wrappers too; models themselves and cells are left out."""
        return (layer for _, layer in self.placed())

    def placed(self, path: str = "") -> Iterator[tuple[str, LayerConfig]]:
        """``all_layers``, and where each is: names of models and wrappers, then its own."""
        for layer in self.layers.values():
            yield from _placed(layer, path)


def _placed(layer: LayerConfig, path: str) -> Iterator[tuple[str, LayerConfig]]:
    here = f"{path}{layer.name}"
    if layer.model is not None:
        yield from layer.model.placed(f"{here}/")
    else:
        yield here, layer
        for inner in (x for key in WRAPPED for x in layer.wrapped.get(key, ())):
            yield from _placed(inner, f"{here}/")


def parse_topology(topology: Mapping[str, Any], where: str) -> ModelConfig:
    """Read ``modelTopology``, with or without ``model_config`` around the model."""
    raw = topology.get("model_config", topology)
    return _parse_model(typed(raw, dict, f"{where}: model_config"), where)


def _parse_model(raw: dict[str, Any], where: str) -> ModelConfig:
    class_name = member(raw, "class_name", str, where)
    if class_name not in MODELS:
        known = ", ".join(MODELS)
        raise ModelError(f"{where}: model class {show(class_name)}; expected {known}", code="model.topology")
    content = raw.get("config")
    config = {"layers": content} if isinstance(content, list) else member(raw, "config", dict, where)
    name = optional(config, "name", str, class_name.lower(), where)
    here = f"{where}: model {show(name)}"
    layers: dict[str, LayerConfig] = {}
    for i, item in enumerate(each(member(config, "layers", list, here), dict, f"{here}.layers")):
        layer = _parse_layer(item, f"{here}.layers[{i}]")
        if layer.name in layers:
            raise ModelError(f"{here}: two layers are called {show(layer.name)}", code="model.topology")
        layers[layer.name] = layer
    if not layers:
        raise ModelError(f"{here} has no layers", code="model.topology")
    if class_name == "Sequential":
        return _chain(name, layers, config, here)
    inputs, outputs = (ends(config.get(k), f"{here}: {k}") for k in _ENDS)
    keys = {side: keyed_ends(config.get(k), here) for side, k in zip(("inputs", "outputs"), _ENDS, strict=True)}
    return _linked(ModelConfig(name, layers, inputs, outputs, keys=keys), here)


def _parse_layer(raw: dict[str, Any], where: str) -> LayerConfig:
    class_name = member(raw, "class_name", str, where)
    config = raw.get("config")
    options = config if isinstance(config, dict) else {}
    name = raw.get("name") or options.get("name")
    name = typed(name, str, f"{where}: 'name'")
    here = f"{where} {show(name)}"
    calls = tuple(
        parse_call(node, f"{here}: inbound_nodes[{i}]")
        for i, node in enumerate(optional(raw, "inbound_nodes", list, [], here))
    )
    model = _parse_model(raw, here) if class_name in MODELS else None
    held = ((k, options.get(k)) for k in (*WRAPPED, *CELLS))
    wrapped = {k: _wrapped(v, f"{here}: '{k}'") for k, v in held if isinstance(v, (dict, list))}
    return LayerConfig(class_name, name, options, calls, model, wrapped)


def _wrapped(raw: dict[str, Any] | list[Any], where: str) -> tuple[LayerConfig, ...]:
    """One layer or several as an option of another."""
    return tuple(_parse_layer(item, where) for item in each(raw if isinstance(raw, list) else [raw], dict, where))


def _chain(name: str, layers: dict[str, LayerConfig], config: dict[str, Any], where: str) -> ModelConfig:
    """A sequential model: each layer is called once, on the one before."""
    first = next(iter(layers.values()))
    if first.class_name != INPUT:
        entry = _entry(first, config, where)
        layers = {entry.name: entry, **layers}
    previous = ""
    chained: dict[str, LayerConfig] = {}
    for layer in layers.values():
        calls = (Inbound((Reference(previous, 0, 0),)),) if previous else ()
        chained[layer.name] = replace(layer, calls=calls)
        previous = layer.name
    return ModelConfig(name, chained, (Reference(next(iter(chained)), 0, 0),), (Reference(previous, 0, 0),))


def _entry(first: LayerConfig, config: Mapping[str, Any], where: str) -> LayerConfig:
    """The input that a sequential model has without saying so, with TF.js's name for it."""
    source: Mapping[str, Any] = first.config
    if first.model is not None:
        source = first.model.layers[first.model.inputs[0].layer].config
    shape = next((source[k] for k in _SHAPE_KEYS if source.get(k)), config.get("build_input_shape"))
    if shape is None and "input_shape" in source:
        shape = [None, *typed(source["input_shape"], list, f"{where}: input_shape")]
    if shape is None:
        raise ModelError(f"{where}: its first layer {show(first.name)} has no batch_input_shape", code="model.topology")
    options = {"batch_input_shape": shape, "dtype": source.get("dtype")}
    return LayerConfig(INPUT, f"{first.name}_input", options, ())


def _linked(model: ModelConfig, where: str) -> ModelConfig:
    """Check that references exist; count calls of nested models from where the file counts them.

    A functional model counts its own definition as call 0, so that calls of it start with 1, in most Keras versions.
    """
    highest: dict[str, int] = {}
    lowest: dict[str, int] = {}
    references = [*model.inputs, *model.outputs, *(r for x in model.layers.values() for c in x.calls for r in c.reads)]
    for r in references:
        if r.layer not in model.layers:
            raise ModelError(f"{where}: layer {show(r.layer)} is read, but not in the model", code="model.topology")
        highest[r.layer] = max(r.call, highest.get(r.layer, 0))
        lowest[r.layer] = min(r.call, lowest.get(r.layer, r.call))
    offsets: dict[str, int] = {}
    for name, last in highest.items():
        layer = model.layers[name]
        calls = max(len(layer.calls), 1)
        offsets[name] = int(layer.model is not None and (lowest[name] > 0 or last >= calls))
        if last - offsets[name] >= calls:
            fault = f"call {last} of layer {show(name)} is read, it has {calls}"
            raise ModelError(f"{where}: {fault}", code="model.topology")
    if not model.inputs or not model.outputs:
        raise ModelError(f"{where}: no input_layers or output_layers", code="model.topology")
    return replace(model, offsets=offsets)
