"""Recurrent layers, written out step by step: the number of steps must be known, and plans stay static.

The products with the inputs are one matrix product for all steps. States start at zero, so the first step leaves out
what would be multiplied by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfjslab.formats.layers_model.layers.activations import ACTIVATIONS, activation_name
from tfjslab.formats.layers_model.layers.call import Call, layer

_MAX_STEPS = 2048
# State before and after a step: output first; "" stands for zeros.
State = tuple[str, ...]


@dataclass(frozen=True)
class _Cell:
    """One recurrent layer's weights and activations. ``gates`` is how many blocks of ``units`` its products have."""

    call: Call
    gates: int

    @property
    def units(self) -> int:
        """Length of the state."""
        return int(self.call.filters("recurrent_kernel", 2).shape[0])

    def inputs(self, bias: str) -> list[str]:
        """The products with the inputs, for each step in the order in which they are taken."""
        c = self.call
        _, steps, features = c.shape(c.x)
        if steps is None or features is None or not 0 < steps <= _MAX_STEPS:
            raise c.fail(f"input {list(c.shape(c.x))}; expected 1 to {_MAX_STEPS} steps and known features")
        flat = c.add("Reshape", c.x, shape=[-1, features])
        given = (flat, c.weight("kernel"))
        product = c.add("_FusedMatMul", *given, bias, fused_ops=["BiasAdd"]) if bias else c.add("MatMul", *given)
        each = c.add("Reshape", product, shape=[-1, steps, self.gates * self.units])
        found = c.split("Unpack", each, steps, axis=1, num=steps)
        return found[::-1] if c.flag("go_backwards", default=False) else found

    def bias(self) -> str:
        """The bias, or "" without one."""
        return self.call.weight("bias") if self.call.flag("use_bias", default=True) else ""

    def parts(self, value: str, count: int = 0) -> list[str]:
        """A value's blocks."""
        return self.call.split("Split", value, count or self.gates, num_split=count or self.gates, axis=1)

    def activate(self, value: str, option: str, default: str) -> str:
        """Apply one of the layer's activations."""
        return ACTIVATIONS[activation_name(self.call, self.call.config.get(option) or default)](self.call, value)


def _run(c: Call, gates: int, bias: str, states: int, step: Callable[[_Cell, str, State], State]) -> Sequence[str]:
    """Take the steps; gives the last output or all of them, and the states if the layer returns them."""
    if c.bench.masked:
        raise c.fail("the model masks steps (mask_zero), which is not supported")
    if c.flag("stateful", default=False) or c.flag("time_major", default=False):
        raise c.fail("stateful and time_major are not supported")
    cell = _Cell(c, gates)
    state: State = ("",) * states
    outputs: list[str] = []
    for value in cell.inputs(bias):
        state = step(cell, value, state)
        outputs.append(state[0])
    sequences = c.flag("return_sequences", default=False)
    out = c.add("Pack", *outputs, axis=1) if sequences else outputs[-1]
    return (out, *state) if c.flag("return_state", default=False) else (out,)


@layer("SimpleRNN", rank=3)
def _simple(c: Call) -> Sequence[str]:
    recurrent = c.weight("recurrent_kernel")

    def step(cell: _Cell, x: str, state: State) -> State:
        total = c.add("AddV2", x, c.add("MatMul", state[0], recurrent)) if state[0] else x
        return (cell.activate(total, "activation", "tanh"),)

    return _run(c, 1, _Cell(c, 1).bias(), 1, step)


@layer("LSTM", rank=3)
def _lstm(c: Call) -> Sequence[str]:
    """Gates in Keras's order: input, forget, cell, output."""
    recurrent = c.weight("recurrent_kernel")

    def step(cell: _Cell, x: str, state: State) -> State:
        h, memory = state
        total = c.add("AddV2", x, c.add("MatMul", h, recurrent)) if h else x
        into, forget, new, out = cell.parts(total)
        into, forget, out = (cell.activate(v, "recurrent_activation", "hard_sigmoid") for v in (into, forget, out))
        added = c.add("Mul", into, cell.activate(new, "activation", "tanh"))
        memory = c.add("AddV2", c.add("Mul", forget, memory), added) if memory else added
        return c.add("Mul", out, cell.activate(memory, "activation", "tanh")), memory

    return _run(c, 4, _Cell(c, 4).bias(), 2, step)


@layer("GRU", rank=3)
def _gru(c: Call) -> Sequence[str]:
    """Gates in Keras's order: update, reset, new. ``reset_after`` says whether the reset follows the product."""
    after = c.flag("reset_after", default=False)
    kernel = c.filters("recurrent_kernel", 2)
    units = kernel.shape[0]
    if kernel.shape[1] != 3 * units:
        raise c.fail(f"weight 'recurrent_kernel' has shape {list(kernel.shape)}, expected [{units}, {3 * units}]")
    biases = _gru_biases(c, units, after=after)
    gates, new = (
        c.bench.constant(f"{c.scope}/recurrent_{n}", part)
        for n, part in (("gates", kernel[:, : 2 * units]), ("new", kernel[:, 2 * units :]))
    )

    def plus(value: str, bias: str) -> str:
        return c.add("AddV2", value, bias) if value and bias else value or bias

    def step(cell: _Cell, x: str, state: State) -> State:
        (h,) = state
        xz, xr, xn = cell.parts(x)
        hz, hr = cell.parts(c.add("MatMul", h, gates), 2) if h else ("", "")
        z = cell.activate(plus(plus(xz, hz), biases[1]), "recurrent_activation", "hard_sigmoid")
        r = cell.activate(plus(plus(xr, hr), biases[2]), "recurrent_activation", "hard_sigmoid")
        if after:
            product = plus(c.add("MatMul", h, new) if h else "", biases[3])
            product = c.add("Mul", r, product) if product else ""
        else:
            product = c.add("MatMul", c.add("Mul", r, h), new) if h else ""
        fresh = cell.activate(plus(xn, product), "activation", "tanh")
        share = c.add("Mul", c.add("Sub", c.constant("one", 1), z), fresh)
        return (c.add("AddV2", c.add("Mul", z, h), share) if h else share,)

    return _run(c, 3, biases[0], 1, step)


def _gru_biases(c: Call, units: int, *, after: bool) -> tuple[str, str, str, str]:
    """The bias of the inputs, then those of the states for update, reset and new ("" where there is none)."""
    if not c.flag("use_bias", default=True):
        return ("", "", "", "")
    if not after:
        return (c.weight("bias"), "", "", "")
    both = c.filters("bias", 2)
    if both.shape != (2, 3 * units):
        raise c.fail(f"weight 'bias' has shape {list(both.shape)}, expected [2, {3 * units}]")
    parts = (both[1, i * units : (i + 1) * units] for i in range(3))
    update, reset, new = (c.bench.constant(f"{c.scope}/bias_{n}", p) for n, p in zip("zrh", parts, strict=True))
    return (c.bench.constant(f"{c.scope}/bias", both[0]), update, reset, new)
