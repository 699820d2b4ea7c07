"""Steps of recurrent cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfjslab.base.errors import ShapeError
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import Value, as_tensor, check_rank, composed, many, op

# From data, cell state and output before to cell state and output after.
Cell = Callable[[Tensor, Tensor, Tensor], Sequence[Tensor]]
_GATES = 4


@composed
def basic_lstm_cell(
    forget_bias: Value, lstm_kernel: Value, lstm_bias: Value, data: Value, c: Value, h: Value,
) -> list[Tensor]:
    """The next state and output, ``[c, h]``, of an LSTM cell whose gates are i, j, f, o in this order."""
    kernel, given, state, output = (as_tensor(v) for v in (lstm_kernel, data, c, h))
    for name, value in (("lstm_kernel", kernel), ("data", given), ("c", state), ("h", output)):
        check_rank("basic_lstm_cell", name, value, 2)
    gates = op.add(op.mat_mul(op.concat([given, output], 1), kernel), lstm_bias)
    if gates.shape[1] % _GATES:
        raise ShapeError(f"basic_lstm_cell: lstm_kernel {kernel.shape}; expected a multiple of 4 columns")
    i, j, f, o = many.split(gates, _GATES, 1)
    new_c = op.add(op.mul(op.sigmoid(i), op.tanh(j)), op.mul(state, op.sigmoid(op.add(forget_bias, f))))
    return [new_c, op.mul(op.tanh(new_c), op.sigmoid(o))]


@composed
def multi_rnn_cell(
    lstm_cells: Sequence[Cell], data: Value, c: Sequence[Value], h: Sequence[Value],
) -> list[list[Tensor]]:
    """The next states and outputs, ``[cs, hs]``, of cells that each read the output of the one before."""
    if not len(lstm_cells) == len(c) == len(h):
        raise ShapeError(f"multi_rnn_cell: {len(lstm_cells)} cells, {len(c)} c, {len(h)} h; expected as many of each")
    flowing = as_tensor(data)
    states: list[Tensor] = []
    outputs: list[Tensor] = []
    for cell, state, output in zip(lstm_cells, c, h, strict=True):
        new_c, flowing = cell(flowing, as_tensor(state), as_tensor(output))
        states.append(new_c)
        outputs.append(flowing)
    return [states, outputs]
