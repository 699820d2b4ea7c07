"""What quantization cost: outputs and nodes of the new model compared with those of the float32 one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfjslab.base.arrays import reals
from tfjslab.base.dtypes import Array
from tfjslab.model.model import Model
from tfjslab.quantization.choose import DYNAMIC_FORM, MERGED, Choice
from tfjslab.quantization.metrics import classes_of, cosine, sqnr_db, top1_agreement
from tfjslab.quantization.pool_padding import padded_for_pools
from tfjslab.quantization.report import NodeReport, OutputReport
from tfjslab.quantization.rewrite import Rewritten
from tfjslab.quantizer.kinds import DYNAMIC, INT8

Batches = Sequence[Mapping[str, Array]]


def run(model: Model, batch: Mapping[str, Array], values: Sequence[str]) -> dict[str, Array]:
    """What some values are when the model runs on a batch, by name."""
    return dict(zip(values, model.execute(dict(batch), list(values)), strict=True))


def compare(plain: Model, new: Model, batches: Batches) -> tuple[OutputReport, ...]:
    """Each output of the whole models, over all batches.

    Inputs and outputs of both are in the same order and may have other names; batches have those of ``plain``.
    """
    values = [[p.value for p in m.outputs] for m in (plain, new)]
    pairs = [(run(plain, b, values[0]), run(new, renamed(b, new), values[1])) for b in batches]
    found = []
    for port, value, other in zip(plain.outputs, *values, strict=True):
        a = reals(np.concatenate([np.atleast_1d(wanted[value]) for wanted, _ in pairs]))
        b = reals(np.concatenate([np.atleast_1d(got[other]) for _, got in pairs]))
        error = float(np.abs(a.astype(np.float64) - b).max(initial=0))
        found.append(OutputReport(
            port.name, a.shape[0], error, sqnr_db(a, b), cosine(a, b), top1_agreement(a, b), classes_of(a),
        ))
    return tuple(found)


def renamed(batch: Mapping[str, Array], model: Model) -> dict[str, Array]:
    """A batch by the names of another model's inputs, which are in the same order."""
    return dict(zip((p.name for p in model.inputs), batch.values(), strict=True))


def node_reports(
    plain: Model, new: Model, choices: Sequence[Choice], made: Rewritten, batches: Batches,
) -> tuple[NodeReport, ...]:
    """Precision and errors of each node, on the first batch."""
    chosen = [c for c in choices if c.form and c.form != DYNAMIC_FORM]
    wanted = dict.fromkeys(v for c in chosen for v in (*c.node.inputs, c.node.name) if v in made.integers)
    inputs = {p.value: batches[0][p.name] for p in plain.inputs}
    values = [v for v in wanted if v not in inputs]
    real = {**inputs, **(run(plain, batches[0], values) if values else {})}
    for v in padded_for_pools(plain.graph):
        if v in real:  # as far as the pool behind it can tell
            real[v] = np.maximum(real[v], made.encodings[v].decode(np.zeros(1, np.int8)))
    names = [made.integers[c.node.name] for c in chosen if c.form != MERGED]
    integers = run(new, batches[0], names) if names else {}
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
