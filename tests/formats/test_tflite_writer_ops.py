"""Every op that .tflite has operators for: written and read again, it computes the same, also in LiteRT."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from support import litert

import tfjslab as tf
from tfjslab.base.dtypes import of_value
from tfjslab.base.errors import ModelError
from tfjslab.formats.tflite.serialize import serialize
from tfjslab.formats.tflite.writer.graph import tflite_file
from tfjslab.formats.tflite.writer.node import writers
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.ops.conformance import cases
from tfjslab.ops.decompose import unfused
from tfjslab.targets.tflite import BUILTINS, WRITTEN_WITH

_MOST = 2  # cases of one op, of those that can be written
# What runtimes may do otherwise: they stop at a division by 0 and at negative powers of integers.
_STOPS = {"FloorDiv", "Mod", "RealDiv", "Pow"}
_NOTHING = {"NoOp", "Assert"}  # written as no operator
_FAR = 1e4
_ROUNDED = {"rtol": 1e-4, "atol": 1e-5}


def graph_of(check):
    """One node of the op; the first input is fed, the others are constants, as weights are."""
    names = [f"x{i}" for i in range(len(check.inputs))]
    count = len(check.op.run(check.inputs, check.attrs))
    node = Node("out", check.op.name, tuple(names), check.attrs, num_outputs=count)
    fed = tuple(Port(n, n, x.shape, of_value(x)) for n, x in zip(names[:1], check.inputs, strict=False))
    constants = dict(zip(names[1:], check.inputs[1:], strict=True))
    return Graph(fed, tuple(Port(v, v, None, "") for v in node.outputs), (node,), constants)


def plain(values):
    """Arrays with elements, of finite numbers; none so large that angles lose their digits."""
    return all(isinstance(v, np.ndarray) and v.dtype.kind in "fib" and v.size and np.isfinite(v).all()
               and np.abs(v.astype(np.float64)).max() < _FAR for v in values)


@cache
def written(name):
    """Cases of an op with the files that hold them."""
    found = []
    for check in cases({name}):
        if plain(check.inputs) and plain(check.op.run(check.inputs, check.attrs)):
            try:
                found.append((check, serialize(tflite_file(graph_of(check)))))
            except ModelError as e:
                assert e.code in ("model.tflite_write", "model.write")  # noqa: PT017 - other forms are written
        if len(found) == _MOST:
            break
    return found


@pytest.mark.parametrize("name", sorted(set(writers()) - _NOTHING))
def test_what_is_written_computes_the_same(tmp_path, name):
    found = written(name)
    assert found, f"no case of {name} could be written"
    for check, data in found:
        wanted = check.op.run(check.inputs, check.attrs)
        (tmp_path / "m.tflite").write_bytes(data)
        with tf.load_tflite_model(tmp_path / "m.tflite", "cpu") as model:
            got = model.execute(dict(zip([p.name for p in model.inputs], check.inputs, strict=False)),
                                [p.name for p in model.outputs])
        for a, b in zip(got, wanted, strict=True):
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, **_ROUNDED)


@pytest.mark.parametrize("name", sorted(set(writers()) - _NOTHING))
def test_litert_computes_the_same(name):
    for check, data in written(name):
        if name in _STOPS and check.inputs[0].dtype.kind != "f":
            continue
        for a, b in zip(litert.answers(data, check.inputs[:1]), check.op.run(check.inputs, check.attrs), strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, **_ROUNDED)


def test_what_is_written_is_what_the_target_takes():
    assert {unfused(op) for op in writers()} - {*BUILTINS, *WRITTEN_WITH} == {"Assert", "Print", "EnsureShape"}
