"""Activations behind operators that can take them in: they become an option, and their tensor that of the operator."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tfjslab.formats.tflite.file import TfliteOperator, TfliteSubgraph
from tfjslab.formats.tflite.schema import ACTIVATIONS
from tfjslab.formats.tflite.writer.draft import compact

# Kernels of concatenations know none, whatever the schema says.
_TAKERS = frozenset({
    "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "SUB", "MUL", "DIV", "AVERAGE_POOL_2D", "MAX_POOL_2D",
})
_TAKEN = frozenset(ACTIVATIONS) & {"RELU", "RELU6", "RELU_N1_TO_1"}


def with_activations(g: TfliteSubgraph) -> TfliteSubgraph:
    """The subgraph with every activation that has its input for itself in the operator before it."""
    readers = Counter(i for o in g.operators for i in o.inputs)
    made: list[TfliteOperator] = []
    place: dict[int, int] = {}  # where the maker of a tensor stands
    for o in g.operators:
        at = place.get(o.inputs[0]) if o.name in _TAKEN else None
        if at is not None and readers[o.inputs[0]] == 1 and o.inputs[0] not in g.outputs and _takes(made[at], g):
            made[at] = replace(made[at], outputs=o.outputs, options={**made[at].options, "activation": o.name})
            place[o.outputs[0]] = at
            continue
        place.update(dict.fromkeys(o.outputs, len(made)))
        made.append(o)
    return compact(replace(g, operators=tuple(made)))


def _takes(o: TfliteOperator, g: TfliteSubgraph) -> bool:
    floats = g.tensors[o.outputs[0]].type.name == "float32"
    return floats and o.name in _TAKERS and o.options["activation"] == "NONE"
