"""Every op that TensorFlow has a name for: written to a file and read again, it computes the same."""

from __future__ import annotations

import numpy as np
import pytest
from support.op_models import WRITTEN, graph_of, is_plain

import tfjslab as tf
from tfjslab.base.errors import ModelError
from tfjslab.formats.registry import write_model
from tfjslab.ops.conformance import cases

_MOST = 2  # cases of one op: they are there for kernels, and forms of attributes come first


@pytest.mark.parametrize("name", WRITTEN)
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
