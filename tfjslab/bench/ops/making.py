"""Makes of a row what runs: a graph with constant weights, or the files of a model with one layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.bench.ops.row import OpRow, RowLayer
from tfjslab.formats.weight_writer import write_weights
from tfjslab.graph.ir import Graph, Node, Port, value_name
from tfjslab.graph.verify import verify
from tfjslab.model.load import load_model
from tfjslab.model.model import Model

_SHARD_BYTES = 1 << 30
_LAYER = "layer"
MODEL_FILE = "model.json"


def graph_of(row: OpRow) -> Graph:
    """The steps of a row as a graph that passes ``verify``; its outputs are those of the last step."""
    arrays = row.arrays()
    nodes = []
    for step in row.steps:
        outputs = step.definition.outputs_of(step.attrs, len(step.inputs)) or 1
        nodes.append(Node(step.name, step.op, step.inputs, dict(step.attrs), num_outputs=outputs))
    last = nodes[-1]
    graph = Graph(
        tuple(Port(o.name, o.name, o.values.shape, o.values.dtype) for o in row.operands if not o.constant),
        tuple(Port(v, v, None, "") for v in (value_name(last.name, i) for i in range(last.num_outputs))),
        tuple(nodes), {o.name: arrays[o.name] for o in row.operands if o.constant},
    )
    verify(graph, row.label)
    return graph


def write_layer(row: OpRow, layer: RowLayer, folder: Path) -> Path:
    """A layers model with this one layer, as Keras would save it; gives its ``model.json``."""
    shape = list(row.operands[0].values.shape)
    config: dict[str, Any] = {"name": _LAYER, "batch_input_shape": shape, "dtype": "float32", **layer.config}
    topology = {"class_name": "Sequential", "config": {
        "name": "row", "layers": [{"class_name": layer.class_name, "config": config}],
    }}
    weights = {f"{_LAYER}/{name}": values.make(seed) for seed, (name, values) in enumerate(layer.weights.items())}
    document = {
        "format": "layers-model",
        "modelTopology": {"keras_version": "2.15.0", "backend": "tensorflow", "model_config": topology},
        "weightsManifest": write_weights(weights, folder, _SHARD_BYTES, {}),
    }
    path = folder / MODEL_FILE
    path.write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    return path


def model_of(row: OpRow, folder: Path, backend: str, threads: int | None) -> Model:
    """The row as a model on a backend; a layer is written to ``folder``."""
    if row.layer is not None:
        return load_model(write_layer(row, row.layer, folder), backend, threads)
    return Model(graph_of(row), backend, threads, row.label)


def feeds_of(row: OpRow, model: Model) -> dict[str, Array]:
    """The operands that are no constants, by the model's input names."""
    arrays = row.arrays()
    given = [arrays[o.name] for o in row.operands if not o.constant]
    return {port.name: array for port, array in zip(model.inputs, given, strict=True)}
