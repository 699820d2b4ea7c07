"""Elementwise ops that have an operator of their own: the reader's tables, the other way round."""

from __future__ import annotations

from functools import partial

from tfjslab.formats.tflite.operators.elementwise import PLAIN
from tfjslab.formats.tflite.writer.node import NodeWriter, writes
from tfjslab.graph.builder import spelled


def _plain(operator: str, w: NodeWriter) -> int:
    return w.op(operator, w.all_inputs)


for _name, _tf in PLAIN.items():
    writes(spelled(_tf)[0].name)(partial(_plain, _name))
for _op, _name in {"Add": "ADD", "Sub": "SUB", "Multiply": "MUL", "LogicalXor": "NOT_EQUAL"}.items():
    writes(_op)(partial(_plain, _name))


# ---- what kernels take less of than the op does ----------------------------------------------------------------------


def _clamped(operator: str, highest: int, w: NodeWriter) -> int:
    """Of integers by comparisons."""
    if w.dtype() == "float32":
        return w.op(operator, [w.x()])
    found = w.op("MAXIMUM", [w.x(), w.number("zero", 0, w.dtype())])
    return w.op("MINIMUM", [found, w.number("highest", highest, w.dtype())]) if highest else found


for _op, _highest in {"Relu": 0, "Relu6": 6}.items():
    writes(_op)(partial(_clamped, _op.upper(), _highest))


@writes("Square")
def _square(w: NodeWriter) -> int:
    return w.op("SQUARE", [w.x()]) if w.dtype() == "float32" else w.op("MUL", [w.x(), w.x()])


@writes("ZerosLike")
def _zeros_like(w: NodeWriter) -> int:
    return w.full(0)


@writes("RealDiv")
def _real_div(w: NodeWriter) -> int:
    """Of integers the floor, as this op is."""
    return w.op("DIV" if w.dtype() == "float32" else "FLOOR_DIV", w.all_inputs)


@writes("Atan2")
def _atan2(w: NodeWriter) -> int:
    """Of equal shapes only."""
    return w.op("ATAN2", [w.broadcast(0), w.broadcast(1)])


@writes("Prelu")
def _prelu(w: NodeWriter) -> int:
    """Only the slopes are broadcast."""
    return w.op("PRELU", [w.broadcast(0), w.x(1)])


@writes("AddN")
def _add_n(w: NodeWriter) -> int:
    return w.op("ADD_N", w.all_inputs) if w.count > 1 else w.x()


@writes("LeakyRelu")
def _leaky_relu(w: NodeWriter) -> int:
    return w.op("LEAKY_RELU", [w.x()], alpha=w.attr("alpha"))


@writes("Cast")
def _cast(w: NodeWriter) -> int:
    return w.cast(0, w.out.dtype)


@writes("Identity", "Print", "EnsureShape", "FakeQuantWithMinMaxVars")
def _identity(w: NodeWriter) -> int:
    """The same tensor under another name."""
    return w.x()


@writes("IdentityN")
def _identities(w: NodeWriter) -> list[int]:
    return w.all_inputs


@writes("NoOp", "Assert")
def _nothing(_w: NodeWriter) -> list[int]:
    return []
