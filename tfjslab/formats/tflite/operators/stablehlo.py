"""Operators of StableHLO that LiteRT's own kernels run, as models that come from PyTorch and JAX have them."""

from __future__ import annotations

from functools import partial

from tfjslab.formats.tflite.operator import Operator, operator
from tfjslab.graph.builder import Supplied


@operator("STABLEHLO_COMPOSITE")
def _composite(op: Operator) -> list[str]:
    """What it is composed of."""
    dtypes = tuple(op.subgraph.tensors[i].type.dtype for i in op.told.outputs)
    return op.called("Call", tuple(op.all_values), f=op.functions(op.option("subgraph")), Tout=dtypes)


def _pair(tf_op: str, op: Operator) -> str:
    return op.add(tf_op, op.value(0), op.value(1))


for _name, _tf in {"ADD": "AddV2", "MULTIPLY": "Mul", "MAXIMUM": "Maximum", "MINIMUM": "Minimum"}.items():
    operator(f"STABLEHLO_{_name}")(partial(_pair, _tf))


@operator("STABLEHLO_PAD")
def _pad(op: Operator) -> str:
    """Around a tensor, with the only element of input 1."""
    edges = list(zip(op.option("low"), op.option("high"), strict=True))
    if any(op.option("between")) or any(n < 0 for edge in edges for n in edge):
        raise op.fail(f"padding {edges} with {list(op.option('between'))} between elements is not supported")
    value = op.constant(1)
    filled = op.single(1) if value is not None else Supplied(op.value(1))
    return op.add("PadV2", op.value(0), paddings=[[int(a), int(b)] for a, b in edges], constant_value=filled)
