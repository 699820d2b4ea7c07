"""Every op that TensorFlow has a name for: written to a file and read again, it computes the same."""

from __future__ import annotations

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.dtypes import of_value
from tfjslab.base.errors import ModelError
from tfjslab.formats.registry import write_model
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.ops import registry
from tfjslab.ops.conformance import cases

_MOST = 2  # cases of one op: they are there for kernels, and forms of attributes come first
# What files do not tell, or what TF.js reads in another way than it is written: tests of the writer have these.
_ELSEWHERE = {"Assert", "Identity", "IdentityN", "NoOp", "Print"}
_WRITTEN = [
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


@pytest.mark.parametrize("name", _WRITTEN)
def test_what_is_written_computes_the_same(tmp_path, name):
    found = [c for c in cases({name}) if is_plain(c.inputs) and is_plain(c.op.run(c.inputs, c.attrs))]
    for check in found[:_MOST]:
        feeds = {f"x{i}": x for i, x in enumerate(check.inputs)}
        with tf.Model(graph_of(check), "cpu") as model:
            wanted = model.execute(feeds, [p.name for p in model.outputs])
            try:
                write_model(model.graph, tmp_path / str(check.index))  # also what TensorFlow.js would not run
            except ModelError as e:
                if e.code == "model.write":  # an attribute that files tell only when shapes are known
                    continue
                raise
        with tf.load_model(tmp_path / str(check.index), backend="cpu") as again:
            given = {k: v for k, v in feeds.items() if k in [p.name for p in again.inputs]}
            for a, b in zip(again.execute(given, [p.name for p in again.outputs]), wanted, strict=True):
                assert a.dtype == b.dtype
                # Numbers among the attributes are float32 in files.
                np.testing.assert_allclose(a, b, rtol=3e-7) if a.dtype.kind == "f" else (
                    np.testing.assert_array_equal(a, b))
