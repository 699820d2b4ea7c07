"""Models of one op, made of the cases that the registry has."""

from __future__ import annotations

import numpy as np

from tfjslab.base.dtypes import of_value
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.ops import registry

# What files do not tell, or what TF.js reads in another way than it is written: tests of the writer have these.
_ELSEWHERE = {"Assert", "Identity", "IdentityN", "NoOp", "Print"}
WRITTEN = [
    d.name for d in registry.all_ops().values()
    if d.tf and not (d.control or d.stateful) and d.name not in _ELSEWHERE
]


def graph_of(check):
    """One node of the op, its inputs fed."""
    names = tuple(f"x{i}" for i in range(len(check.inputs)))
    ports = tuple(Port(n, n, x.shape, of_value(x)) for n, x in zip(names, check.inputs, strict=True))
    count = len(check.expected())
    node = Node("out", check.op.name, names, check.attrs, num_outputs=count)
    return Graph(ports, tuple(Port(v, v, None, "") for v in node.outputs), (node,))


def is_plain(values):
    """Arrays that users can hand in and get."""
    return all(isinstance(v, np.ndarray) and v.dtype not in (np.int8, np.int16) for v in values)
