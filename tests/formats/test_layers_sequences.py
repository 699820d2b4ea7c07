"""Masks, wrapped and stacked recurrent layers, and what stateful ones keep, against float64."""

import json

import numpy as np
import pytest
from support.layers import functional, keras_input, keras_layer, weights_of, write
from support.sequence_layers import GATES, STATES, UNITS, below, options, recurrent_shapes, steps, wrapped

import tfjslab as tf
from tfjslab.base.errors import DTypeError, ModelError
from tfjslab.formats.registry import read_model

BATCH, STEPS, FEATURES = 3, 5, 3
# The first row starts and goes on without some steps, the second ends early, the third has none at all.
COUNTS = np.array([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], bool)


def sequence(seed=0):
    """Steps that do not count are zeros."""
    x = np.random.default_rng(seed).uniform(-1, 1, (BATCH, STEPS, FEATURES)) * COUNTS[..., None]
    return x.astype(np.float32)


def close(found, expected):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=3e-6)


def made_by(path, version):
    """The same model as another program or version would have saved it."""
    model = json.loads(path.read_text())
    model["modelTopology"]["keras_version"] = version
    path.write_text(json.dumps(model))
    return path


def model_of(folder, *layers, weights, outputs, shape=(None, STEPS, FEATURES), version="2.15.0"):
    """A model whose first input is called x."""
    given = [keras_input("x", shape)] if layers[0]["class_name"] != "InputLayer" else []
    inputs = [x["name"] for x in (*given, *layers) if x["class_name"] == "InputLayer"]
    path = write(folder, functional([*given, *layers], inputs, outputs), weights)
    return read_model(made_by(path, version))


MASKING = keras_layer("Masking", "m", "x", mask_value=0)


# ---- masks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kind", GATES)
def test_steps_that_do_not_count_leave_a_layer_as_it_is(tmp_path, kind, backwards, backend):
    weights = weights_of(recurrent_shapes(kind, FEATURES, prefix="r/"))
    layer = keras_layer(
        kind, "r", "m", return_sequences=True, return_state=True, go_backwards=backwards, **options(kind)
    )
    ends = [("r", 0, i) for i in range(1 + STATES[kind])]
    graph = model_of(tmp_path, MASKING, layer, weights=weights, outputs=ends)
    outputs, states = steps(kind, sequence(), below(weights, "r/"), COUNTS, backwards=backwards)
    with tf.load_model(tmp_path, backend=backend) as model:
        for found, expected in zip(model.predict(sequence()), (outputs, *states), strict=True):
            close(found, expected)
    assert {n.op for n in graph.nodes} >= {kind}, "one node for all steps"


def test_a_mask_of_any_number_of_steps(tmp_path, run):
    weights = weights_of(recurrent_shapes("GRU", FEATURES, prefix="r/"))
    layer = keras_layer("GRU", "r", "m", **options("GRU"))
    graph = model_of(tmp_path, MASKING, layer, weights=weights, outputs=["r"], shape=(None, None, FEATURES))
    close(run(graph, sequence())[0], steps("GRU", sequence(), below(weights, "r/"), COUNTS)[0][:, -1])


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_ids_of_an_embedding_are_integers_or_floats_and_0_may_mask(tmp_path, dtype):
    ids = np.where(COUNTS, np.arange(STEPS) + 1, 0).astype(dtype)
    weights = weights_of({"e/embeddings": (9, FEATURES), **recurrent_shapes("LSTM", FEATURES, prefix="r/")})
    layers = [
        keras_input("x", (None, STEPS)),
        keras_layer("Embedding", "e", "x", mask_zero=True),
        keras_layer("LSTM", "r", "e", **options("LSTM")),
    ]
    write(tmp_path, functional(layers, ["x"], ["r"]), weights)
    x = weights["e/embeddings"][ids.astype(int)]
    with tf.load_model(tmp_path, backend="cpu") as model:
        close(model.predict(ids), steps("LSTM", x, below(weights, "r/"), COUNTS)[0][:, -1])
        with pytest.raises(DTypeError, match=r"input 'x': dtype bool \(bool\); expected float32"):
            model.predict(ids != 0)


def test_masks_that_nothing_reads_leave_no_node(tmp_path):
    layers = [keras_layer("Embedding", "e", "x", mask_zero=True), keras_layer("Flatten", "f", "e")]
    graph = model_of(tmp_path, *layers, weights=weights_of({"e/embeddings": (9, 2)}), outputs=["f"], shape=(None, 4))
    assert [n.op for n in graph.nodes] == ["Cast", "GatherV2", "Reshape"]


PASSING = {
    "Dense": ({"units": FEATURES}, {"kernel": (FEATURES, FEATURES), "bias": (FEATURES,)}),
    "Dropout": ({"rate": 0.5}, {}),
    "ReLU": ({}, {}),
    "LeakyReLU": ({}, {}),
    "Activation": ({"activation": "tanh"}, {}),
    "TimeDistributed": (
        {"layer": wrapped("Dense", units=FEATURES)},
        {"kernel": (FEATURES, FEATURES), "bias": (FEATURES,)},
    ),
}


@pytest.mark.parametrize("name", PASSING)
def test_layers_that_work_on_each_step_pass_the_mask_on(tmp_path, run, name):
    config, shapes = PASSING[name]
    weights = weights_of({f"p/{k}": s for k, s in shapes.items()} | recurrent_shapes("GRU", FEATURES, prefix="r/"))
    layers = [MASKING, keras_layer(name, "p", "m", **config), keras_layer("GRU", "r", "p", **options("GRU"))]
    graph = model_of(tmp_path, *layers, weights=weights, outputs=["p", "r"])
    between, found = run(graph, sequence())
    close(found, steps("GRU", between, below(weights, "r/"), COUNTS)[0][:, -1])


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("Add", {}, lambda a, b: a & b),
        ("Multiply", {}, lambda a, b: a & b),
        ("Concatenate", {}, lambda a, b: a & b),
        ("Concatenate", {"axis": 1}, lambda a, b: np.concatenate([a, b], 1)),
    ],
)
def test_masks_of_several_inputs_are_joined(tmp_path, run, name, config, expected):
    wide = FEATURES * (2 if name == "Concatenate" and not config else 1)
    weights = weights_of(recurrent_shapes("SimpleRNN", wide, prefix="r/"))
    layers = [keras_input(n, (None, STEPS, FEATURES)) for n in "xy"] + [
        keras_layer("Masking", "m", "x"),
        keras_layer("Masking", "k", "y"),
        keras_layer(name, "j", "m", "k", **config),
        keras_layer("SimpleRNN", "r", "j", units=UNITS),
    ]
    graph = model_of(tmp_path, *layers, weights=weights, outputs=["j", "r"])
    other = sequence(1)[::-1].copy()
    joined, found = run(graph, {"x": sequence(), "y": other})
    mask = expected(COUNTS, COUNTS[::-1])
    close(found, steps("SimpleRNN", joined, below(weights, "r/"), mask)[0][:, -1])


def test_an_input_without_mask_counts_whole_when_steps_are_joined(tmp_path, run):
    weights = weights_of(recurrent_shapes("SimpleRNN", FEATURES, prefix="r/"))
    layers = [
        MASKING,
        keras_layer("Concatenate", "j", "m", "x", axis=1),
        keras_layer("SimpleRNN", "r", "j", units=UNITS),
    ]
    graph = model_of(tmp_path, *layers, weights=weights, outputs=["j", "r"])
    joined, found = run(graph, sequence())
    mask = np.concatenate([COUNTS, np.ones_like(COUNTS)], 1)
    close(found, steps("SimpleRNN", joined, below(weights, "r/"), mask)[0][:, -1])


@pytest.mark.parametrize(("version", "masked"), [("3.15.1", True), ("tfjs-layers 4.22.0", False)])
def test_pooling_over_steps_follows_the_maker_of_the_model(tmp_path, run, version, masked):
    """Keras means the steps that count, TF.js all of them."""
    pool = keras_layer("GlobalAveragePooling1D", "g", "m")
    graph = model_of(tmp_path, MASKING, pool, weights={}, outputs=["g"], version=version)
    counts = COUNTS.sum(1, keepdims=True) if masked else STEPS
    with np.errstate(invalid="ignore"):
        expected = sequence().sum(1) / counts
    close(run(graph, sequence())[0], expected)


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_outputs_of_steps_that_do_not_count_may_be_zeros(tmp_path, run, sequences, backwards):
    weights = weights_of(recurrent_shapes("GRU", FEATURES, prefix="r/"))
    flags = {"zero_output_for_mask": True, "go_backwards": backwards, "return_sequences": sequences}
    layer = keras_layer("GRU", "r", "m", **flags, **options("GRU"))
    graph = model_of(tmp_path, MASKING, layer, weights=weights, outputs=["r"])
    outputs = steps("GRU", sequence(), below(weights, "r/"), COUNTS, backwards=backwards)[0]
    if sequences:
        expected = outputs * COUNTS[..., None]
    else:
        expected = outputs[:, -1] * COUNTS[:, :1] if backwards else outputs[:, -1] * COUNTS[:, -1:]
    close(run(graph, sequence())[0], expected)


def test_both_directions_are_masked_and_pass_the_mask_on(tmp_path, run):
    shapes = {
        f"b/{d}_inner/{k}": s for d in ("forward", "backward") for k, s in recurrent_shapes("GRU", FEATURES).items()
    }
    weights = weights_of({**shapes, **recurrent_shapes("GRU", 2 * UNITS, prefix="r/")})
    inner = wrapped("GRU", return_sequences=True, **options("GRU"))
    layers = [
        MASKING,
        keras_layer("Bidirectional", "b", "m", layer=inner),
        keras_layer("GRU", "r", "b", **options("GRU")),
    ]
    graph = model_of(tmp_path, *layers, weights=weights, outputs=["b", "r"])
    forward, backward = (
        steps("GRU", sequence(), below(weights, f"b/{d}_inner/"), COUNTS, backwards=d == "backward")[0]
        for d in ("forward", "backward")
    )
    both, found = run(graph, sequence())
    close(both, np.concatenate([forward, backward[:, ::-1]], -1))
    close(found, steps("GRU", both, below(weights, "r/"), COUNTS)[0][:, -1])


# ---- wrappers and cells ----------------------------------------------------------------------------------------------


def test_both_directions_start_from_given_states_and_return_theirs(tmp_path, run):
    shapes = {
        f"b/{d}_inner/{k}": s for d in ("forward", "backward") for k, s in recurrent_shapes("GRU", FEATURES).items()
    }
    weights = weights_of(shapes)
    inner = wrapped("GRU", return_sequences=True, return_state=True, **options("GRU"))
    layer = keras_layer("Bidirectional", "b", "x", "f", "g", layer=inner, merge_mode=None)
    inputs = [keras_input("x", (None, STEPS, FEATURES)), *(keras_input(n, (None, UNITS)) for n in "fg")]
    graph = model_of(tmp_path, *inputs, layer, weights=weights, outputs=[("b", 0, i) for i in range(4)])
    first = [np.random.default_rng(i).uniform(-1, 1, (BATCH, UNITS)).astype(np.float32) for i in range(2)]
    found = run(graph, {"x": sequence(), "f": first[0], "g": first[1]})
    forward, (end,) = steps("GRU", sequence(), below(weights, "b/forward_inner/"), states=first[:1])
    backward, (start,) = steps("GRU", sequence(), below(weights, "b/backward_inner/"), states=first[1:], backwards=True)
    for f, e in zip(found, (forward, backward[:, ::-1], end, start), strict=True):
        close(f, e)


def stack(*kinds, **config):
    """An RNN of cells on top of each other, of as many units as their place says."""
    cells = [{"class_name": f"{k}Cell", "config": {"name": f"c{i}", **options(k, 2 + i)}} for i, k in enumerate(kinds)]
    return keras_layer(
        "RNN", "r", "m", cell={"class_name": "StackedRNNCells", "config": {"name": "s", "cells": cells}}, **config
    )


@pytest.mark.parametrize("version", ["2.15.0", "tfjs-layers 4.22.0"])
@pytest.mark.parametrize("backwards", [False, True])
def test_stacked_cells_are_layers_on_top_of_each_other(tmp_path, run, backwards, version):
    """TF.js names weights by number, and returns the states of the upper cells first."""
    by_tfjs = version != "2.15.0"
    names = [f"RNNCell_{i}" if by_tfjs else f"c{i}" for i in range(2)]
    first, second = recurrent_shapes("LSTM", FEATURES, 2), recurrent_shapes("GRU", 2, 3)
    weights = weights_of({f"r/{n}/{k}": s for n, w in zip(names, (first, second), strict=True) for k, s in w.items()})
    layer = stack("LSTM", "GRU", return_sequences=True, return_state=True, go_backwards=backwards)
    graph = model_of(
        tmp_path, MASKING, layer, weights=weights, outputs=[("r", 0, i) for i in range(4)], version=version
    )
    lower, states = steps("LSTM", sequence(), below(weights, f"r/{names[0]}/"), COUNTS, backwards=backwards)
    counts = COUNTS[:, ::-1] if backwards else COUNTS
    upper, more = steps("GRU", lower, below(weights, f"r/{names[1]}/"), counts)
    expected = (upper, *more, *states) if by_tfjs else (upper, *states, *more)
    for found, e in zip(run(graph, sequence()), expected, strict=True):
        close(found, e)


def test_a_model_is_called_on_each_step(tmp_path, run):
    inner = functional(
        [keras_input("i", (None, FEATURES)), keras_layer("Dense", "d", "i", units=2)], ["i"], ["d"], name="m"
    )
    weights = weights_of({"d/kernel": (FEATURES, 2), "d/bias": (2,)})
    layer = keras_layer("TimeDistributed", "t", "x", layer={**inner, "name": "m"})
    graph = model_of(tmp_path, layer, weights=weights, outputs=["t"])
    close(run(graph, sequence())[0], sequence() @ weights["d/kernel"] + weights["d/bias"])


@pytest.mark.parametrize(
    ("class_name", "config", "message"),
    [
        (
            "RNN",
            {"cell": {"class_name": "LSTMCel", "config": {"name": "c"}}},
            "unknown cell 'LSTMCel'; did you mean 'LSTMCell'?",
        ),
        ("RNN", {}, "option 'cell' has no cell"),
        ("TimeDistributed", {}, "option 'layer' has 0 layers, expected one"),
        (
            "SimpleRNN",
            {"units": UNITS, "stateful": True},
            "stateful with states of shape [None, 4]; expected a known batch size",
        ),
    ],
)
def test_what_cannot_be_wrapped_or_kept(tmp_path, class_name, config, message):
    weights = weights_of(recurrent_shapes("SimpleRNN", FEATURES, prefix="r/"))
    with pytest.raises(ModelError) as caught:
        model_of(tmp_path, keras_layer(class_name, "r", "x", **config), weights=weights, outputs=["r"])
    assert str(caught.value) == f"{tmp_path}/model.json: layer 'r' ({class_name}): {message}"


def test_unknown_layers_in_wrappers_are_listed_with_the_others(tmp_path):
    layers = [keras_layer("TimeDistributed", "t", "x", layer=wrapped("Dens")), keras_layer("Lambda", "l", "t")]
    with pytest.raises(ModelError) as caught:
        model_of(tmp_path, *layers, weights={}, outputs=["l"])
    unknown = "Dens (1x: 't/inner'; did you mean 'Dense'?), Lambda (1x: 'l'; it holds Python code)"
    assert str(caught.value) == f"{tmp_path}/model.json: 2 unknown layer(s): {unknown}"


def test_an_activation_over_rows_in_a_cell(tmp_path, run):
    weights = weights_of(recurrent_shapes("SimpleRNN", FEATURES, prefix="r/"))
    layer = keras_layer("SimpleRNN", "r", "x", units=UNITS, activation="softmax")
    graph = model_of(tmp_path, layer, weights=weights, outputs=["r"])
    found = run(graph, sequence())[0]
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-6)


def test_a_convolutional_memory_is_one_node_and_is_written_out_for_files(tmp_path):
    shapes = {"c/kernel": (2, 2, 3, 8), "c/recurrent_kernel": (2, 2, 2, 8), "c/bias": (8,)}
    layers = [
        keras_input("x", (None, 3, 4, 5, 3)),
        keras_layer("ConvLSTM2D", "c", "x", filters=2, kernel_size=2, padding="same", go_backwards=True),
    ]
    write(tmp_path / "made", functional(layers, ["x"], ["c"]), weights_of(shapes))
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, 4, 5, 3)).astype(np.float32)
    with tf.load_model(tmp_path / "made", backend="cpu") as model:
        assert [n.op for n in model.graph.nodes].count("ConvLSTM2D") == 1
        expected = model.predict(x)
        model.save(tmp_path / "saved")
    with tf.load_model(tmp_path / "saved", backend="cpu") as model:
        assert {n.op for n in model.graph.nodes}.isdisjoint({"ConvLSTM2D"})
        close(model.predict(x), expected)


# ---- states that are kept --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
@pytest.mark.parametrize("kind", GATES)
def test_a_stateful_layer_goes_on_where_the_call_before_ended(tmp_path, kind, backend):
    weights = weights_of(recurrent_shapes(kind, FEATURES, prefix="r/"))
    layers = [keras_input("x", (BATCH, STEPS, FEATURES)), keras_layer(kind, "r", "x", stateful=True, **options(kind))]
    write(tmp_path, functional(layers, ["x"], ["r"]), weights)
    x = np.random.default_rng(0).uniform(-1, 1, (BATCH, 3 * STEPS, FEATURES)).astype(np.float32)
    whole = steps(kind, x, below(weights, "r/"))[0]
    with tf.load_model(tmp_path, backend=backend) as model:
        assert [p.name for p in model.inputs] == ["x"]
        assert [p.name for p in model.outputs] == ["r/r"]
        before = tf.memory().num_tensors
        for round_ in range(2):
            for end in range(STEPS, x.shape[1] + 1, STEPS):
                close(model.predict(x[:, end - STEPS : end]), whole[:, end - 1])
            assert model.is_compiled(x[:, :STEPS]), round_
            model.reset_states()
        model.run(x[:, :STEPS])  # looking changes nothing
        close(model.predict(x[:, :STEPS]), whole[:, STEPS - 1])
        assert tf.memory().num_tensors == before


def test_only_stateful_models_keep_anything(tmp_path):
    weights = weights_of(recurrent_shapes("GRU", FEATURES, prefix="r/"))
    model_of(tmp_path, keras_layer("GRU", "r", "x", **options("GRU")), weights=weights, outputs=["r"])
    with tf.load_model(tmp_path, backend="cpu") as model:
        first = model.predict(sequence())
        np.testing.assert_array_equal(model.predict(sequence()), first)
        model.reset_states()


def test_a_written_stateful_model_has_its_states_as_inputs_and_outputs(tmp_path):
    weights = weights_of(recurrent_shapes("GRU", FEATURES, prefix="r/"))
    layers = [keras_input("x", (BATCH, STEPS, FEATURES)), keras_layer("GRU", "r", "x", stateful=True, **options("GRU"))]
    write(tmp_path / "made", functional(layers, ["x"], ["r"]), weights)
    with tf.load_model(tmp_path / "made", backend="cpu") as model:
        model.save(tmp_path / "saved")
    with tf.load_model(tmp_path / "saved", backend="cpu") as model:
        assert [p.shape for p in model.inputs] == [(BATCH, STEPS, FEATURES), (BATCH, UNITS)]
        assert len(model.outputs) == 2
