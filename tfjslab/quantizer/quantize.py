"""``tf.quantize``: a smaller or faster model, and a report of what that changed and what it cost.

Three kinds, never mixed up. *Weights for size* (``float16``, ``uint8``, ``uint16``) store weights small; they run as
float32. *int8* runs nodes in integers, with ranges found on calibration data. *dynamic-int8* runs matrix products with
integer weights and finds the range of activations at every run, so it needs no data.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.backends.host import spec_of
from tfjslab.base.dtypes import Array, of_value
from tfjslab.base.errors import InputError, UsageError, did_you_mean
from tfjslab.base.text import counted
from tfjslab.formats.weight_writer import QUANTIZATIONS, decoded, encode
from tfjslab.graph.ir import Graph
from tfjslab.graph.specialize import specialize
from tfjslab.model.model import Model
from tfjslab.ops.registry import Spec
from tfjslab.passes.registry import run_passes
from tfjslab.quantization.calibrate import Observed, calibration_batches, check_method
from tfjslab.quantization.choose import MERGED, Choice, choose
from tfjslab.quantization.metrics import classes_of, cosine, sqnr_db, top1_agreement
from tfjslab.quantization.report import NodeReport, OutputReport, QuantizationReport, WeightReport
from tfjslab.quantization.rewrite import Rewritten, cuts, encoded, rewrite
from tfjslab.quantization.split import split_activations

INT8, DYNAMIC = "int8", "dynamic-int8"
KINDS = (INT8, DYNAMIC, *QUANTIZATIONS)
_INT8_FORMS = ("conv", "depthwise", "dense", "add", "clamp", "prelu", "max", "mean", "move", "pad", "concat")
_MOST_DB = 3.0  # half of the noise or more
Batches = Sequence[Mapping[str, Array]]


@dataclass(frozen=True)
class Quantized:
    """What ``quantize`` gives: the new model and the report; unpacks as a pair."""

    model: Model
    report: QuantizationReport

    def __iter__(self) -> Any:
        """``model, report = tf.quantize(...)``."""
        return iter((self.model, self.report))


def quantize(
    model: Model, kind: str = INT8, calibration: Any = None, method: str = "minmax", exclude: Collection[str] = (),
    evaluation: Any = None, *, min_db: float | None = None,
) -> Quantized:
    """Quantize ``model``, which stays as it is.

    Args:
        model: a loaded model. Before ``int8`` and ``dynamic-int8`` the passes of ``tf.optimize`` fuse its nodes.
        kind: ``int8``, ``dynamic-int8``, or a way to store weights: ``float16``, ``uint8``, ``uint16``.
        calibration: for ``int8``: an array, a mapping by input name, or a list of them.
        method: how ranges follow from calibration: ``minmax``, ``percentile`` or ``mse``.
        exclude: names of nodes that stay float32.
        evaluation: data like ``calibration`` on which errors are measured; without it, the calibration data.
        min_db: for ``int8``: nodes whose error alone (signal to noise, in decibels) is worse stay float32.

    Raises UsageError, and InputError for calibration data that cannot be used or when no node can run in integers.

    """
    if kind not in KINDS:
        raise UsageError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}{did_you_mean(str(kind), KINDS)}")
    check_method(method)
    if running := model.graph.metadata.get("execution"):
        raise InputError(f"model '{model.name}' runs in {running} already; quantize the float32 model it was made from",
                         code="quantize.twice")
    tested, told = _evaluation(model, calibration, evaluation)
    if kind in QUANTIZATIONS:
        return _for_size(model, kind, tested, told)
    if kind == DYNAMIC:
        batches: Batches = [model.sample()]
    else:
        batches = calibration_batches(calibration, model.inputs)
    graph, left_out = _fused(model.graph, exclude)
    if kind == INT8:
        graph = split_activations(graph)
    job = _Job(model, kind, method, graph, batches, tested, told)
    reasons = dict.fromkeys(left_out, "excluded by the caller")
    made = _in_integers(job, reasons)
    while damaged := {} if min_db is None else _damaged(made.report.nodes, graph, min_db):
        made.model.dispose()
        reasons = {**damaged, **reasons}
        made = _in_integers(job, reasons)
    return made


def _damaged(nodes: Sequence[NodeReport], graph: Graph, min_db: float) -> dict[str, str]:
    """The nodes that lose too much, with their reasons, and those on the other side of the encoding that is at fault.

    A tensor stays float32 only if what makes it and what reads it do. At fault is the encoding of the output when
    rounding to it is most of the error, else those of the inputs.
    """
    found: dict[str, str] = {}
    makers = graph.producers()
    for n in nodes:
        if n.alone_db is None or n.alone_db >= min_db:
            continue
        found[n.name] = f"alone it has {n.alone_db:.1f} dB, less than the {min_db:g} dB asked for"
        if n.encoding_db is not None and n.encoding_db < n.alone_db + _MOST_DB:
            others = {r.name: f"it reads '{n.name}'" for r in graph.nodes if n.name in r.uses}
        else:
            others = {v: f"it makes what '{n.name}' reads" for v in makers[n.name].inputs if v in makers}
        found = {**{k: f"{why}, whose error is too large" for k, why in others.items()}, **found}
    return found


@dataclass(frozen=True, eq=False)
class _Job:
    """What stays the same however many nodes are left out: ``graph`` is fused, ``tested`` what errors are seen on."""

    model: Model
    kind: str
    method: str
    graph: Graph
    batches: Batches
    tested: Batches
    told: str


def _in_integers(job: _Job, left_out: Mapping[str, str]) -> Quantized:
    """The model with all nodes in integers that can be, but those that are left out."""
    model, kind, graph = job.model, job.kind, job.graph
    specs = specialize(graph, _feed_specs(graph, job.batches[0])).specs
    choices = _choices(graph, specs, left_out, kind)
    if not any(c.form for c in choices):
        reasons = "; ".join(dict.fromkeys(c.reason for c in choices))
        raise InputError(f"no node of model '{model.name}' can run in integers ({kind}): {reasons}",
                         code="quantize.nothing")
    with Model(graph, *model.chosen, name=model.name) as plain:
        seen = {} if kind == DYNAMIC else _observe(plain, job.batches, encoded(graph, choices))
        for value, other, six in cuts(graph, choices):
            seen[value].cut(-seen[other].high, 6 - seen[other].low if six else np.inf)
        scales = {v: o.scale(job.method) for v, o in seen.items()}
        made = rewrite(graph, choices, specs, scales, {v: o.mean for v, o in seen.items() if o.mean is not None})
        new = Model(made.graph.with_(metadata={**graph.metadata, "execution": kind}), *model.chosen,
                    name=f"{model.name} {kind}")
        nodes = _node_reports(plain, new, choices, made, job.tested)
        outputs = _compare(plain, new, job.tested)
    count = sum(bool(c.form) for c in choices)
    execution = f"{count} of {counted(len(choices), 'node')} run in {kind}, the others in float32"
    return Quantized(new, QuantizationReport(
        kind, job.method if kind == INT8 else "", execution, model.graph.weight_bytes, made.graph.weight_bytes, nodes,
        (), outputs, job.told,
    ))


def _choices(graph: Graph, specs: Mapping[str, Spec], exclude: Mapping[str, str], kind: str) -> tuple[Choice, ...]:
    if kind == INT8:
        return choose(graph, specs, exclude, _INT8_FORMS)
    found = choose(graph, specs, exclude, ("dense",))
    return tuple(Choice(c.node, "dynamic") if c.form else c for c in found)


def _fused(graph: Graph, exclude: Collection[str]) -> tuple[Graph, frozenset[str]]:
    """The graph with batch norms, biases, activations and padding in the nodes before or behind them.

    Also the nodes to exclude there: what was fused away stands for the node that took it in.
    """
    names = [n.name for g in graph.all_graphs() for n in g.nodes]
    for name in exclude:
        if name not in names:
            raise UsageError(f"exclude: '{name}' is not a node of the model{did_you_mean(name, names)}")
    fused, reports = run_passes(graph, target="tfjslab")
    left_out = set(exclude)
    for change in (c for r in reports for c in r.changes):
        if left_out.intersection(change.removed):
            left_out.update(change.changed)
    return fused, frozenset(left_out)


def _evaluation(model: Model, calibration: Any, evaluation: Any) -> tuple[Batches, str]:
    """The batches on which errors are measured, and what to call them."""
    if evaluation is not None:
        return calibration_batches(evaluation, model.inputs, "evaluation"), "evaluation data"
    if calibration is not None:
        return calibration_batches(calibration, model.inputs), "the calibration data"
    return [model.sample()], "one random input"


def _feed_specs(graph: Graph, batch: Mapping[str, Array]) -> dict[str, Spec]:
    return {p.value: spec_of(batch[p.name]) for p in graph.inputs}


def _run(model: Model, batch: Mapping[str, Array], values: Sequence[str]) -> dict[str, Array]:
    return dict(zip(values, model.execute(dict(batch), list(values)), strict=True))


def _observe(model: Model, batches: Batches, values: Sequence[str]) -> dict[str, Observed]:
    """What each value is when the float32 model runs on all batches."""
    seen = {v: Observed() for v in values}
    made = [v for v in values if v not in {p.value for p in model.inputs}]
    for batch in batches:
        found = {**{p.value: batch[p.name] for p in model.inputs}, **_run(model, batch, made)}
        for v, observed in seen.items():
            if not np.isfinite(found[v]).all():
                raise InputError(f"node '{v}' gives NaN or infinite values on the calibration data",
                                 code="calibration.nan")
            observed.add(found[v])
    return seen


# ---- what it cost ----------------------------------------------------------------------------------------------------


def _compare(plain: Model, new: Model, batches: Batches) -> tuple[OutputReport, ...]:
    """Each output of the whole models, over all batches."""
    pairs = [(_run(plain, b, names), _run(new, b, names)) for b in batches
             for names in [tuple(p.value for p in plain.outputs)]]
    found = []
    for port in plain.outputs:
        a = np.concatenate([np.atleast_1d(wanted[port.value]) for wanted, _ in pairs])
        b = np.concatenate([np.atleast_1d(got[port.value]) for _, got in pairs])
        error = float(np.abs(a.astype(np.float64) - b).max(initial=0))
        found.append(OutputReport(
            port.name, a.shape[0], error, sqnr_db(a, b), cosine(a, b), top1_agreement(a, b), classes_of(a),
        ))
    return tuple(found)


def _node_reports(
    plain: Model, new: Model, choices: Sequence[Choice], made: Rewritten, batches: Batches,
) -> tuple[NodeReport, ...]:
    """Precision and errors of each node, on the first batch."""
    chosen = [c for c in choices if c.form and c.form != "dynamic"]
    wanted = dict.fromkeys(v for c in chosen for v in (*c.node.inputs, c.node.name) if v in made.integers)
    inputs = {p.value: batches[0][p.name] for p in plain.inputs}
    values = [v for v in wanted if v not in inputs]
    real = {**inputs, **(_run(plain, batches[0], values) if values else {})}
    names = [made.integers[c.node.name] for c in chosen if c.form != MERGED]
    integers = _run(new, batches[0], names) if names else {}
    found = []
    for c in choices:
        name, op = c.node.name, c.node.op
        if name not in made.integers or not c.form:
            precision = "float32" if not c.form else INT8 if c.form == MERGED else DYNAMIC
            found.append(NodeReport(name, op, precision, c.reason))
            continue
        scale, alone = made.encodings[name], _alone(c, made, real)
        accumulated = scale.decode(integers[made.integers[name]])
        found.append(NodeReport(
            name, op, INT8, "", None if alone is None else sqnr_db(real[name], scale.decode(alone)),
            sqnr_db(real[name], accumulated), sqnr_db(real[name], scale.decode(scale.encode(real[name]))),
        ))
    return tuple(found)


def _alone(choice: Choice, made: Rewritten, real: Mapping[str, Array]) -> Array | None:
    """The integer output of one node on encoded float32 inputs; None where it works on others' integers."""
    producer = made.graph.producers()[made.integers[choice.node.name]]
    source = {made.integers[v]: v for v in real if v in made.integers}
    given = []
    for v in producer.inputs:
        if v in source:
            given.append(made.encodings[source[v]].encode(real[source[v]]))
        elif v in made.graph.constants:
            given.append(made.graph.constants[v])
        else:
            return None
    return producer.definition.run(given, producer.attrs)[0]


# ---- weights for size ------------------------------------------------------------------------------------------------


def _for_size(model: Model, kind: str, batches: Batches, told: str) -> Quantized:
    """The model as TF.js would load it back, and what its files would take."""
    reports: list[WeightReport] = []
    graph = _stored(model.graph, kind, reports)
    new = Model(graph.with_(metadata={**graph.metadata, "quantize": kind}), *model.chosen, name=f"{model.name} {kind}")
    outputs = _compare(model, new, batches)
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
