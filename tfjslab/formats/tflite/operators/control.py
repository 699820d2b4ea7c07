"""Branches and loops, whose bodies are subgraphs."""

from __future__ import annotations

from tfjslab.formats.tflite.operator import Operator, operator


@operator("IF")
def _if(op: Operator) -> list[str]:
    condition, *args = op.all_values
    dtypes = tuple(op.subgraph.tensors[i].type.dtype for i in op.told.outputs)
    return op.called("If", (condition, *args), then_branch=op.functions(op.option("then")),
                     else_branch=op.functions(op.option("else")), Tout=dtypes)


@operator("WHILE")
def _while(op: Operator) -> list[str]:
    return op.called("While", tuple(op.all_values), cond=op.functions(op.option("cond")),
                     body=op.functions(op.option("body")))


@operator("CALL")
def _call(op: Operator) -> list[str]:
    dtypes = tuple(op.subgraph.tensors[i].type.dtype for i in op.told.outputs)
    return op.called("Call", tuple(op.all_values), f=op.functions(op.option("subgraph")), Tout=dtypes)
