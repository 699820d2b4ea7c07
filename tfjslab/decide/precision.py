"""What a model computes in, as one word."""

from __future__ import annotations

from collections import Counter

from tfjslab.base.dtypes import of_value
from tfjslab.graph.ir import Graph

FLOAT32 = "float32"
_WEIGHTS = (FLOAT32, "int8", "uint8", "int16")  # what products are of; other constants are shapes and indices


def precision_of(graph: Graph) -> str:
    """Such as ``float32`` or ``int8``: what this package quantized it to, else the dtype of most of its weights."""
    if execution := graph.metadata.get("execution"):
        return str(execution)
    found: Counter[str] = Counter()
    for array in (a for g in graph.all_graphs() for a in g.constants.values()):
        found[of_value(array)] += array.size
    return max(_WEIGHTS, key=lambda dtype: found[dtype])
