"""Reader of TensorFlow.js layers models: a Keras topology and its weights become a graph in inference mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tfjslab.formats.layers_model.layers  # noqa: F401 - registers the layers
from tfjslab.base import dtypes
from tfjslab.base.errors import DTypeError, ModelError, UnknownOpError, did_you_mean
from tfjslab.formats.document import Document
from tfjslab.formats.layers_model.arguments import Inbound, Reference
from tfjslab.formats.layers_model.layer_weights import LayerWeights, WeightIndex, places
from tfjslab.formats.layers_model.layers.call import Call, Value, Workbench, all_layers
from tfjslab.formats.layers_model.layers.refused import REFUSED
from tfjslab.formats.layers_model.topology import INPUT, LayerConfig, ModelConfig, parse_topology
from tfjslab.formats.model_json import told, topology, weight_groups
from tfjslab.formats.strict_json import show, typed
from tfjslab.formats.weights import read_weights, with_storage
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import STATES, Dims, Graph, Port
from tfjslab.graph.order import CycleError, depth_first

FORMAT = "tfjs-layers-model"
_NAMED = 3  # places of an unknown layer that a message names
_OTHER_IDS = {"float32": ("int32",), "int32": ("float32",)}  # what integers may come in instead
_Key = tuple[str, int]


def sniff(document: Document) -> bool:
    """Whether the file is a layers model: its topology is a Keras configuration."""
    return "model_config" in topology(document) or "class_name" in topology(document)


def read(document: Document) -> Graph:
    """Read a layers model into a verified Graph.

    Raises ModelError for damaged files, UnknownOpError with all unknown layers and their counts.
    """
    where = document.name
    model = parse_topology(topology(document), where)
    _refuse_unknown_layers(model, where)
    groups = weight_groups(document)
    weights = WeightIndex(read_weights(groups, document.source.files))
    bench = Workbench(GraphBuilder(), keras_3=_is_keras_3(document), by_tfjs=_is_by_tfjs(document))
    reader = _Reader(bench, weights, where)
    feeds = [reader.input(model.layers[r.layer]) for r in model.inputs]
    results = reader.run(model, feeds, (), "")
    names = _output_names(model)
    ports = [Port(n, v, bench.shape(v), bench.dtype(v)) for n, v in zip(names, results, strict=True)]
    return with_storage(_finished(bench, ports, _metadata(document, model)), groups, weights.weights)


def _finished(bench: Workbench, ports: list[Port], metadata: dict[str, Any]) -> Graph:
    """The graph, without what nothing reads: masks that no layer asked for."""
    builder, values = bench.builder, {p.value for p in ports} | {v for _, v in bench.kept}
    read: set[str] = set(values)
    for node in reversed(builder.nodes):
        if not read.isdisjoint(node.outputs):
            read.update(node.uses)
    builder.nodes = [n for n in builder.nodes if not read.isdisjoint(n.outputs)]
    builder.inputs = [replace(p, also=_OTHER_IDS[p.dtype]) if p.value in bench.ids else p for p in builder.inputs]
    states = [Port(f"{p.name}/next", v, p.shape, p.dtype) for p, v in bench.kept]
    kept = {p.name: s.name for (p, _), s in zip(bench.kept, states, strict=True)}
    return builder.build([*ports, *states], {**metadata, **({STATES: kept} if kept else {})})


def _refuse_unknown_layers(model: ModelConfig, where: str) -> None:
    """All of them at once: how often, where, and what is close by name or why it cannot be read."""
    known = all_layers()
    found: dict[str, list[str]] = {}
    for place, layer in model.placed():
        if layer.class_name not in known and layer.class_name != INPUT:
            found.setdefault(layer.class_name, []).append(place)
    if found:
        listed = ", ".join(f"{name} ({_told_of(name, found[name])})" for name in sorted(found))
        raise UnknownOpError(f"{where}: {len(found)} unknown layer(s): {listed}", code="model.unknown_layer")


def _told_of(class_name: str, places: Sequence[str]) -> str:
    names = ", ".join(show(p) for p in places[:_NAMED]) + (", ..." if len(places) > _NAMED else "")
    reason = REFUSED.get(class_name)
    hint = f"; {reason}" if reason else did_you_mean(class_name, all_layers())
    return f"{len(places)}x: {names}{hint}"


def _output_names(model: ModelConfig) -> list[str]:
    """TF.js names an output ``layer/layer``, with ``_1`` and so on for further calls; inputs keep their name."""
    names: list[str] = []
    for r in model.outputs:
        further = r.call - model.offsets.get(r.layer, 0) + r.tensor
        name = f"{r.layer}/{r.layer}{f'_{further}' if further else ''}"
        name = r.layer if model.layers[r.layer].class_name == INPUT else name
        names.append(name if name not in names else f"{name}#{len(names)}")
    return names


@dataclass(frozen=True)
class _Wiring:
    """Who reads what in a model; an item is (layer, number of the call)."""

    model: ModelConfig
    where: str

    def fail(self, layer: str, reason: str) -> ModelError:
        """The error that names a layer of this model."""
        return ModelError(f"{self.where}: layer {show(layer)} {reason}", code="model.topology")

    def key(self, r: Reference) -> _Key:
        """The call that a reference means."""
        return r.layer, r.call - self.model.offsets.get(r.layer, 0)

    def call(self, item: _Key) -> Inbound:
        """What a call is given."""
        calls = self.model.layers[item[0]].calls
        if item[1] >= len(calls) or not calls[item[1]].reads:
            raise self.fail(item[0], "is read, but called on nothing")
        return calls[item[1]]

    def order(self, given: Mapping[_Key, Sequence[str]]) -> list[_Key]:
        """The calls that the outputs need, without ``given``, in an order in which they can be made."""
        roots = [k for k in map(self.key, self.model.outputs) if k not in given]
        try:
            return depth_first(roots, lambda item: [k for k in map(self.key, self.call(item).reads) if k not in given])
        except CycleError as e:
            raise self.fail(str(e.item), "depends on itself") from None

    def value(self, r: Reference, made: Mapping[_Key, Sequence[str]]) -> str:
        """The value that a reference means."""
        values = made[self.key(r)]
        if r.tensor >= len(values):
            raise self.fail(r.layer, f"has no output {r.tensor}")
        return values[r.tensor]


@dataclass
class _Reader:
    """Turns calls of layers into nodes."""

    bench: Workbench
    weights: WeightIndex
    where: str

    def input(self, layer: LayerConfig) -> str:
        """Add an input of the whole model."""
        here = f"{self.where}: layer {show(layer.name)}"
        shape, dtype = input_spec(layer, here)
        value = self.bench.builder.input(layer.name, shape, dtype)
        self.bench.feed(value, shape, dtype)
        return value

    def run(self, model: ModelConfig, feeds: Sequence[str], path: tuple[str, ...], place: str) -> list[str]:
        """Call the layers that the outputs need, on ``feeds``.

        ``path`` are the names of enclosing models, ``place`` is where a `.keras` file has the weights of this one.
        """
        where = f"{self.where}: model {show(model.name)}"
        if len(feeds) != len(model.inputs):
            fault = f"is called on {len(feeds)} tensors, expected {len(model.inputs)}"
            raise ModelError(f"{where} {fault}", code="model.topology")
        wiring = _Wiring(model, where)
        made: dict[_Key, Sequence[str]] = {(r.layer, 0): (v,) for r, v in zip(model.inputs, feeds, strict=True)}
        held = places((x.class_name for x in model.layers.values()), f"{place}/layers")
        at = dict(zip(model.layers, held, strict=True))
        for item in wiring.order(made):
            call = wiring.call(item).replaced(lambda r: Value(wiring.value(r, made)))
            made[item] = self.call(model.layers[item[0]], call, path, at[item[0]])
        return [wiring.value(r, made) for r in model.outputs]

    def call(self, layer: LayerConfig, call: Inbound, path: tuple[str, ...], place: str) -> Sequence[str]:
        """Add the nodes of one call of a layer, whose arguments are values of the graph."""
        inputs = call.without_masks().items(Value)
        if layer.model is not None:
            return self.run(layer.model, inputs, (*path, layer.name), place)
        where = f"{self.where}: layer {show(layer.name)} ({layer.class_name})"
        if layer.class_name == INPUT:
            raise ModelError(f"{where} is called on a tensor", code="model.topology")
        self.bench.builder.layer = layer.name
        own = (*path, layer.name)
        weights = LayerWeights(self.weights, layer.class_name, layer.config, own, place, where)
        return all_layers()[layer.class_name](Call(
            self.bench, "/".join(own), where, layer.config, inputs, weights, call.args, call.kwargs, layer.wrapped,
            lambda model, feeds, held: self.run(model, feeds, held.path, held.place),
        ))


def input_spec(layer: LayerConfig, where: str) -> tuple[Dims, str]:
    """Shape and dtype of an InputLayer."""
    config = layer.config
    raw: Any = config.get("batch_input_shape") or config.get("batch_shape")
    if raw is None and config.get("input_shape") is not None:
        raw = [None, *typed(config["input_shape"], list, where)]
    dims = typed(raw, list, f"{where}: batch_input_shape")
    if any(d is not None and (type(d) is not int or d < 0) for d in dims):
        raise ModelError(f"{where}: shape {show(str(dims))}, expected lengths >= 0 or null", code="model.topology")
    return tuple(dims), _input_dtype(config.get("dtype") or "float32", where)


def _input_dtype(given: Any, where: str) -> str:
    """The dtype of an input; Keras 3 may write a policy, of whose types an input has the one to compute with."""
    while isinstance(given, dict):
        config = given.get("config")
        given = config.get("name") if isinstance(config, dict) else None
    name = str(given).removeprefix("mixed_")
    if name in ("float32", "int32", "bool", "string", "bfloat16"):
        return "float32" if name == "bfloat16" else name
    try:
        return dtypes.from_tf(f"DT_{name.upper().replace('FLOAT16', 'HALF').replace('FLOAT64', 'DOUBLE')}")
    except DTypeError:
        raise ModelError(f"{where}: unknown dtype {show(given)}", code="model.dtype") from None


def _signature(model: ModelConfig) -> dict[str, dict[str, str]]:
    """The model's own names of its inputs and outputs, where it has them."""
    names = dict(zip(model.outputs, _output_names(model), strict=True))
    inputs = {r.layer: r.layer for r in model.inputs}
    keyed = {key: r.layer for key, r in model.keys.get("inputs", {}).items()}
    return {"inputs": keyed or inputs, "outputs": {key: names[r] for key, r in model.keys.get("outputs", {}).items()}}


def _is_keras_3(document: Document) -> bool:
    """Whether Keras 3 or later wrote the file, by what it says of its maker."""
    version = topology(document).get("keras_version") or document.json.get("generatedBy")
    major = str(version).removeprefix("keras v").partition(".")[0]
    return major.isdigit() and int(major) >= 3  # noqa: PLR2004


def _is_by_tfjs(document: Document) -> bool:
    """Whether TF.js itself built and saved the model."""
    return str(topology(document).get("keras_version")).startswith("tfjs-layers")


def _metadata(document: Document, model: ModelConfig) -> dict[str, Any]:
    return {
        "format": FORMAT, "source": document.name, "name": model.name,
        "keras_version": topology(document).get("keras_version"), "layers": [x.name for x in model.all_layers()],
        "trainable": [x.name for x in model.all_layers() if x.config.get("trainable", True) is not False],
        "signature": _signature(model), **told(document),
    }
