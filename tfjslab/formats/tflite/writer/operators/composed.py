"""Ops without an operator of their own, written with several that compute the same; and activations behind sums."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfjslab.formats.tflite.writer.node import NodeWriter, writes
from tfjslab.ops.activations import BIAS

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
_CLIPS = {(-1.0, 1.0): "RELU_N1_TO_1", (0.0, 6.0): "RELU6", (0.0, np.inf): "RELU"}
# What follows the sums of a fused op and is one operator.
_PLAIN_STEPS = {
    "Relu": "RELU", "Relu6": "RELU6", "Elu": "ELU", "Sigmoid": "LOGISTIC", "Tanh": "TANH",
    "_FusedHardSwish": "HARD_SWISH",
}


@writes("ClipByValue")
def _clip(w: NodeWriter) -> int:
    low, high, dtype = w.attr("clip_value_min"), w.attr("clip_value_max"), w.dtype()
    if dtype == "float32" and (low, high) in _CLIPS:
        return w.op(_CLIPS[low, high], [w.x()])
    found = w.x()
    for operator, bound in (("MINIMUM", high), ("MAXIMUM", low)):
        if np.isfinite(bound):
            found = w.op(operator, [found, w.number(operator.lower(), bound, dtype)])
    return found


@writes("Reciprocal")
def _reciprocal(w: NodeWriter) -> int:
    return w.op("DIV", [w.number("one", 1), w.x()])


@writes("Log1p")
def _log1p(w: NodeWriter) -> int:
    return w.op("LOG", [w.op("ADD", [w.x(), w.number("one", 1)])])


@writes("Expm1")
def _expm1(w: NodeWriter) -> int:
    return w.op("SUB", [w.op("EXP", [w.x()]), w.number("one", 1)])


@writes("Tan")
def _tan(w: NodeWriter) -> int:
    return w.op("DIV", [w.op("SIN", [w.x()]), w.op("COS", [w.x()])])


@writes("IsNan")
def _is_nan(w: NodeWriter) -> int:
    return w.op("NOT_EQUAL", [w.x(), w.x()])


@writes("DivNoNan")
def _div_no_nan(w: NodeWriter) -> int:
    if w.dtype() != "float32":
        raise w.fail(f"it divides {w.dtype()}")
    zero = w.number("zero", 0)
    none = w.op("EQUAL", [w.x(1), zero], w.shape(1), "bool")
    return w.op("SELECT_V2", [none, zero, w.op("DIV", w.all_inputs)])


@writes("OnesLike")
def _ones_like(w: NodeWriter) -> int:
    return w.full(1)


@writes("Zeros", "Ones")
def _filled(w: NodeWriter) -> int:
    return w.full(w.node.op == "Ones")


@writes("Softplus")
def _softplus_node(w: NodeWriter) -> int:
    return _softplus(w, w.x())


def _softplus(w: NodeWriter, x: int) -> int:
    """max(x, 0) + log(1 + exp(-abs(x))), which does not overflow."""
    falling = w.op("EXP", [w.op("NEG", [w.op("ABS", [x])])])
    rest = w.op("LOG", [w.op("ADD", [falling, w.number("one", 1)])])
    return w.op("ADD", [w.op("RELU", [x]), rest])


@writes("Selu")
def _selu_node(w: NodeWriter) -> int:
    return _selu(w, w.x())


def _selu(w: NodeWriter, x: int) -> int:
    """The two halves of it, each with its factor."""
    above = w.op("MUL", [w.op("RELU", [x]), w.number("scale", _SELU_SCALE)])
    below = w.op("MINIMUM", [w.op("ELU", [x]), w.number("zero", 0)])
    return w.op("ADD", [above, w.op("MUL", [below, w.number("below", _SELU_SCALE * _SELU_ALPHA)])])


@writes("FusedBatchNorm")
def _batch_norm_node(w: NodeWriter) -> int:
    mean, variance, offset, scale = range(1, 5)
    return _batch_norm(w, w.x(), (scale, offset, mean, variance))


def _batch_norm(w: NodeWriter, x: int, given: Sequence[int]) -> int:
    """One factor and one offset a channel, from the inputs with scale, offset, mean and variance."""
    found = [w.constant(i) for i in given]
    if any(a is None for a in found):
        raise w.fail("its statistics are computed when the model runs")
    scale, offset, mean, variance = (np.asarray(a, np.float64) for a in found)
    factor = scale / np.sqrt(variance + w.attr("epsilon"))
    scaled = w.op("MUL", [x, w.add("factor", factor.astype(np.float32))])
    return w.op("ADD", [scaled, w.add("offset", (offset - mean * factor).astype(np.float32))])


def bias_of(w: NodeWriter, first: int, units: int) -> int:
    """The bias of a fused op whose further inputs begin at ``first``; zeros where it begins with something else.

    Runtimes take sums without a bias as well, but TensorFlow's converter never writes them.
    """
    if w.node.attrs.get("fused_ops", ())[:1] in ((BIAS,), [BIAS]) and w.specs[w.node.inputs[first]].known_shape == (
            units,):
        return w.x(first)
    return w.add("bias", np.zeros(units, np.float32))


def stepped(w: NodeWriter, x: int, first: int, units: int) -> int:
    """What follows the sums ``x`` of a fused op, but a bias that ``bias_of`` gave."""
    steps, given = list(w.node.attrs.get("fused_ops", ())), first
    if steps[:1] == [BIAS] and w.specs[w.node.inputs[first]].known_shape == (units,):
        steps, given = steps[1:], first + 1
    for step in steps:
        if step in (BIAS, "Prelu"):
            x = w.op("ADD" if step == BIAS else "PRELU", [x, w.x(given)])
            given += 1
        elif step == "FusedBatchNorm":
            x = _batch_norm(w, x, range(given, given + 4))
            given += 4
        else:
            x = _step(w, step, x)
    return x


def _step(w: NodeWriter, step: str, x: int) -> int:
    if step in _PLAIN_STEPS:
        return w.op(_PLAIN_STEPS[step], [x])
    if step == "LeakyRelu":
        return w.op("LEAKY_RELU", [x], alpha=w.attr("leakyrelu_alpha"))
    if step in ("GeluExact", "GeluApproximate"):
        return w.op("GELU", [x], approximate=step == "GeluApproximate")
    if step in ("Softplus", "Selu"):
        return _softplus(w, x) if step == "Softplus" else _selu(w, x)
    if step == "Linear":
        return x
    raise w.fail(f"{step} follows its sums, which no operator computes")
