"""Weights for size: stored small, and run as float32."""

from __future__ import annotations

import numpy as np

from tfjslab.base.dtypes import of_value
from tfjslab.formats.weight_writer import decoded, encode
from tfjslab.graph.ir import Graph
from tfjslab.model.model import Model
from tfjslab.quantization.report import NodeReport, QuantizationReport, WeightReport
from tfjslab.quantizer.damage import Batches, compare
from tfjslab.quantizer.result import Quantized


def for_size(model: Model, kind: str, batches: Batches, told: str) -> Quantized:
    """The model as TF.js would load it back, and what its files would take."""
    reports: list[WeightReport] = []
    graph = _stored(model.graph, kind, reports)
    new = Model(graph.with_(metadata={**graph.metadata, "quantize": kind}), *model.chosen, name=f"{model.name} {kind}")
    outputs = compare(model, new, batches)
    nodes = tuple(NodeReport(n.name, n.op, "float32", "only weights are stored small") for n in graph.nodes)
    execution = f"every node runs in float32; weights are stored as {kind}, with one scale for each weight"
    return Quantized(new, QuantizationReport(
        kind, "", execution, sum(r.bytes_before for r in reports), sum(r.bytes_after for r in reports), nodes,
        tuple(reports), outputs, told,
    ))


def _stored(graph: Graph, kind: str, reports: list[WeightReport]) -> Graph:
    constants = {}
    for name, array in graph.constants.items():
        spec, data = encode(name, array, kind)
        back = decoded(spec, data) if "quantization" in spec else array
        small = "quantization" in spec
        reason = "" if small else "it is not float32" if of_value(array) != "float32" else (
            "empty, not finite, or too large for this kind")
        error = float(np.abs(array.astype(np.float64) - back).max(initial=0)) if small else 0.0
        reports.append(WeightReport(name, kind if small else of_value(array), array.nbytes, len(data), error, reason))
        constants[name] = back
    functions = {k: _stored(f, kind, reports) for k, f in graph.functions.items()}
    return graph.with_(constants=constants, functions=functions)
