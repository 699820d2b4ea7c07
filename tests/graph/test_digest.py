"""A model's digest: of its nodes and weights alone."""

import numpy as np

import tfjslab as tf
from tfjslab.graph.digest import graph_digest


def test_the_digest_is_that_of_the_nodes_and_the_weights(tmp_path):
    with tf.zoo.load("digits") as model:
        graph, digest = model.graph, model.digest
        model.save(tmp_path / "a")
    with tf.zoo.load("digits") as again:
        assert again.digest == digest == graph_digest(graph)
    with tf.load_model(tmp_path / "a") as first, tf.load_model(tmp_path / "a") as second:
        assert first.digest == second.digest
    name, weights = next((n, w) for n, w in graph.constants.items() if w.dtype == np.float32)
    changed = weights.copy()
    changed.reshape(-1)[0] += 1
    assert graph_digest(graph.with_(constants={**graph.constants, name: changed})) != digest
    assert graph_digest(graph.with_(nodes=graph.nodes[1:])) != digest
    assert graph_digest(graph.with_(metadata={"name": "another"})) == digest
