"""Weights for size: stored small, and run as float32."""

from __future__ import annotations

import numpy as np

from tfjslab.base.dtypes import of_value
from tfjslab.formats.stored import weight_size
from tfjslab.formats.weight_writer import as_loaded
from tfjslab.graph.ir import Graph, Quantization
from tfjslab.model.model import Model, given_away
from tfjslab.quantization.report import NodeReport, QuantizationReport, WeightReport
from tfjslab.quantizer.damage import Batches, compare
from tfjslab.quantizer.result import Quantized


def for_size(model: Model, kind: str, batches: Batches, told: str) -> Quantized:
    """The model as TF.js would load it back, and what its files would take."""
    reports: list[WeightReport] = []
    graph = _stored(model.graph, kind, reports)
    with given_away(Model(graph, *model.chosen, name=f"{model.name} {kind}")) as new:
        outputs = compare(model, new, batches)
        nodes = tuple(NodeReport(n.name, n.op, "float32", "only weights are stored small") for n in graph.nodes)
        execution = f"every node runs in float32; weights are stored as {kind}, with one scale for each weight"
        return Quantized(new, QuantizationReport(
            kind, "", execution, sum(r.bytes_before for r in reports), sum(r.bytes_after for r in reports), nodes,
            tuple(reports), outputs, told,
        ))


def _stored(graph: Graph, kind: str, reports: list[WeightReport]) -> Graph:
    constants, stored = {}, {}
    for name, array in graph.constants.items():
        back, how = as_loaded(array, Quantization(kind, None))
        reason = "" if how else "it is not float32" if of_value(array) != "float32" else (
            "empty, not finite, or too large for this kind")
        error = float(np.abs(array.astype(np.float64) - back).max(initial=0)) if how else 0.0
        sizes = weight_size(array, graph.stored.get(name)), weight_size(back, how)
        reports.append(WeightReport(name, kind if how else of_value(array), *sizes, error, reason))
        constants[name] = back
        if how:
            stored[name] = how
    functions = {k: _stored(f, kind, reports) for k, f in graph.functions.items()}
    return graph.with_(constants=constants, stored=stored, functions=functions)
