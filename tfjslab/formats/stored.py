"""How a model's files hold its weights: kept while a graph is rewritten, changed on purpose, and how large that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfjslab.base.dtypes import Array, of_array
from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.formats.weight_writer import QUANTIZATIONS, as_loaded, encode
from tfjslab.graph.ir import Graph, Quantization

FLOAT32 = "float32"
PRECISIONS = (FLOAT32, *QUANTIZATIONS)
_BYTES = {"float32": 4, "int32": 4, "bool": 1, "complex64": 8}


@dataclass(frozen=True)
class RequantizedWeight:
    """A weight that was stored in fewer bytes and has changed: how it is stored now, and the largest error of that.

    ``relative_error`` is over its largest value. What is stored as it is has no error.
    """

    name: str
    dtype: str
    max_error: float
    relative_error: float


def check_precision(name: str) -> None:
    """UsageError unless ``name`` is one of the precisions."""
    if name not in PRECISIONS:
        known = ", ".join(PRECISIONS)
        raise UsageError(f"precision is {name!r}; expected one of {known}{did_you_mean(name, PRECISIONS)}")


def stored_as(graph: Graph, precision: str) -> Graph:
    """The graph with all float weights to be stored so; UsageError lists the precisions."""
    check_precision(precision)
    stored = {} if precision == FLOAT32 else {name: Quantization(precision, None) for name in graph.constants}
    return graph.with_(stored=stored, functions={k: stored_as(f, precision) for k, f in graph.functions.items()})


def settle(graph: Graph) -> tuple[Graph, tuple[RequantizedWeight, ...]]:
    """The graph as its files will be read back, and the weights that have to be stored anew because they changed."""
    found: list[RequantizedWeight] = []
    return _settled(graph, found), tuple(found)


def _settled(graph: Graph, found: list[RequantizedWeight]) -> Graph:
    constants, stored = dict(graph.constants), {}
    for name, wanted in graph.stored.items():
        if name not in constants:
            continue
        array = constants[name]
        back, how = as_loaded(array, wanted)
        if how is not None:
            stored[name] = how
        if how is None or not np.array_equal(back, array):
            constants[name] = back
            found.append(_changed(name, array, back, of_array(array) if how is None else how.dtype))
    functions = {k: _settled(f, found) for k, f in graph.functions.items()}
    return graph.with_(constants=constants, stored=stored, functions=functions)


def _changed(name: str, array: Array, back: Array, dtype: str) -> RequantizedWeight:
    error = float(np.abs(array.astype(np.float64) - back).max(initial=0)) if back is not array else 0.0
    largest = float(np.abs(array).max(initial=0)) if error else 0.0
    return RequantizedWeight(name, dtype, error, error / largest if largest else 0.0)


def stored_bytes(graph: Graph) -> int:
    """Bytes that the weights take in files."""
    return sum(weight_size(a, g.stored.get(name)) for g in graph.all_graphs() for name, a in g.constants.items())


def stored_text(graph: Graph) -> str:
    """How files hold the weights, such as ``uint8``; empty where that is what they are in memory."""
    kinds = dict.fromkeys(q.dtype for g in graph.all_graphs() for name, q in g.stored.items() if name in g.constants)
    return " and ".join(kinds)


def weight_size(array: Array, stored: Quantization | None) -> int:
    """Bytes of one weight in a file."""
    size = None if stored is not None else _BYTES.get(of_array(array))
    return len(encode("", array, stored)[1]) if size is None else size * array.size
