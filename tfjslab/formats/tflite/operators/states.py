"""Variables with names, which keep their values from one call of the model to the next."""

from __future__ import annotations

from tfjslab.formats.tflite.file import TfliteTensor
from tfjslab.formats.tflite.operator import Operator, node_name, operator
from tfjslab.formats.tflite.variables import State, variable_name


@operator("VAR_HANDLE")
def _handle(op: Operator) -> str:
    return variable_name(op.told.options)


def _variable(op: Operator, tensor: TfliteTensor) -> State:
    name = op.value(0)
    return op.variables.named(name, node_name(name.partition("/")[2]) or "variable", tensor)


@operator("READ_VARIABLE")
def _read(op: Operator) -> str:
    """What was assigned last: in this call, in the one before, or when the model was loaded."""
    return _variable(op, op.subgraph.tensors[op.told.outputs[0]]).now


@operator("ASSIGN_VARIABLE")
def _assign(op: Operator) -> list[str]:
    _variable(op, op.tensor(1)).now = op.value(1)
    return []


@operator("CALL_ONCE")
def _call_once(op: Operator) -> list[str]:
    op.variables.load(op.option("init"))
    return []
