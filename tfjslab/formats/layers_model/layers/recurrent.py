"""Recurrent layers and RNN with cells: one matrix product with the inputs of all steps, and one node for the steps.

Cells that are stacked become one such pair each: a cell sees nothing of the others but the outputs of the one below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tfjslab.base.errors import did_you_mean
from tfjslab.formats.layers_model.layers.activations import activation_name
from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.masking import weights_of_steps
from tfjslab.formats.layers_model.topology import LayerConfig
from tfjslab.formats.strict_json import show
from tfjslab.graph.ir import Dims
from tfjslab.ops import registry
from tfjslab.ops.cells import CELLS

_RANK = 3


@dataclass(frozen=True)
class Steps:
    """How a cell goes through its input ``x``, [batch, steps, ...]: from the last step with ``backwards``.

    ``mask`` is 1 for steps that count, "" without one. ``first`` gives the states before the first step by their
    shape; none means zeros.
    """

    x: str
    backwards: bool
    mask: str
    first: Callable[[Dims], Sequence[str]]


# Reads all steps of a cell; gives the outputs of all steps, and the states behind the last.
Cell = Callable[[Call, Steps], Sequence[str]]


@dataclass(frozen=True)
class CellClass:
    """A class of cells: how many states they have, and their reader."""

    states: int
    read: Cell


_CELLS: dict[str, CellClass] = {}


def cell(class_name: str, *layers: str, states: int) -> Callable[[Cell], Cell]:
    """Register the reader of a class of cells, and ``layers`` that are nothing but such a cell."""

    def decorate(read: Cell) -> Cell:
        _CELLS[class_name] = CellClass(states, read)
        layer(*layers)(lambda c: run_cells(c, [(_CELLS[class_name], c)]))
        return read

    return decorate


@layer("RNN")
def _rnn(c: Call) -> Sequence[str]:
    """A cell, or several on top of each other (StackedRNNCells, or a list of them)."""
    cells = c.wrapped.get("cell", ())
    if len(cells) == 1 and cells[0].class_name == "StackedRNNCells":
        stack = c.part(cells[0])
        return run_cells(c, _known(c, "cells", stack.wrapped.get("cells", ()), stack.part))
    return run_cells(c, _known(c, "cell", cells, c.part))


def _known(
    c: Call, option: str, cells: Sequence[LayerConfig], part: Callable[[LayerConfig], Call],
) -> list[tuple[CellClass, Call]]:
    """Each cell with its reader; ModelError names one that has none."""
    if not cells:
        raise c.fail(f"option '{option}' has no cell")
    unknown = next((x.class_name for x in cells if x.class_name not in _CELLS), None)
    if unknown is not None:
        raise c.fail(f"unknown cell {show(unknown)}{did_you_mean(unknown, _CELLS)}")
    names = (f"RNNCell_{i}" if c.bench.by_tfjs else x.name for i, x in enumerate(cells))
    return [(_CELLS[x.class_name], part(replace(x, name=n))) for x, n in zip(cells, names, strict=True)]


# ---- from cells to a layer -------------------------------------------------------------------------------------------


def run_cells(c: Call, cells: Sequence[tuple[CellClass, Call]]) -> Sequence[str]:
    """Cells on top of each other; gives the last output or all of them, and the states if the layer returns them."""
    x, *given = c.inputs
    time_major = c.flag("time_major", default=False)
    x = _swapped(c, x) if time_major else x
    mask, backwards = weights_of_steps(c), c.flag("go_backwards", default=False)
    # TF.js has the states of the upper cells first, Keras those of the lower ones.
    downwards = -1 if c.bench.by_tfjs else 1
    places = _places([kind.states for kind, _ in cells], downwards)
    total = sum(kind.states for kind, _ in cells)
    if len(given) not in (0, total):
        raise c.fail(f"{len(given)} initial states, expected {total} or none")
    found: list[Sequence[str]] = []
    for (kind, part), place in zip(cells, places, strict=True):
        start = _Start(c, given[place], place.start, kind.states)
        x, *ends = kind.read(part, Steps(x, backwards, mask, start))
        start.keep(ends)
        found.append(ends)
        if backwards and len(found) < len(cells):  # what a cell gives is in the order of its steps
            backwards, mask = False, c.add("ReverseV2", mask, axis=[1]) if mask else ""
    outputs = _outputs(c, x, found[-1][0], mask, backwards=backwards)
    if time_major and c.flag("return_sequences", default=False):
        outputs = _swapped(c, outputs)
    states = [s for ends in found[::downwards] for s in ends]
    return (outputs, *states) if c.flag("return_state", default=False) else (outputs,)


def _swapped(c: Call, x: str) -> str:
    return c.add("Transpose", x, perm=[1, 0, *range(2, c.rank(x))])


def _places(counts: Sequence[int], direction: int) -> list[slice]:
    """Where the states of each cell are among all of them."""
    found, start = [], 0
    for count in counts[::direction]:
        found.append(slice(start, start + count))
        start += count
    return found[::direction]


@dataclass
class _Start:
    """The states of a cell before the first step: given ones, those that a stateful layer kept, or none.

    ``number`` is where they are among all states of the layer.
    """

    c: Call
    given: Sequence[str]
    number: int
    count: int
    kept: list[str] = field(default_factory=list)

    def __call__(self, shape: Dims) -> Sequence[str]:
        if self.given or not self.c.flag("stateful", default=False):
            return self.given
        if None in shape:
            raise self.c.fail(f"stateful with states of shape {list(shape)}; expected a known batch size")
        known = tuple(d or 0 for d in shape)
        names = (f"{self.c.scope}/state_{self.number + i}" for i in range(self.count))
        self.kept += [self.c.bench.state(name, known) for name in names]
        return self.kept

    def keep(self, ends: Sequence[str]) -> None:
        """Note the states behind the last step for the next call."""
        for state, end in zip(self.kept, ends, strict=False):
            self.c.bench.keep(state, end)


def _outputs(c: Call, outputs: str, last: str, mask: str, *, backwards: bool) -> str:
    """What the layer gives first, with its mask."""
    zeros = mask if c.flag("zero_output_for_mask", default=False) else ""
    if c.flag("return_sequences", default=False):
        if zeros:
            outputs = c.add("Mul", outputs, c.add("ExpandDims", zeros, axis=-1))
        c.pass_mask(outputs)
        return outputs
    if not zeros:
        return last
    from_end = zeros if backwards else c.add("ReverseV2", zeros, axis=[1])
    return c.add("Mul", last, c.add("Slice", from_end, begin=[0, 0], size=[-1, 1]))


# ---- cells -----------------------------------------------------------------------------------------------------------


def _units(c: Call, gates: int) -> int:
    """Length of the state; the recurrent weights have a block of that many columns for each gate."""
    shape = c.filters("recurrent_kernel", 2).shape
    if shape[1] != gates * shape[0]:
        expected = [shape[0], gates * shape[0]]
        raise c.fail(f"weight 'recurrent_kernel' has shape {list(shape)}, expected {expected}")
    return int(shape[0])


def _products(c: Call, x: str, width: int, bias: str) -> str:
    """The products with the inputs of all steps, [batch, steps, width]."""
    _, steps, features = c.shape(x)
    if features is None or steps == 0:
        raise c.fail(f"input {list(c.shape(x))}; expected a step at least and known features")
    kernel = c.weight("kernel")
    if steps is None:
        product = c.add("BatchMatMulV2", x, kernel)
        return c.add("AddV2", product, bias) if bias else product
    given = (c.add("Reshape", x, shape=[-1, features]), kernel)
    product = c.add("_FusedMatMul", *given, bias, fused_ops=["BiasAdd"]) if bias else c.add("MatMul", *given)
    return c.add("Reshape", product, shape=[-1, steps, width])


def _run(c: Call, s: Steps, op: str, bias: str, attrs: Mapping[str, Any], recurrent_bias: str = "") -> Sequence[str]:
    """Add the nodes of a cell; ``bias`` is that of the inputs, both are "" where there is none."""
    if c.rank(s.x) != _RANK:
        raise c.fail(f"input {list(c.shape(s.x))}, expected rank {_RANK}")
    gates = CELLS[op].gates
    units = _units(c, gates)
    named = {
        "x": _products(c, s.x, gates * units, bias), "recurrent_kernel": c.weight("recurrent_kernel"),
        "recurrent_bias": recurrent_bias, "mask": s.mask,
        **dict(zip(("h", "c"), s.first((c.shape(s.x)[0], units)), strict=False)),
    }
    return add_steps(c, s, op, named, attrs)


def add_steps(c: Call, s: Steps, op: str, named: Mapping[str, str], attrs: Mapping[str, Any]) -> Sequence[str]:
    """Add the node that takes the steps; its inputs by their names in the op, "" for none."""
    inputs = [named.get(word.strip("?"), "") for word in registry.get(op).inputs]
    while not inputs[-1]:
        inputs.pop()
    return c.several(
        op, 1 + CELLS[op].states, *inputs, steps=c.shape(s.x)[1] or 0, go_backwards=s.backwards,
        activation=_activation(c, "activation", "tanh"), **attrs,
    )


def _activation(c: Call, option: str, default: str) -> str:
    """The key of one of the layer's activations."""
    return activation_name(c, c.config.get(option) or default)


def gate_activation(c: Call) -> dict[str, str]:
    """The activation of the gates as an attribute."""
    return {"recurrent_activation": _activation(c, "recurrent_activation", "hard_sigmoid")}


def _bias(c: Call) -> str:
    """The bias, or "" without one."""
    return c.weight("bias") if c.flag("use_bias", default=True) else ""


@cell("SimpleRNNCell", "SimpleRNN", states=1)
def _simple(c: Call, s: Steps) -> Sequence[str]:
    return _run(c, s, "SimpleRNN", _bias(c), {})


@cell("LSTMCell", "LSTM", states=2)
def _lstm(c: Call, s: Steps) -> Sequence[str]:
    return _run(c, s, "LSTM", _bias(c), gate_activation(c))


@cell("GRUCell", "GRU", states=1)
def _gru(c: Call, s: Steps) -> Sequence[str]:
    """``reset_after`` says whether the reset follows the product; then there are two biases."""
    after = c.flag("reset_after", default=False)
    bias, recurrent_bias = _two_biases(c) if after else (_bias(c), "")
    return _run(c, s, "GRU", bias, {"reset_after": after, **gate_activation(c)}, recurrent_bias)


def _two_biases(c: Call) -> tuple[str, str]:
    if not c.flag("use_bias", default=True):
        return "", ""
    wide = CELLS["GRU"].gates * _units(c, CELLS["GRU"].gates)
    both = c.filters("bias", 2)
    if both.shape != (2, wide):
        raise c.fail(f"weight 'bias' has shape {list(both.shape)}, expected [2, {wide}]")
    inputs, recurrent = (c.bench.constant(f"{c.scope}/{n}", both[i]) for i, n in enumerate(("bias", "recurrent_bias")))
    return inputs, recurrent
