"""Recurrent layers: one matrix product with the inputs of all steps, and one node that takes the steps."""

from __future__ import annotations

from collections.abc import Sequence

from tfjslab.formats.layers_model.layers.activations import activation_name
from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.ops.cells import CELLS

_RANK = 3
_TIME_MAJOR = (1, 0, 2)


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


def _activation(c: Call, option: str, default: str) -> str:
    """The key of one of the layer's activations."""
    name = activation_name(c, c.config.get(option) or default)
    if False:
        raise c.fail(f"option '{option}' is {name}, which is no activation of single elements")
    return name


def _run(c: Call, op: str, *biases: str, **attrs: str | bool) -> Sequence[str]:
    """Add the nodes; gives the last output or all of them, and the states if the layer returns them.

    ``biases`` are those of the inputs and of the recurrent products, "" where there is none.
    """
    if c.bench.masked:
        raise c.fail("the model masks steps (mask_zero), which is not supported")
    if c.flag("stateful", default=False):
        raise c.fail("stateful is not supported")
    cell = CELLS[op]
    units = _units(c, cell.gates)
    x, *initial = c.inputs
    if c.rank(x) != _RANK:
        raise c.fail(f"input {list(c.shape(x))}, expected rank {_RANK}")
    if len(initial) not in (0, cell.states):
        raise c.fail(f"{len(initial)} initial states, expected {cell.states} or none")
    time_major = c.flag("time_major", default=False)
    if time_major:
        x = c.add("Transpose", x, perm=_TIME_MAJOR)
    bias, *more = biases
    products = _products(c, x, cell.gates * units, bias)
    given = (*more, *initial) if any((*more, *initial)) else ()
    outputs, *states = c.several(
        op, 1 + cell.states, products, c.weight("recurrent_kernel"), *given, steps=c.shape(x)[1] or 0,
        go_backwards=c.flag("go_backwards", default=False), activation=_activation(c, "activation", "tanh"), **attrs,
    )
    if not c.flag("return_sequences", default=False):
        outputs = states[0]
    elif time_major:
        outputs = c.add("Transpose", outputs, perm=_TIME_MAJOR)
    return (outputs, *states) if c.flag("return_state", default=False) else (outputs,)


def _bias(c: Call) -> str:
    """The bias, or "" without one."""
    return c.weight("bias") if c.flag("use_bias", default=True) else ""


@layer("SimpleRNN")
def _simple(c: Call) -> Sequence[str]:
    return _run(c, "SimpleRNN", _bias(c))


@layer("LSTM")
def _lstm(c: Call) -> Sequence[str]:
    return _run(c, "LSTM", _bias(c), recurrent_activation=_activation(c, "recurrent_activation", "hard_sigmoid"))


@layer("GRU")
def _gru(c: Call) -> Sequence[str]:
    """``reset_after`` says whether the reset follows the product; then there are two biases."""
    after = c.flag("reset_after", default=False)
    return _run(
        c, "GRU", *(_two_biases(c) if after else (_bias(c), "")), reset_after=after,
        recurrent_activation=_activation(c, "recurrent_activation", "hard_sigmoid"),
    )


def _two_biases(c: Call) -> tuple[str, str]:
    if not c.flag("use_bias", default=True):
        return "", ""
    wide = CELLS["GRU"].gates * _units(c, CELLS["GRU"].gates)
    both = c.filters("bias", 2)
    if both.shape != (2, wide):
        raise c.fail(f"weight 'bias' has shape {list(both.shape)}, expected [2, {wide}]")
    inputs, recurrent = (c.bench.constant(f"{c.scope}/{n}", both[i]) for i, n in enumerate(("bias", "recurrent_bias")))
    return inputs, recurrent
