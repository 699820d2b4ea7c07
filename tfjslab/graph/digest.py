"""The digest of a model: the same for the same nodes and weights, wherever they were read from and whatever the name.

Results that were measured at different times belong together where their models have one digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfjslab.graph.ir import Graph


def graph_digest(graph: Graph) -> str:
    """SHA-256 in hexadecimal of ports, nodes with their attributes, and constants, functions included."""
    found = hashlib.sha256()
    for part in (graph.inputs, graph.outputs):
        found.update(repr(part).encode())
    for node in graph.nodes:
        # Not the layer: it is for reports alone.
        told = (node.name, node.op, node.inputs, node.num_outputs, sorted(node.attr_inputs.items()))
        found.update(repr(told).encode())
        _add(found, node.attrs)
    _add(found, graph.constants)
    for name, function in sorted(graph.functions.items()):
        found.update(f"{name} {graph_digest(function)}".encode())
    return found.hexdigest()


def _add(found: Any, value: Any) -> None:
    """Feed a value that may hold arrays; of each its dtype and shape come before its bytes."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            found.update(repr(key).encode())
            _add(found, value[key])
    elif isinstance(value, np.ndarray) and value.dtype != object:
        found.update(f"{value.dtype.str}{value.shape}".encode())
        found.update(np.ascontiguousarray(value).view(np.uint8).data if value.size else b"")
    elif isinstance(value, np.ndarray):  # texts
        found.update(repr((value.shape, value.tolist())).encode())
    else:
        found.update(repr(value).encode())
