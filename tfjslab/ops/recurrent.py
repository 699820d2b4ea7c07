"""Recurrent layers behind the product with their inputs, which is one for all steps and a node of its own.

TensorFlow files have no ops for these: what writes files writes the steps out (see ``tfjslab.graph.unroll``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.limits import in_time
from tfjslab.base.shapes import size_of
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.cells import ACTIVATIONS, CELLS, Cell, NumpyMaker, Step
from tfjslab.ops.elementwise import FLOAT, check_dtypes
from tfjslab.ops.facts import FIRST, Facts
from tfjslab.ops.registry import Case, Infer, Spec, Specs, T, get, op

CONVOLVED = "ConvLSTM2D"  # the op whose recurrent products are convolutions
_FLOPS_OF_A_GATE = 20  # about what the activations and the update of the state take


def cell_of(name: str, attrs: Attrs) -> Cell:
    """The cell of an op of this module."""
    return CELLS["GRUResetAfter" if attrs.get("reset_after") else name]


@dataclass(frozen=True)
class Others:
    """The optional inputs of a node of this module: "" or empty where there is none."""

    bias: str
    states: tuple[str, ...]
    mask: str


def optional_inputs(name: str, inputs: Sequence[str]) -> Others:
    """What a node of the op reads besides the products and the recurrent weights."""
    words = (w.strip("?") for w in get(name).inputs)
    given: Mapping[str, str] = dict(zip(words, inputs, strict=False))
    states = tuple(given[w] for w in ("h", "c") if given.get(w))
    return Others(given.get("recurrent_bias", ""), states, given.get("mask", ""))


def _infer(name: str) -> Infer:
    def infer(ins: Specs, attrs: Attrs) -> list[Spec]:
        check_dtypes(name, ins, FLOAT)
        cell, (x, kernel, *others) = cell_of(name, attrs), (s.known_shape for s in ins)
        rows, window = ("", "") if name != CONVOLVED else ("height, width, ", "size, size, ")
        axes = 2 * bool(rows)
        units = kernel[-2] if len(kernel) == axes + 2 else 0
        wide = cell.gates * units
        if len(x) != axes + 3 or x[-1] != wide or kernel[-1] != wide or not x[1] or 0 in kernel:
            raise ShapeError(
                f"{name}: products with the inputs of shape {list(x)} and recurrent weights {list(kernel)}; expected "
                f"[batch, steps, {rows}{cell.gates} * units] and [{window}units, {cell.gates} * units], with a step at "
                "least",
            )
        if attrs["steps"] not in (0, x[1]):
            raise ShapeError(f"{name}: {x[1]} steps; expected {attrs['steps']}")
        shape = (x[0], *x[2:-1], units)
        allowed = {shape, x[:2], *([(wide,)] if cell.biased else [])}
        if wrong := [list(o) for o in others if o not in allowed]:
            expected = sorted(map(list, allowed))
            raise ShapeError(f"{name}: a state, mask or bias of shape {wrong[0]}; expected {expected}")
        return [Spec((*x[:-1], units), ins[0].dtype), *[Spec(shape, ins[0].dtype)] * cell.states]

    return infer


def _flops(ins: Specs, outs: Specs, _attrs: Attrs) -> int:
    *window, units, wide = ins[1].known_shape
    return outs[0].size // units * wide * (2 * units * size_of(window) + _FLOPS_OF_A_GATE)


def _run(
    cell: Cell, x: Array, kernel: Array, given: Sequence[Array | None], attrs: Attrs, *, mask: Array | None,
    bias: Array | None = None,
) -> Any:
    """All outputs, then the last states. A step that the mask leaves out gives the output and states before it."""
    units = kernel.shape[-2]
    blocks, biases = (np.split(v, cell.gates, axis=-1) if v is not None else [] for v in (kernel, bias))
    states = [np.zeros((len(x), *x.shape[2:-1], units), x.dtype) if s is None else s for s in given]
    maker, outputs = NumpyMaker(x.dtype), []

    def product(value: Array, gates: Sequence[int]) -> list[Array]:
        return [_product(maker, value, blocks[g]) for g in gates]

    order = range(x.shape[1])[:: -1 if attrs["go_backwards"] else 1]
    for t in in_time(order, "the next step of the sequence"):
        inputs = x[:, t]
        step = Step(
            maker, np.split(inputs, cell.gates, axis=-1), biases, states, product, ACTIVATIONS[attrs["activation"]],
            ACTIVATIONS[attrs.get("recurrent_activation", "linear")],
        )
        new = cell.step(step)
        taken = None if mask is None else mask[:, t].reshape(-1, *[1] * (x.ndim - 2)) != 0
        states = [n if taken is None else np.where(taken, n, s) for n, s in zip(new, states, strict=True)]
        outputs.append(states[0])
    return np.stack(outputs, axis=1), *states


def _product(maker: NumpyMaker, value: Array, weights: Array) -> Array:
    """A state times recurrent weights; images are convolved with them."""
    if weights.ndim == 2:  # noqa: PLR2004 - a matrix
        return np.asarray(value @ weights)
    return maker.add("Conv2D", value, weights, strides=[1, 1, 1, 1], padding="SAME")


def _activation(name: str, default: str) -> Attr:
    return Attr(name, "str", default, tuple(ACTIVATIONS))


_ATTRS = (Attr("go_backwards", "bool", default=False), Attr("steps", "int", 0), _activation("activation", "tanh"))
_GATED = (*_ATTRS, _activation("recurrent_activation", "sigmoid"))
_FACTS = Facts(dtype=FIRST, rank=FIRST)


def _cases(gates: int, states: int, *more: dict[str, Any], bias: bool = False) -> tuple[Case, ...]:
    def inputs(batch: int, steps: int, units: int, *, given: bool, mask: bool = False) -> tuple[T, ...]:
        first = (T((gates * units,)),) if bias else ()
        state = tuple(T((batch, units)) for _ in range(states)) if given else ()
        left_out = (T((batch, steps), values=np.arange(batch * steps) % 3 > 0),) if mask else ()
        return (T((batch, steps, gates * units)), T((units, gates * units)), *first, *state, *left_out)

    return (
        Case(inputs(1, 5, 4, given=False)), Case(inputs(3, 4, 7, given=True), {"go_backwards": True}),
        Case(inputs(2, 3, 50, given=True), {"activation": "relu", "steps": 3}),
        *(Case(inputs(2, 6, 17, given=True), attrs) for attrs in more),
        *(Case(inputs(3, 5, 6, given=True, mask=True), {"go_backwards": b}) for b in (False, True) if states),
    )


_HARD = {"recurrent_activation": "hardsigmoid", "activation": "softsign"}


@op("SimpleRNN", "x recurrent_kernel h? mask?", infer=_infer("SimpleRNN"), attrs=_ATTRS, flops=_flops, facts=_FACTS,
    num_outputs=2, cases=(*_cases(1, 1), Case((T((1, 2, 1), values=[1, 2]), T((1, 1), values=[3])),
                                              {"activation": "linear"}, expect=[1, 5])))
def simple_rnn(
    x: Array, recurrent_kernel: Array, h: Array | None = None, mask: Array | None = None, **attrs: Any,
) -> Any:
    """Steps of a simple recurrent layer: all outputs and the last state."""
    return _run(cell_of("SimpleRNN", attrs), x, recurrent_kernel, [h], attrs, mask=mask)


@op("LSTM", "x recurrent_kernel h? c? mask?", infer=_infer("LSTM"), attrs=_GATED, flops=_flops, facts=_FACTS,
    num_outputs=3, cases=_cases(4, 2, _HARD))
def lstm(
    x: Array, recurrent_kernel: Array, h: Array | None = None, c: Array | None = None, mask: Array | None = None,
    **attrs: Any,
) -> Any:
    """Steps of a long short-term memory: all outputs, the last output and the last memory."""
    return _run(cell_of("LSTM", attrs), x, recurrent_kernel, [h, c], attrs, mask=mask)


@op("GRU", "x recurrent_kernel recurrent_bias? h? mask?", infer=_infer("GRU"),
    attrs=(*_GATED, Attr("reset_after", "bool", default=False)), flops=_flops, facts=_FACTS, num_outputs=2,
    cases=(*_cases(3, 0, _HARD), *_cases(3, 0, {"reset_after": True}),
           *(Case(c.inputs, {**c.attrs, "reset_after": True}) for c in _cases(3, 1, _HARD, bias=True))))
def gru(
    x: Array, recurrent_kernel: Array, recurrent_bias: Array | None = None, h: Array | None = None,
    mask: Array | None = None, **attrs: Any,
) -> Any:
    """Steps of gated recurrent units: all outputs and the last one. Only with ``reset_after`` there is a bias."""
    return _run(cell_of("GRU", attrs), x, recurrent_kernel, [h], attrs, mask=mask, bias=recurrent_bias)


_IMAGES, _FILTERS, _STATE = T((2, 3, 4, 5, 8)), T((3, 2, 2, 8)), T((2, 4, 5, 2))
_LEFT_OUT = T((2, 3), values=[0, 1, 1, 1, 0, 0])


@op(CONVOLVED, "x recurrent_kernel h? c? mask?", infer=_infer(CONVOLVED), attrs=_GATED, flops=_flops, facts=_FACTS,
    num_outputs=3, cases=(
        Case((_IMAGES, _FILTERS)), Case((_IMAGES, _FILTERS, _STATE, _STATE), {**_HARD, "go_backwards": True}),
        Case((_IMAGES, _FILTERS, _STATE, _STATE, _LEFT_OUT), {"steps": 3}),
    ))
def conv_lstm_2d(
    x: Array, recurrent_kernel: Array, h: Array | None = None, c: Array | None = None, mask: Array | None = None,
    **attrs: Any,
) -> Any:
    """Steps of a long short-term memory of images: all outputs, the last output and the last memory.

    Channels are last. The recurrent products are convolutions of stride 1 that keep the size.
    """
    return _run(cell_of(CONVOLVED, attrs), x, recurrent_kernel, [h, c], attrs, mask=mask)
