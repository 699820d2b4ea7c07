"""Activations and recurrent cells that are several ops, each defined once and read in three ways.

A definition calls a ``Maker``: it adds nodes to a graph, computes with numpy, or builds an expression, from which
kernels come. What a cell multiplies with its recurrent weights it asks for, so that a reader sees what depends on what.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.ops import registry
from tfjslab.ops.expr import Expr, substitute

V = TypeVar("V")


class Maker(Protocol[V]):
    """Who makes values of ops, which are spelled as in TensorFlow files."""

    def add(self, tf_op: str, *values: V, **attrs: Any) -> V:
        """The result of an op."""
        ...

    def constant(self, name: str, values: float) -> V:
        """A number."""
        ...


# ---- activations -----------------------------------------------------------------------------------------------------


def _op(tf_op: str) -> Callable[[Maker[V], V], V]:
    return lambda m, x: m.add(tf_op, x)


def _hard_sigmoid(m: Maker[V], x: V) -> V:
    """Clip(0.2 * x + 0.5, 0, 1), the rule of Keras 2 and TF.js; Keras 3 has another."""
    slope = m.add("AddV2", m.add("Mul", x, m.constant("slope", 0.2)), m.constant("half", 0.5))
    return _clipped(m, slope, 0, 1)


def _hard_sigmoid_3(m: Maker[V], x: V) -> V:
    """Relu6(x + 3) / 6, the rule of Keras 3."""
    return m.add("Mul", m.add("Relu6", m.add("AddV2", x, m.constant("three", 3))), m.constant("sixth", 1 / 6))


def _hard_silu(m: Maker[V], x: V) -> V:
    return m.add("Mul", x, _hard_sigmoid_3(m, x))


def _clipped(m: Maker[V], x: V, low: float, high: float) -> V:
    return m.add("ClipByValue", x, clip_value_min=low, clip_value_max=high)


def celu(m: Maker[V], x: V, alpha: float = 1) -> V:
    """Max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)."""
    curve = m.add("Expm1", m.add("Mul", x, m.constant("rate", 1 / alpha)))
    below = m.add("Minimum", m.add("Mul", curve, m.constant("alpha", alpha)), m.constant("zero", 0))
    return m.add("AddV2", m.add("Relu", x), below)


def squareplus(m: Maker[V], x: V, b: float = 4) -> V:
    """(x + sqrt(x ** 2 + b)) / 2."""
    root = m.add("Sqrt", m.add("AddV2", m.add("Square", x), m.constant("b", b)))
    return m.add("Mul", m.add("AddV2", x, root), m.constant("half", 0.5))


def soft_shrink(m: Maker[V], x: V, threshold: float = 0.5) -> V:
    """X moved towards 0 by the threshold, 0 where it is nearer than that."""
    return m.add("Sub", x, _clipped(m, x, -threshold, threshold))


def hard_shrink(m: Maker[V], x: V, threshold: float = 0.5) -> V:
    """X, 0 where it is no farther from 0 than the threshold."""
    far = m.add("Greater", m.add("Abs", x), m.constant("threshold", threshold))
    return m.add("SelectV2", far, x, m.constant("zero", 0))


def _sparse_plus(m: Maker[V], x: V) -> V:
    """0 below -1, x above 1, (x + 1) ** 2 / 4 between."""
    between = m.add("Square", m.add("Mul", _clipped(m, m.add("AddV2", x, m.constant("one", 1)), 0, 2),
                                    m.constant("half", 0.5)))
    return m.add("SelectV2", m.add("Greater", x, m.constant("one", 1)), x, between)


def _sparse_sigmoid(m: Maker[V], x: V) -> V:
    return m.add("Mul", m.add("AddV2", _clipped(m, x, -1, 1), m.constant("one", 1)), m.constant("half", 0.5))


def _log_sigmoid(m: Maker[V], x: V) -> V:
    return m.add("Neg", m.add("Softplus", m.add("Neg", x)))


def _tanh_shrink(m: Maker[V], x: V) -> V:
    return m.add("Sub", x, m.add("Tanh", x))


def _softsign(m: Maker[V], x: V) -> V:
    return m.add("RealDiv", x, m.add("AddV2", m.add("Abs", x), m.constant("one", 1)))


def _swish(m: Maker[V], x: V) -> V:
    return m.add("Mul", m.add("Sigmoid", x), x)


def _gelu(m: Maker[V], x: V) -> V:
    phi = m.add("AddV2", m.add("Erf", m.add("Mul", x, m.constant("rsqrt2", math.sqrt(0.5)))), m.constant("one", 1))
    return m.add("Mul", m.add("Mul", x, m.constant("half", 0.5)), phi)


def _gelu_new(m: Maker[V], x: V) -> V:
    cubic = m.add("Mul", m.add("Mul", m.add("Square", x), x), m.constant("cubic", 0.044715))
    inner = m.add("Mul", m.add("AddV2", x, cubic), m.constant("root", math.sqrt(2 / math.pi)))
    phi = m.add("AddV2", m.add("Tanh", inner), m.constant("one", 1))
    return m.add("Mul", m.add("Mul", x, m.constant("half", 0.5)), phi)


def _mish(m: Maker[V], x: V) -> V:
    return m.add("Mul", x, m.add("Tanh", m.add("Softplus", x)))


HARD_SIGMOID_3 = "hardsigmoid_keras3"  # what `hard_sigmoid` means in a file of Keras 3
Apply = Callable[[Maker[Any], Any], Any]
# Names without case and underscores: TF.js writes hardSigmoid, Keras hard_sigmoid.
ACTIVATIONS: dict[str, Apply] = {
    "linear": lambda _m, x: x, "relu": _op("Relu"), "relu6": _op("Relu6"), "elu": _op("Elu"), "selu": _op("Selu"),
    "sigmoid": _op("Sigmoid"), "hardsigmoid": _hard_sigmoid, "softmax": _op("Softmax"), "logsoftmax": _op("LogSoftmax"),
    "softplus": _op("Softplus"), "softsign": _softsign, "tanh": _op("Tanh"), "swish": _swish, "silu": _swish,
    "gelu": _gelu, "gelunew": _gelu_new, "mish": _mish, "exponential": _op("Exp"), "exp": _op("Exp"),
    "leakyrelu": lambda m, x: m.add("LeakyRelu", x, alpha=0.2), "hardsilu": _hard_silu, "hardswish": _hard_silu,
    "celu": celu, "squareplus": squareplus, "softshrink": soft_shrink, "hardshrink": hard_shrink,
    "tanhshrink": _tanh_shrink, "hardtanh": lambda m, x: _clipped(m, x, -1, 1), "logsigmoid": _log_sigmoid,
    "sparseplus": _sparse_plus, "sparsesigmoid": _sparse_sigmoid, HARD_SIGMOID_3: _hard_sigmoid_3,
}


# ---- cells -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step(Generic[V]):
    """What a cell has for one step: for each gate what the inputs and the bias give, and the states.

    ``product(value, gates)`` is the product of a value with the recurrent weights of some gates.
    """

    m: Maker[V]
    inputs: Sequence[V]
    bias: Sequence[V]
    states: Sequence[V]
    product: Callable[[V, Sequence[int]], Sequence[V]]
    activation: Apply
    recurrent_activation: Apply

    def sums(self, value: V, gates: Sequence[int]) -> list[V]:
        """The products of a value, and the inputs, for some gates."""
        return [self.m.add("AddV2", self.inputs[g], p) for g, p in zip(gates, self.product(value, gates), strict=True)]


def _simple(s: Step[V]) -> tuple[V, ...]:
    (total,) = s.sums(s.states[0], (0,))
    return (s.activation(s.m, total),)


def _lstm(s: Step[V]) -> tuple[V, ...]:
    """Gates in Keras's order: input, forget, cell, output."""
    m, (h, c) = s.m, s.states
    into, forget, new, out = s.sums(h, (0, 1, 2, 3))
    into, forget, out = (s.recurrent_activation(m, v) for v in (into, forget, out))
    c = m.add("AddV2", m.add("Mul", forget, c), m.add("Mul", into, s.activation(m, new)))
    return m.add("Mul", out, s.activation(m, c)), c


def _gru_end(s: Step[V], update: V, new: V) -> tuple[V, ...]:
    m, (h,) = s.m, s.states
    share = m.add("Mul", m.add("Sub", m.constant("one", 1), update), new)
    return (m.add("AddV2", m.add("Mul", update, h), share),)


def _gru(s: Step[V]) -> tuple[V, ...]:
    """Gates in Keras's order: update, reset, new; the state is reset before its product."""
    m, (h,) = s.m, s.states
    update, reset = (s.recurrent_activation(m, v) for v in s.sums(h, (0, 1)))
    (new,) = s.sums(m.add("Mul", reset, h), (2,))
    return _gru_end(s, update, s.activation(m, new))


def _gru_after(s: Step[V]) -> tuple[V, ...]:
    """As ``_gru``, but the product, which may have a bias, is what is reset."""
    m, (h,) = s.m, s.states
    products = s.product(h, (0, 1, 2))
    if s.bias:
        products = [m.add("AddV2", p, b) for p, b in zip(products, s.bias, strict=True)]
    update, reset = (s.recurrent_activation(m, m.add("AddV2", s.inputs[g], products[g])) for g in (0, 1))
    new = m.add("AddV2", s.inputs[2], m.add("Mul", reset, products[2]))
    return _gru_end(s, update, s.activation(m, new))


@dataclass(frozen=True)
class Cell:
    """A recurrent cell: how many gates and states it has, the first state being the output, and what a step is."""

    gates: int
    states: int
    step: Callable[[Step[Any]], tuple[Any, ...]]
    biased: bool = False  # whether its products may have a bias


CELLS = {
    "SimpleRNN": Cell(1, 1, _simple), "LSTM": Cell(4, 2, _lstm), "GRU": Cell(3, 1, _gru),
    "GRUResetAfter": Cell(3, 1, _gru_after, biased=True), "ConvLSTM2D": Cell(4, 2, _lstm),
}


# ---- two readers -----------------------------------------------------------------------------------------------------


def _resolved(tf_op: str, attrs: Mapping[str, Any]) -> tuple[registry.OpDef, dict[str, Any]]:
    """The op that a TensorFlow name means, and its attributes."""
    found = registry.find_tf(tf_op)
    if found is None:
        raise UsageError(f"TensorFlow op '{tf_op}' is not in the registry")
    definition, form = found
    names = {theirs: ours for ours, theirs in form.rename.items()}
    given = {**form.fixed, **{names.get(k, k): v for k, v in attrs.items()}}
    return definition, definition.resolve_attrs(given, tf_op)


@dataclass(frozen=True)
class NumpyMaker:
    """Computes in one precision."""

    dtype: Any

    def add(self, tf_op: str, *values: Array, **attrs: Any) -> Array:
        """The array."""
        definition, resolved = _resolved(tf_op, attrs)
        return definition.run(values, resolved)[0]

    def constant(self, _name: str, values: float) -> Array:
        """An array without axes."""
        return np.asarray(values, self.dtype)


@dataclass
class ExprMaker:
    """Builds expressions. ``leaves`` are the names of their inputs, in order."""

    leaves: list[str] = field(default_factory=list)

    def leaf(self, name: str) -> Expr:
        """An input of this name."""
        if name not in self.leaves:
            self.leaves.append(name)
        return Expr("in", leaf=self.leaves.index(name))

    def add(self, tf_op: str, *values: Expr, **attrs: Any) -> Expr:
        """The expression; UsageError for an op that is not elementwise."""
        definition, resolved = _resolved(tf_op, attrs)
        if definition.expr is None:
            raise UsageError(f"{tf_op} is not elementwise")
        return substitute(definition.expr, values, resolved)

    def constant(self, _name: str, values: float) -> Expr:
        """A constant."""
        return Expr("const", leaf=float(values))


def elementwise_activation(name: str) -> bool:
    """Whether an activation computes each element from itself alone."""
    m = ExprMaker()
    try:
        ACTIVATIONS[name](m, m.leaf("x"))
    except UsageError:
        return False
    return True


@dataclass(frozen=True)
class Phase:
    """One product of a step: which value is multiplied (None for the first state) with the weights of which gates."""

    left: Expr | None
    gates: tuple[int, ...]


@dataclass(frozen=True)
class Traced:
    """A cell as expressions over ``leaves``; ``results`` are the new states.

    ``x0`` is what the inputs give gate 0, ``s0`` its product, ``b0`` its bias, ``h0`` the first state.
    """

    leaves: tuple[str, ...]
    phases: tuple[Phase, ...]
    results: tuple[Expr, ...]


def trace(cell: Cell, activation: str, recurrent_activation: str, *, biased: bool) -> Traced:
    """The cell's step as expressions."""
    m = ExprMaker()
    phases: list[Phase] = []
    first = m.leaf("h0")

    def product(value: Expr, gates: Sequence[int]) -> list[Expr]:
        phases.append(Phase(None if value is first else value, tuple(gates)))
        return [m.leaf(f"s{g}") for g in gates]

    def leaves(kind: str, count: int) -> list[Expr]:
        return [m.leaf(f"{kind}{i}") for i in range(count)]

    results = cell.step(Step(
        m, leaves("x", cell.gates), leaves("b", cell.gates) if biased else [], leaves("h", cell.states), product,
        ACTIVATIONS[activation], ACTIVATIONS[recurrent_activation],
    ))
    return Traced(tuple(m.leaves), tuple(phases), results)
