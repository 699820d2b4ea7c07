"""Runs small .tflite files on two backends, which must agree."""

from __future__ import annotations

import numpy as np
from support.flat import operator, subgraph, tensor, tflite

import tfjslab as tf

BACKENDS = ("cpu", "wasm-simd")


def ran(tmp_path, data, *steps):
    """All outputs of cpu for each step; the steps are calls of one model, in order."""
    path, answers = tmp_path / "model.tflite", []
    path.write_bytes(data)
    for backend in BACKENDS:
        with tf.load_model(path, backend=backend) as model:
            names = [p.name for p in model.outputs]
            answers.append([model.execute(list(step), names) for step in steps])
    for one, other in zip(*answers, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    return answers[0]


def single(name, fed, constants, outputs, options=None, *, order=None, states=(), custom=b""):
    """A file of one operator. Outputs are shapes, or (shape, dtype).

    ``fed`` and ``constants`` are arrays, ``states`` the shapes of variables; ``order`` has their places among the
    operator's inputs, -1 where it has none, and lists them all in turn where it is not given.
    """
    tensors = [tensor(f"in{i}", a.shape, str(a.dtype)) for i, a in enumerate(fed)]
    tensors += [tensor(f"c{i}", a.shape, str(a.dtype), i + 1) for i, a in enumerate(constants)]
    for i, shape in enumerate(states):
        tensors.append({**tensor(f"state{i}", shape), 5: ("<?", True)})
    count = len(tensors)
    for i, made in enumerate(outputs):
        shape, dtype = made if made and isinstance(made[0], tuple) else (made, "float32")
        tensors.append(tensor(f"out{i}", shape, dtype))
    results = range(count, len(tensors))
    told = operator(0, range(count) if order is None else order, results, options)
    if custom:
        told[5] = np.frombuffer(custom, np.uint8)
    return tflite([name], [subgraph(tensors, [told], range(len(fed)), results)], constants)
