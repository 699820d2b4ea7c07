"""One attempt to run a model in integers: choose, calibrate, rewrite, and measure what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from tfjslab.backends.host import spec_of
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError
from tfjslab.base.text import counted
from tfjslab.formats.stored import stored_bytes
from tfjslab.graph.ir import Graph
from tfjslab.graph.specialize import specialize
from tfjslab.model.model import Model, given_away
from tfjslab.ops.registry import Spec
from tfjslab.quantization.calibrate import Observed
from tfjslab.quantization.choose import DYNAMIC_FORM, Choice, choose
from tfjslab.quantization.forms import FORMS
from tfjslab.quantization.pool_padding import padded_for_pools
from tfjslab.quantization.report import QuantizationReport
from tfjslab.quantization.rewrite import cuts, encoded, rewrite
from tfjslab.quantizer.damage import Batches, compare, node_reports, run
from tfjslab.quantizer.kinds import DYNAMIC, INT8
from tfjslab.quantizer.result import Quantized

_PRODUCT = "dense"  # the form of which there is a dynamic one


@dataclass(frozen=True, eq=False)
class Int8Job:
    """What stays the same however many nodes are left out: ``graph`` is fused, ``tested`` what errors are seen on."""

    model: Model
    kind: str
    method: str
    graph: Graph
    batches: Batches
    tested: Batches
    told: str


def in_integers(job: Int8Job, left_out: Mapping[str, str]) -> Quantized:
    """The model with all nodes in integers that can be, but those that are left out."""
    model, kind, graph = job.model, job.kind, job.graph
    specs = specialize(graph, _feed_specs(graph, job.batches[0])).specs
    choices = _choices(graph, specs, left_out, kind)
    if not any(c.form for c in choices):
        reasons = "; ".join(dict.fromkeys(c.reason for c in choices))
        raise InputError(f"no node of model '{model.name}' can run in integers ({kind}): {reasons}",
                         code="quantize.nothing")
    # What is given away is in the outer block: where Ctrl-C comes while the other model is disposed, both are.
    with ExitStack() as given, Model(graph, *model.chosen, name=model.name) as plain:
        seen = {} if kind == DYNAMIC else _observe(plain, job.batches, encoded(graph, choices))
        for value, other, six in cuts(graph, choices):
            seen[value].cut(-seen[other].high, 6 - seen[other].low if six else np.inf)
        scales = {v: o.scale(job.method) for v, o in seen.items()}
        made = rewrite(graph, choices, specs, scales, {v: o.mean for v, o in seen.items() if o.mean is not None})
        told = made.graph.with_(metadata={**graph.metadata, "execution": kind})
        new = given.enter_context(given_away(Model(told, *model.chosen, name=f"{model.name} {kind}")))
        nodes = node_reports(plain, new, choices, made, job.tested)
        outputs = compare(plain, new, job.tested)
        count = sum(bool(c.form) for c in choices)
        execution = f"{count} of {counted(len(choices), 'node')} run in {kind}, the others in float32"
        return Quantized(new, QuantizationReport(
            kind, job.method if kind == INT8 else "", execution, stored_bytes(model.graph),
            made.graph.weight_bytes, nodes, (), outputs, job.told,
        ))


def _choices(graph: Graph, specs: Mapping[str, Spec], exclude: Mapping[str, str], kind: str) -> tuple[Choice, ...]:
    if kind == INT8:
        return choose(graph, specs, exclude, FORMS)
    found = choose(graph, specs, exclude, (_PRODUCT,))
    return tuple(Choice(c.node, DYNAMIC_FORM) if c.form else c for c in found)


def _feed_specs(graph: Graph, batch: Mapping[str, Array]) -> dict[str, Spec]:
    return {p.value: spec_of(batch[p.name]) for p in graph.inputs}


def _observe(model: Model, batches: Batches, values: Sequence[str]) -> dict[str, Observed]:
    """What each value is when the float32 model runs on all batches."""
    seen = {v: Observed() for v in values}
    padded = padded_for_pools(model.graph)
    source = {v: padded.get(v, v) for v in values}  # padding for a max pool is no value of the image
    made = [v for v in dict.fromkeys(source.values()) if v not in {p.value for p in model.inputs}]
    for batch in batches:
        inputs = {p.value: batch[p.name] for p in model.inputs}
        given = {**inputs, **(run(model, batch, made) if made else {})}
        found = {v: given[source[v]] for v in values}
        for v, observed in seen.items():
            if not np.isfinite(found[v]).all():
                raise InputError(f"node '{v}' gives NaN or infinite values on the calibration data",
                                 code="calibration.nan")
            observed.add(found[v])
    return seen
