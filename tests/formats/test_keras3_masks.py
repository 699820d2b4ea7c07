"""Masks in models of Keras 3: those that calls are given, those that layers pass on, those that attention reads."""

import numpy as np
import pytest
from support.keras3 import called, functional, input_layer, sequential, softmax, tensor, write
from support.layers import weights_of
from support.sequence_layers import UNITS, below, options, recurrent_shapes, steps, wrapped

from tfjslab.formats.registry import read_model

BATCH, STEPS, FEATURES = 2, 5, 4
COUNTS = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]], bool)
X = np.random.default_rng(5).uniform(-1, 1, (BATCH, STEPS, FEATURES)).astype(np.float32)
ZEROED = X * COUNTS[..., None]
LINE, MASK = (None, STEPS, FEATURES), (None, STEPS)


def model_of(folder, *layers, weights=None, outputs):
    """A model of the inputs ``x`` and, where it is read, ``m``."""
    inputs = [input_layer("x", LINE), input_layer("m", MASK, "bool")]
    inputs = inputs[: 1 + ("'m'" in str(layers))]
    names = [layer["name"] for layer in inputs]
    return read_model(write(folder, functional([*inputs, *layers], names, outputs), weights or {}))


def close(found, expected):
    np.testing.assert_allclose(found, expected, atol=3e-6)


def given():
    return {"mask": tensor("m", MASK, dtype="bool")}


def masking(name="m0"):
    return called("Masking", name, [tensor("x")], mask_value=0.0)


def gru(name, read, kwargs=None, **config):
    return called("GRU", name, [tensor(read)], kwargs, **options("GRU"), reset_after=False, **config)


def mean(read):
    return called("GlobalAveragePooling1D", "mean", [tensor(read)])


def mean_of(x, counts=COUNTS):
    return (x * counts[..., None]).sum(1) / counts.sum(1, keepdims=True)


def test_a_mask_that_a_call_is_given_goes_on_to_the_layers_behind(tmp_path, run):
    """It is no initial state, though a tensor of the call."""
    shapes = recurrent_shapes("GRU", FEATURES, prefix="a/") | recurrent_shapes("GRU", UNITS, prefix="b/")
    weights = weights_of(shapes)
    layers = [
        gru("a", "x", given(), return_sequences=True),
        called("Dropout", "d", [tensor("a")], rate=0.5),
        gru("b", "d"),
    ]
    graph = model_of(tmp_path, *layers, weights=weights, outputs=["b"])
    first, _ = steps("GRU", X, below(weights, "a/"), COUNTS)
    close(run(graph, {"x": X, "m": COUNTS})[0], steps("GRU", first, below(weights, "b/"), COUNTS)[0][:, -1])


def test_both_directions_read_the_mask_of_the_call(tmp_path, run):
    inner = [f"{d}_gru" for d in ("forward", "backward")]
    weights = weights_of({k: s for n in inner for k, s in recurrent_shapes("GRU", FEATURES, prefix=f"l/{n}/").items()})
    config = options("GRU", reset_after=False)
    layer = {"class_name": "GRU", "config": {"name": "forward_gru", **config}}
    backward = {"class_name": "GRU", "config": {"name": "backward_gru", "go_backwards": True, **config}}
    both = called("Bidirectional", "l", [tensor("x")], given(), layer=layer, backward_layer=backward)
    found = run(model_of(tmp_path, both, weights=weights, outputs=["l"]), {"x": X, "m": COUNTS})[0]
    ends = [
        steps("GRU", X, below(weights, f"l/{n}/"), COUNTS, backwards=n.startswith("backward"))[0][:, -1] for n in inner
    ]
    close(found, np.concatenate(ends, -1))


def test_states_and_a_mask_of_one_call(tmp_path, run):
    weights = weights_of(recurrent_shapes("SimpleRNN", FEATURES, prefix="l/"))
    start = called("Dense", "s", [tensor("mean")], units=UNITS, use_bias=False)
    kernel = weights_of({"s/kernel": (FEATURES, UNITS)})
    kwargs = {**given(), "initial_state": [tensor("s")]}
    layer = called("SimpleRNN", "l", [tensor("x")], kwargs, **options("SimpleRNN"))
    graph = model_of(tmp_path, mean("x"), start, layer, weights=weights | kernel, outputs=["l"])
    state = X.mean(1) @ kernel["s/kernel"]
    expected, _ = steps("SimpleRNN", X, below(weights, "l/"), COUNTS, [state])
    close(run(graph, {"x": X, "m": COUNTS})[0], expected[:, -1])


def test_a_mean_over_the_steps_of_the_mask_of_the_call(tmp_path, run):
    layer = called("GlobalAveragePooling1D", "l", [tensor("x")], given())
    close(run(model_of(tmp_path, layer, outputs=["l"]), {"x": X, "m": COUNTS})[0], mean_of(X))


PASSING = {
    "Identity": ({}, {}),
    "Normalization": ({"axis": -1, "mean": [0.5] * FEATURES, "variance": [2.0] * FEATURES}, {}),
    "UnitNormalization": ({"axis": -1}, {}),
    "GroupNormalization": ({"groups": 2, "scale": False, "center": False}, {}),
    "LayerNormalization": ({"axis": -1}, {"gamma": (FEATURES,), "beta": (FEATURES,)}),
    "TimeDistributed": ({"layer": wrapped("Dense", units=2, use_bias=False)}, {"inner/kernel": (FEATURES, 2)}),
}
LOSING = {
    "RMSNormalization": ({"axis": -1}, {"scale": (FEATURES,)}),
    "StopGradient": ({}, {}),
    "EinsumDense": ({"equation": "abc,cd->abd"}, {"kernel": (FEATURES, 2)}),
    "ZeroPadding1D": ({"padding": 0}, {}),
}


@pytest.mark.parametrize("name", [*PASSING, *LOSING])
def test_layers_pass_a_mask_on_or_lose_it_as_in_keras(tmp_path, run, name):
    config, shapes = {**PASSING, **LOSING}[name]
    layer = called(name, "l", [tensor("m0")], **config)
    weights = weights_of({f"l/{k}": s for k, s in shapes.items()})
    graph = model_of(tmp_path, masking(), layer, mean("l"), weights=weights, outputs=["l", "mean"])
    between, found = run(graph, {"x": ZEROED})
    close(found, mean_of(between) if name in PASSING else between.mean(1))


def test_operations_lose_the_mask_that_layers_of_the_same_class_join(tmp_path, run):
    two = [masking(), called("Masking", "m1", [tensor("x")], mask_value=9.0)]
    layer = called("Add", "l", [[tensor("m0"), tensor("m1")]])
    operation = called("Add", "l", [tensor("m0"), tensor("m1")])
    for folder, add in (("layer", layer), ("operation", operation)):
        graph = model_of(tmp_path / folder, *two, add, mean("l"), outputs=["mean"])
        total = 2 * ZEROED
        close(run(graph, {"x": ZEROED})[0], mean_of(total) if folder == "layer" else total.mean(1))


@pytest.mark.parametrize("class_name", ["Attention", "AdditiveAttention"])
def test_attention_does_not_see_steps_that_a_mask_leaves_out(tmp_path, run, class_name):
    """And it passes the mask of its query on."""
    layer = called(class_name, "l", [[tensor("m0"), tensor("m0")]], use_scale=False)
    graph = model_of(tmp_path, masking(), layer, mean("l"), outputs=["l", "mean"])
    sums = ZEROED[:, :, None] + ZEROED[:, None]
    scores = np.einsum("bqf,bkf->bqk", ZEROED, ZEROED) if class_name == "Attention" else np.tanh(sums).sum(-1)
    expected = softmax(np.where(COUNTS[:, None], scores, -1e9)) @ ZEROED * COUNTS[..., None]
    found = run(graph, {"x": ZEROED})
    close(found[0], expected)
    close(found[1], mean_of(expected))


def test_several_heads_do_not_see_steps_that_a_mask_leaves_out(tmp_path, run):
    parts = {f"l/{n}/kernel": (FEATURES, 2, 3) for n in ("query", "key", "value")}
    weights = weights_of(parts | {"l/attention_output/kernel": (2, 3, FEATURES)})
    layer = called(
        "MultiHeadAttention", "l", [tensor("x"), tensor("m0")], num_heads=2, key_dim=3, use_bias=False
    )
    found = run(model_of(tmp_path, masking(), layer, weights=weights, outputs=["l"]), {"x": ZEROED})[0]
    q, k, v = (np.einsum("btf,fhw->bthw", ZEROED, weights[n]) for n in parts)
    scores = np.einsum("bqhw,bkhw->bhqk", q, k) / np.sqrt(3)
    shares = softmax(np.where(COUNTS[:, None, None], scores, -1e9))
    close(found, np.einsum("bhqk,bkhw,hwf->bqf", shares, v, weights["l/attention_output/kernel"]))


def test_a_nested_model_gets_the_masks_of_its_inputs(tmp_path, run):
    inner = functional([input_layer("i", LINE), mean("i")], ["i"], ["mean"], name="inner")
    node = {"args": [tensor("m0")], "kwargs": {"mask": None}}
    graph = model_of(tmp_path, masking(), {**inner, "name": "inner", "inbound_nodes": [node]}, outputs=["inner"])
    close(run(graph, {"x": ZEROED})[0], mean_of(ZEROED))


def test_a_model_in_a_wrapper_has_its_weights_where_a_keras_file_has_them(tmp_path, run):
    """Of two wrapped models, each with a layer of the same name."""
    inner = sequential((None, FEATURES), ("Dense", {"name": "d", "units": FEATURES, "use_bias": False}))
    layers = [
        called("TimeDistributed", n, [tensor(read)], layer={**inner, "config": {**inner["config"], "name": n + "_in"}})
        for n, read in (("a", "x"), ("b", "a"))
    ]
    places = [f"layers/time_distributed{n}/layer/layers/dense/vars/0" for n in ("", "_1")]
    weights = weights_of(dict.fromkeys(places, (FEATURES, FEATURES)))
    graph = model_of(tmp_path, *layers, weights=weights, outputs=["b"])
    one, other = weights.values()
    close(run(graph, {"x": X})[0], X @ one @ other)


def test_a_wrapped_layer_with_a_normalized_kernel(tmp_path, run):
    layer = called("SpectralNormalization", "l", [tensor("x")], layer=wrapped("Dense", units=2, use_bias=False))
    weights = weights_of({"l/inner/kernel": (FEATURES, 2), "l/vector_u": (1, 2)})
    graph = model_of(tmp_path, layer, weights=weights, outputs=["l"])
    close(run(graph, {"x": X})[0], X @ weights["l/inner/kernel"])
