"""``tf.quantize``: a smaller or faster model, and a report of what that changed and what it cost.

Three kinds, never mixed up. *Weights for size* (``float16``, ``uint8``, ``uint16``) store weights small; they run as
float32. *int8* runs nodes in integers, with ranges found on calibration data. *dynamic-int8* runs matrix products with
integer weights and finds the range of activations at every run, so it needs no data.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tfjslab.base.errors import InputError, UsageError, did_you_mean
from tfjslab.base.out_of_memory import tells_memory
from tfjslab.formats.weight_writer import QUANTIZATIONS
from tfjslab.model.model import Model, given_away
from tfjslab.model.states import refuse_states
from tfjslab.quantization.calibrate import calibration_batches, check_method
from tfjslab.quantization.split import split_activations
from tfjslab.quantizer.damage import Batches
from tfjslab.quantizer.integers import Int8Job, in_integers
from tfjslab.quantizer.kinds import DYNAMIC, INT8, KINDS
from tfjslab.quantizer.left_out import damaged, fused
from tfjslab.quantizer.result import Quantized
from tfjslab.quantizer.size import for_size


@tells_memory("quantizing a model")
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
        return for_size(model, kind, tested, told)
    refuse_states(model.graph, "a model in integers")
    if kind == DYNAMIC:
        batches: Batches = [model.sample()]
    else:
        batches = calibration_batches(calibration, model.inputs)
    graph, left_out = fused(model.graph, exclude)
    if kind == INT8:
        graph = split_activations(graph)
    job = Int8Job(model, kind, method, graph, batches, tested, told)
    reasons = dict.fromkeys(left_out, "excluded by the caller")
    made = in_integers(job, reasons)
    while min_db is not None:
        with given_away(made.model):
            lost = damaged(made.report.nodes, graph, min_db)
        if not lost:
            break
        made.model.dispose()
        reasons = {**lost, **reasons}
        made = in_integers(job, reasons)
    return made


def _evaluation(model: Model, calibration: Any, evaluation: Any) -> tuple[Batches, str]:
    """The batches on which errors are measured, and what to call them."""
    if evaluation is not None:
        return calibration_batches(evaluation, model.inputs, "evaluation"), "evaluation data"
    if calibration is not None:
        return calibration_batches(calibration, model.inputs), "the calibration data"
    return [model.sample()], "one random input"
