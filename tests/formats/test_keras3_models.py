"""Models as Keras 3 writes them: names of weights, arguments of calls, dicts of inputs and outputs, architectures."""

import numpy as np
import pytest
from support.keras3 import Arg, called, functional, input_layer, placed, sequential, sigmoid, tensor, write
from support.layers import weights_of

from tfjslab.base.errors import ModelError, UnknownOpError
from tfjslab.formats.layers_model.layer_weights import LayerWeights, WeightIndex, places
from tfjslab.formats.registry import read_model

X = np.random.default_rng(3).uniform(-1, 1, (2, 4)).astype(np.float32)


def dense(name, read, units=3, **config):
    return called("Dense", name, [tensor(read)], units=units, **config)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_places_of_a_keras_file_are_classes_counted_from_the_second():
    classes = ["InputLayer", "Conv2DTranspose", "Dense", "PReLU", "Dense", "RMSNormalization", "Dense", "LSTM"]
    assert places(classes, "layers") == [
        "layers/input_layer",
        "layers/conv2d_transpose",
        "layers/dense",
        "layers/p_re_lu",
        "layers/dense_1",
        "layers/rms_normalization",
        "layers/dense_2",
        "layers/lstm",
    ]


KERNEL, BIAS = weights_of({"kernel": (4, 3), "bias": (3,)}).values()
OTHER, OTHER_BIAS = weights_of({"kernel": (3, 2), "bias": (2,)}).values()


@pytest.mark.parametrize(
    "names",
    [
        ("layers/dense/vars/0", "layers/dense/vars/1", "layers/dense_1/vars/0", "layers/dense_1/vars/1"),
        # Keras 2.13, and one that numbers from the names of the layers, which are in another order.
        tuple(f"_layer_checkpoint_dependencies/dense{n}/vars/{i}" for n in ("", "_1") for i in (0, 1)),
        ("dense_8/0", "dense_8/1", "dense_7/0", "dense_7/1"),
        ("dense_8/kernel", "dense_8/bias", "dense_7/kernel", "dense_7/bias"),
        (
            "functional/dense_8/kernel",
            "functional/dense_8/bias",
            "functional/dense_7/kernel",
            "functional/dense_7/bias",
        ),
    ],
)
def test_weights_by_every_way_of_naming(tmp_path, run, names):
    layers = [input_layer("x", (None, 4)), dense("dense_8", "x"), dense("dense_7", "dense_8", units=2)]
    weights = dict(zip(names, (KERNEL, BIAS, OTHER, OTHER_BIAS), strict=True))
    weights["optimizer/vars/0"] = np.int32(7)
    graph = read_model(write(tmp_path, functional(layers, ["x"], ["dense_7"]), weights))
    close(run(graph, X)[0], (X @ KERNEL + BIAS) @ OTHER + OTHER_BIAS)
    assert sorted(graph.constants) == ["dense_7/bias", "dense_7/kernel", "dense_8/bias", "dense_8/kernel"]


def test_a_layer_without_a_bias_or_scale_counts_its_other_weights(tmp_path, run):
    shapes = {"layers/dense/vars/0": (4, 3), "layers/batch_normalization/vars/0": (3,)}
    shapes |= {f"layers/batch_normalization/vars/{i}": (3,) for i in (1, 2)}
    weights = weights_of(shapes, ("2",))
    norm = called("BatchNormalization", "bn", [tensor("d")], scale=False, center=True, epsilon=0.01, axis=-1)
    layers = [input_layer("x", (None, 4)), dense("d", "x", use_bias=False), norm]
    graph = read_model(write(tmp_path, functional(layers, ["x"], ["bn"]), weights))
    kernel, beta, mean, variance = weights.values()
    close(run(graph, X)[0], (X @ kernel - mean) / np.sqrt(variance + 0.01) + beta)


def test_layers_of_nested_models_have_places_of_their_own(tmp_path, run):
    """Two nested models of one class, with a layer of the same name in each; one is called twice."""
    inner = [
        {**functional([input_layer("i", (None, 4)), dense("d", "i", units=4)], ["i"], ["d"], name=n), "name": n}
        for n in ("one", "two")
    ]
    inner[0]["inbound_nodes"] = [{"args": [tensor("x")], "kwargs": {}}, {"args": [tensor("two")], "kwargs": {}}]
    inner[1]["inbound_nodes"] = [{"args": [tensor("one")], "kwargs": {}}]
    places_ = [f"layers/functional{n}/layers/dense/vars/{i}" for n in ("", "_1") for i in (0, 1)]
    weights = dict(zip(places_, weights_of({"k": (4, 4), "b": (4,), "l": (4, 4), "c": (4,)}).values(), strict=True))
    model = functional([input_layer("x", (None, 4)), *inner], ["x"], [("one", 1, 0)])
    graph = read_model(write(tmp_path, model, weights))
    k, b, m, c = weights.values()
    close(run(graph, X)[0], ((X @ k + b) @ m + c) @ k + b)


def weights_at(names, class_name, config):
    index = WeightIndex({n: np.float32([i]) for i, n in enumerate(names)})
    return LayerWeights(index, class_name, config, ("layer",), "layers/bidirectional", "here")


LSTM = {"class_name": "LSTM", "config": {"name": "forward_lstm", "use_bias": True}}
BOTH = {"layer": LSTM, "backward_layer": {"class_name": "LSTM", "config": {"name": "backward_lstm"}}}


@pytest.mark.parametrize(
    "names",
    [
        [f"layers/bidirectional/{d}_layer/cell/vars/{i}" for d in ("forward", "backward") for i in range(3)],
        [
            f"model/layer/{d}_lstm/lstm_cell/{w}"
            for d in ("forward", "backward")
            for w in ("kernel", "recurrent_kernel", "bias")
        ],
        [f"layer/{d}_lstm/{w}" for d in ("forward", "backward") for w in ("kernel", "recurrent_kernel", "bias")],
    ],
)
def test_weights_of_layers_inside_of_a_layer(names):
    found = weights_at(names, "Bidirectional", BOTH)
    asked = [f"{d}_lstm/{w}" for d in ("forward", "backward") for w in ("kernel", "recurrent_kernel", "bias")]
    assert [int(found.find(n)[0]) for n in asked] == list(range(6))
    # Keras 2 gives one layer and makes the names of both from it.
    one = weights_at(names, "Bidirectional", {**BOTH, "layer": {**LSTM, "config": {"name": "lstm"}}})
    assert [int(one.find(n)[0]) for n in asked[:3]] == [0, 1, 2]
    only = weights_at(names, "Bidirectional", {"layer": {**LSTM, "config": {"name": "lstm"}}})
    assert [int(only.find(n)[0]) for n in asked] == list(range(6))


def test_weights_of_what_is_wrapped_may_lack_its_name():
    """TF.js mostly leaves it out; Keras does not, and what has the whole name comes first."""
    names = ["layer/inner/kernel", "layer/kernel", "layer/bias"]
    found = weights_at(names, "TimeDistributed", {}).wrapped("inner")
    assert [int(found.find(n)[0]) for n in ("kernel", "bias")] == [0, 2]
    deeper = weights_at(["layer/outer/inner/kernel", "layer/bias"], "TimeDistributed", {})
    deeper = deeper.wrapped("outer").wrapped("inner")
    assert [int(deeper.find(n)[0]) for n in ("kernel", "bias")] == [0, 1]
    with pytest.raises(ModelError, match="weight 'gamma' is not in weightsManifest"):
        deeper.find("gamma")


def test_weights_of_cells_in_a_stack():
    cells = [{"class_name": "LSTMCell", "config": {"name": n}} for n in ("lstm_cell_5", "lstm_cell_4")]
    stack = {"class_name": "StackedRNNCells", "config": {"name": "stack", "cells": cells}}
    at = [f"layers/bidirectional/cell/cells/lstm_cell{n}/vars/{i}" for n in ("", "_1") for i in range(3)]
    found = weights_at(at, "RNN", {"cell": stack})
    for outer in ("", "stack/"):
        asked = [f"{outer}lstm_cell_{n}/{w}" for n in (5, 4) for w in ("kernel", "recurrent_kernel", "bias")]
        assert [int(found.find(n)[0]) for n in asked] == list(range(6))


def test_weights_of_the_parts_of_an_attention():
    parts = ("query", "key", "value", "output")
    for private in ("", "_"):
        found = weights_at([f"layers/bidirectional/{private}{p}_dense/vars/0" for p in parts], "MultiHeadAttention", {})
        asked = ("query/kernel", "key/kernel", "value/kernel", "attention_output/kernel")
        assert [int(found.find(n)[0]) for n in asked] == list(range(4))


def test_a_weight_inside_of_a_layer_that_is_missing():
    with pytest.raises(ModelError) as caught:
        weights_at([], "Bidirectional", BOTH).find("forward_lstm/kernel")
    assert str(caught.value) == "here: weight 'forward_lstm/kernel' is not in weightsManifest"
    assert caught.value.code == "model.missing_weight"


def test_dicts_of_inputs_and_outputs_are_sorted_and_their_keys_are_kept(tmp_path, run):
    layers = [
        input_layer("in_1", (None, 4)),
        input_layer("in_2", (None, 4)),
        called("Subtract", "s", [tensor("in_1"), tensor("in_2")]),
        called("Negative", "n", [tensor("s")]),
    ]
    model = functional(layers, {"right": "in_2", "left": "in_1"}, {"plus": "s", "minus": "n"})
    graph = read_model(write(tmp_path, model, {}))
    assert [p.name for p in graph.inputs] == ["in_1", "in_2"]
    assert [p.name for p in graph.outputs] == ["n/n", "s/s"]
    assert graph.metadata["signature"] == {
        "inputs": {"left": "in_1", "right": "in_2"},
        "outputs": {"minus": "n/n", "plus": "s/s"},
    }
    minus, plus = run(graph, {"in_1": X, "in_2": np.ones_like(X)})
    close(plus, X - 1)
    close(minus, 1 - X)


def test_a_nested_model_is_called_on_a_dict(tmp_path, run):
    inner = functional(
        [input_layer("p", (None, 4)), input_layer("q", (None, 4)), called("Subtract", "s", [tensor("q"), tensor("p")])],
        {"b": "p", "a": "q"},
        ["s"],
        name="inner",
    )
    node = {"args": [{"b": tensor("x"), "a": tensor("y")}], "kwargs": {}}
    layers = [
        input_layer("x", (None, 4)),
        input_layer("y", (None, 4)),
        {**inner, "name": "inner", "inbound_nodes": [node]},
    ]
    graph = read_model(write(tmp_path, functional(layers, ["x", "y"], ["inner"]), {}))
    close(run(graph, {"x": X, "y": np.ones_like(X)})[0], 1 - X)


def test_states_come_as_keyword_arguments(tmp_path, run):
    shapes = {"layers/gru/cell/vars/0": (3, 12), "layers/gru/cell/vars/1": (4, 12), "layers/gru/cell/vars/2": (12,)}
    gru = called(
        "GRU", "g", [tensor("x")], {"initial_state": [tensor("h")], "training": False}, units=4, reset_after=False
    )
    layers = [input_layer("x", (None, 5, 3)), input_layer("h", (None, 4)), gru]
    graph = read_model(write(tmp_path, functional(layers, ["x", "h"], ["g"]), weights_of(shapes)))
    x, state = np.ones((2, 5, 3), np.float32), np.ones((2, 4), np.float32)
    assert np.abs(run(graph, {"x": x, "h": state})[0] - run(graph, {"x": x, "h": 0 * state})[0]).max() > 1e-3


def test_constants_and_keywords_of_keras_2(tmp_path, run):
    """Operations have no nodes in Keras 2, but calls may hold values that are no tensors."""
    attention = {"class_name": "Attention", "name": "a", "config": {"name": "a"}}
    attention["inbound_nodes"] = [[["x", 0, 0, {"use_causal_mask": True}], ["x", 0, 0, {}]]]
    plain = {
        "class_name": "Add",
        "name": "p",
        "config": {"name": "p"},
        "inbound_nodes": [[["a", 0, 0, {}], ["_CONSTANT_VALUE", -1, 2.0]]],
    }
    layers = [input_layer("x", (None, 3, 4)), attention, plain]
    graph = read_model(write(tmp_path, functional(layers, ["x"], ["p"]), {}, "2.15.0"))
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, 4)).astype(np.float32)
    close(run(graph, x)[0][:, 0], x[:, 0] + 2)


@pytest.mark.parametrize(
    ("version", "expected"), [("3.0.0", 1 / 6 + 0.5), ("2.15.0", 0.7), ("tfjs-layers 4.22.0", 0.7)]
)
def test_hard_sigmoid_is_that_of_the_version(tmp_path, run, version, expected):
    model = sequential((None, 4), ("Activation", {"name": "a", "activation": "hard_sigmoid"}))
    graph = read_model(write(tmp_path, model, {}, version))
    close(run(graph, np.ones((1, 4), np.float32))[0], np.full((1, 4), expected))


def test_recurrent_gates_have_the_hard_sigmoid_of_the_version(tmp_path, run):
    shapes = {f"layers/lstm/cell/vars/{i}": s for i, s in enumerate([(3, 16), (4, 16), (16,)])}
    options = {"name": "l", "units": 4, "activation": "tanh", "recurrent_activation": "hard_sigmoid", "use_bias": True}
    weights = weights_of(shapes)
    found = run(
        read_model(write(tmp_path, sequential((None, 1, 3), ("LSTM", options)), weights)),
        np.ones((2, 1, 3), np.float32),
    )
    kernel, _, bias = (w.astype(np.float64) for w in weights.values())
    i, _, g, o = np.split(np.ones((2, 3)) @ kernel + bias, 4, -1)
    hard = lambda v: np.clip(v / 6 + 0.5, 0, 1)  # noqa: E731
    close(found[0], hard(o) * np.tanh(hard(i) * np.tanh(g)))


def test_an_activation_may_be_a_layer_with_options_and_weights(tmp_path, run):
    leaky = {"module": "keras.layers", "class_name": "LeakyReLU", "config": {"name": "leaky", "negative_slope": 0.25}}
    prelu = {"module": "keras.layers", "class_name": "PReLU", "config": {"name": "pre"}}
    weights = weights_of(
        {
            "layers/dense/vars/0": (4, 3),
            "layers/dense/vars/1": (3,),
            "layers/dense_1/vars/0": (3, 3),
            "layers/dense_1/vars/1": (3,),
            "layers/dense_1/activation/vars/0": (3,),
        }
    )
    options = {"units": 3, "use_bias": True}
    model = sequential(
        (None, 4),
        ("Dense", {"name": "a", "activation": leaky, **options}),
        ("Dense", {"name": "b", "activation": prelu, **options}),
    )
    k, b, m, c, alpha = weights.values()
    first = X @ k + b
    second = np.where(first > 0, first, 0.25 * first) @ m + c
    close(run(read_model(write(tmp_path, model, weights)), X)[0], np.where(second > 0, second, alpha * second))


def test_policies_of_dtypes(tmp_path):
    """A mixed policy is how a model was trained; here it runs in float32, as in TF.js."""
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    first = ("Dense", {"name": "d", "units": 3, "dtype": policy})
    model = sequential((None, 4), first)
    model["config"]["layers"].pop(0)
    model["config"]["build_input_shape"] = [None, 4]
    graph = read_model(write(tmp_path, model, {"layers/dense/vars/0": KERNEL, "layers/dense/vars/1": BIAS}))
    assert [(p.shape, p.dtype) for p in (*graph.inputs, *graph.outputs)] == [
        ((None, 4), "float32"),
        ((None, 3), "float32"),
    ]


def squeeze_and_excite(x, name):
    """As MobileNetV3 does it: an operation with a number, a layer, an operation that is fed by both."""
    return [
        called("GlobalAveragePooling2D", f"{name}_pool", [tensor(x)], keepdims=True),
        called("Conv2D", f"{name}_conv", [tensor(f"{name}_pool")], filters=4, kernel_size=[1, 1], padding="same"),
        called("Add", f"{name}_add", [tensor(f"{name}_conv"), 3.0]),
        called("ReLU", f"{name}_relu", [tensor(f"{name}_add")], max_value=6.0),
        called("Multiply", f"{name}_sixth", [tensor(f"{name}_relu"), 1 / 6]),
        called("Multiply", f"{name}_mul", [[tensor(x), tensor(f"{name}_sixth")]]),
    ]


def test_a_graph_as_mobilenet_v3_and_efficientnet_have_it(tmp_path, run):
    layers = [
        input_layer("x", (None, None, None, 3)),
        called("Rescaling", "rescale", [tensor("x")], scale=1 / 255, offset=0.0),
        called("Normalization", "norm", [tensor("rescale")], axis=[-1], mean=None, variance=None, invert=False),
        called("Rescaling", "again", [tensor("norm")], scale=[2.0, 1.0, 0.5], offset=0.0),
        called("Conv2D", "conv", [tensor("again")], filters=4, kernel_size=[1, 1], activation="hard_silu"),
        *squeeze_and_excite("conv", "se"),
        called("Dropout", "drop", [tensor("se_mul")], {"training": False}, rate=0.2),
        called("Add", "join", [[tensor("drop"), tensor("conv")]]),
        called("GlobalAveragePooling2D", "end", [tensor("join")]),
    ]
    shapes = {
        "normalization/vars/0": (3,),
        "normalization/vars/1": (3,),
        "normalization/vars/2": (),
        "conv2d/vars/0": (1, 1, 3, 4),
        "conv2d/vars/1": (4,),
        "conv2d_1/vars/0": (1, 1, 4, 4),
        "conv2d_1/vars/1": (4,),
    }
    weights = weights_of({f"layers/{k}": s for k, s in shapes.items()}, ("1",))
    graph = read_model(write(tmp_path, functional(layers, ["x"], ["end"]), weights))
    mean, variance, _, k, b, m, c = (w.astype(np.float64) for w in weights.values())
    x = np.random.default_rng(0).uniform(0, 255, (2, 5, 6, 3)).astype(np.float32)
    conv = ((x / 255 - mean) / np.sqrt(variance) * [2, 1, 0.5]) @ k[0, 0] + b
    conv = conv * np.clip(conv / 6 + 0.5, 0, 1)
    gate = np.clip(conv.mean((1, 2), keepdims=True) @ m[0, 0] + c + 3, 0, 6) / 6
    np.testing.assert_allclose(run(graph, x)[0], (conv * gate + conv).mean((1, 2)), rtol=2e-5, atol=1e-5)


def test_a_block_as_convnext_and_transformers_have_it(tmp_path, run):
    layers = [
        input_layer("x", (None, 5, 6)),
        called("LayerNormalization", "norm", [tensor("x")], axis=-1, epsilon=1e-6, center=True, scale=True),
        called(
            "MultiHeadAttention",
            "mha",
            [tensor("norm"), tensor("norm")],
            {"use_causal_mask": True},
            num_heads=2,
            key_dim=3,
            value_dim=3,
            use_bias=False,
        ),
        called("LayerScale", "ls", [tensor("mha")], init_values=1e-6, projection_dim=6),
        called("StochasticDepth", "sd", [tensor("ls")], drop_path_rate=0.1),
        called("Add", "add", [tensor("x"), tensor("sd")]),
        called("GetItem", "last", placed([Arg(0), [slice(None), -1]], ["add"], [(None, 5, 6)])),
        called("Silu", "out", [tensor("last")]),
    ]
    shapes = {"layer_normalization/vars/0": (6,), "layer_normalization/vars/1": (6,), "layer_scale/vars/0": (6,)}
    at = "multi_head_attention/{}_dense/vars/0"
    shapes |= {at.format(n): (6, 2, 3) for n in ("query", "key", "value")} | {at.format("output"): (2, 3, 6)}
    weights = weights_of({f"layers/{k}": s for k, s in shapes.items()})
    graph = read_model(write(tmp_path, functional(layers, ["x"], ["out"]), weights))
    gamma, beta, scale, wq, wk, wv, wo = (w.astype(np.float64) for w in weights.values())
    x = np.random.default_rng(0).uniform(-1, 1, (2, 5, 6)).astype(np.float32)
    norm = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6) * gamma + beta
    q, k, v = (np.einsum("btd,dnh->bnth", norm, w) for w in (wq, wk, wv))
    scores = np.where(np.tri(5), np.einsum("bnth,bnsh->bnts", q, k) / np.sqrt(3), -1e9)
    share = np.exp(scores - scores.max(-1, keepdims=True))
    out = np.einsum("bnts,bnsh,nhd->btd", share / share.sum(-1, keepdims=True), v, wo) * scale + x
    np.testing.assert_allclose(run(graph, x)[0], out[:, -1] * sigmoid(out[:, -1]), rtol=2e-5, atol=2e-6)


def test_attention_over_open_lengths(tmp_path, run):
    """The mask against looking ahead is made when the model runs."""
    node = called("Attention", "a", [[tensor("x"), tensor("x")]], {"use_causal_mask": True})
    graph = read_model(write(tmp_path, functional([input_layer("x", (None, None, 4)), node], ["x"], ["a"]), {}))
    for length in (3, 6):
        x = np.random.default_rng(0).uniform(-1, 1, (2, length, 4)).astype(np.float32)
        scores = np.where(np.tri(length), x @ x.swapaxes(1, 2), -1e9)
        share = np.exp(scores - scores.max(-1, keepdims=True))
        close(run(graph, x)[0], share / share.sum(-1, keepdims=True) @ x)


def test_unknown_layers_inside_of_wrappers_are_listed_with_their_places(tmp_path):
    inner = sequential((None, 4), ("Dence", {"name": "d"}), ("Dence", {"name": "e"}), name="seq")
    unknown = [("SpectralNormalization", {"name": f"w{i}", "layer": inner}) for i in range(2)]
    lookup = ("StringLookup", {"name": "s", "vocabulary": None})
    with pytest.raises(UnknownOpError) as caught:
        read_model(write(tmp_path, sequential((None, 4), *unknown, lookup), {}))
    assert str(caught.value) == (
        f"{tmp_path}/model.json: 2 unknown layer(s): "
        "Dence (4x: 'w0/seq/d', 'w0/seq/e', 'w1/seq/d', ...; did you mean 'Dense'?), "
        "StringLookup (1x: 's'; its vocabulary is not in the file)"
    )


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (called("Add", "o", [tensor("x"), "one"]), "(Add): found the argument 'one', expected a tensor or a number"),
        (called("Where", "o", [tensor("x")]), "(Where): where without values gives a shape that depends on the data"),
        (called("Cast", "o", [tensor("x")], dtype="float9"), "(Cast): unknown dtype 'float9'"),
        (
            called("GetItem", "o", [tensor("x"), ["a"]]),
            "(GetItem): index 'a' among others, expected integers, slices, None and Ellipsis",
        ),
        (
            called("Transpose", "o", [tensor("x")], axes=["a"]),
            "(Transpose): option 'axes' is \"['a']\", expected some integers",
        ),
        (called("Sum", "o", [tensor("x")], axis=3), "(Sum): axes [3] of an input of rank 2"),
        (
            called("Einsum", "o", [tensor("x")], subscripts=None),
            "(Einsum): option 'subscripts' is None, expected an equation",
        ),
        (called("Einsum", "o", [tensor("x")], subscripts="ab,b"), "(Einsum): equation 'ab,b' for inputs of ranks [2]"),
        (
            called("Glu", "o", [tensor("x")], axis=0),
            "(Glu): input [None, 4]; a gated linear unit takes an even length of axis 0",
        ),
        (
            called("GroupNormalization", "o", [tensor("x")], groups=3),
            "(GroupNormalization): 3 groups along axis 1 of an input [None, 4]",
        ),
        (
            called("MultiHeadAttention", "o", [tensor("x"), tensor("x")], use_gate=True),
            "(MultiHeadAttention): use_gate is not supported",
        ),
        (called("Attention", "o", [tensor("x")]), "(Attention): expected a list of a query, a value and perhaps a key"),
        (
            called("Normalization", "o", [tensor("x")], axis=[-1], mean=[1, 2], variance=[1, 2]),
            "(Normalization): 'mean' has shape [2] for axes [1] of an input [None, 4]",
        ),
        (
            called("Activation", "o", [tensor("x")], activation="sofmax"),
            "(Activation): unknown activation 'sofmax'; did you mean 'softmax'?",
        ),
        (
            called("Dropout", "o", [tensor("x")], {"training": True}),
            "(Dropout): it is called with training=True, with which its result would be random",
        ),
        (
            called("BatchNormalization", "o", [tensor("x")], {"training": True}),
            "(BatchNormalization): it is called with training=True, with which it would use statistics of the batch",
        ),
        (called("Cropping1D", "o", [tensor("x")]), "(Cropping1D): input [None, 4], expected rank 3"),
    ],
)
def test_what_cannot_be_read_names_the_layer_and_the_option(tmp_path, node, message):
    with pytest.raises(ModelError) as caught:
        read_model(write(tmp_path, functional([input_layer("x", (None, 4)), node], ["x"], ["o"]), {}))
    assert str(caught.value) == f"{tmp_path}/model.json: layer 'o' {message}"


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (
            {"class_name": "__slice__", "config": {"start": "a"}},
            "found a slice of \"['a', None, None]\", expected integers",
        ),
        ({"class_name": "__numpy__", "config": {"value": ["a"], "dtype": "float32"}}, "found no array of 'float32'"),
        ({"class_name": "__bytes__", "config": {}}, "unknown kind of argument '__bytes__'"),
        (
            {"class_name": "__keras_tensor__", "config": {"keras_history": ["x", -1, 0]}},
            "found \"['x', -1, 0]\", expected [layer, call, tensor]",
        ),
    ],
)
def test_damaged_arguments_name_the_call(tmp_path, argument, message):
    node = called("Add", "o", [tensor("x"), argument])
    with pytest.raises(ModelError) as caught:
        read_model(write(tmp_path, functional([input_layer("x", (None, 4)), node], ["x"], ["o"]), {}))
    where = f"{tmp_path}/model.json: model 'functional'.layers[1] 'o': inbound_nodes[0]"
    assert str(caught.value) == f"{where}: {message}"


@pytest.mark.parametrize("kind", ["Attention", "MultiHeadAttention"])
def test_attention_leaves_out_steps_that_are_masked(tmp_path, run, kind):
    """Ids of 0 are padding: what is behind them does not change the rows that count."""
    given = [tensor("e"), tensor("e")] if kind == "MultiHeadAttention" else [[tensor("e"), tensor("e")]]
    layers = [
        input_layer("x", (None, 4), "int32"),
        called("Embedding", "e", [tensor("x")], input_dim=9, output_dim=6, mask_zero=True),
        called(kind, "a", given, num_heads=2, key_dim=3, use_bias=False),
        called("GlobalAveragePooling1D", "g", [tensor("a")]),
    ]
    shapes = {"e/embeddings": (9, 6), "a/attention_output/kernel": (2, 3, 6)}
    shapes |= {f"a/{n}/kernel": (6, 2, 3) for n in ("query", "key", "value")}
    weights = weights_of(shapes)
    padded = read_model(write(tmp_path, functional(layers, ["x"], ["g"]), weights))
    layers[0] = input_layer("x", (None, 2), "int32")
    layers[1]["config"]["mask_zero"] = False
    short = read_model(write(tmp_path / "short", functional(layers, ["x"], ["g"]), weights))
    close(run(padded, np.int32([[3, 5, 0, 0]]))[0], run(short, np.int32([[3, 5]]))[0])


def test_lines_and_volumes_of_open_lengths(tmp_path, run):
    """What is scaled up or convolved the other way takes its lengths from the input."""
    kernel = weights_of({"c/kernel": (2, 3, 4)})
    node = called("Conv1DTranspose", "c", [tensor("u")], strides=[2], padding="valid", use_bias=False)
    up = called("UpSampling1D", "u", [tensor("x")], size=2)
    graph = read_model(write(tmp_path, functional([input_layer("x", (None, None, 4)), up, node], ["x"], ["c"]), kernel))
    for length in (3, 5):
        x = np.random.default_rng(0).uniform(-1, 1, (2, length, 4)).astype(np.float32)
        expected = np.einsum("btc,koc->btko", x.repeat(2, 1), kernel["c/kernel"]).reshape(2, 4 * length, 3)
        close(run(graph, x)[0], expected)
    volume = called("UpSampling3D", "v", [tensor("x")], size=[1, 2, 3])
    graph = read_model(write(tmp_path, functional([input_layer("x", (None,) * 4 + (2,)), volume], ["x"], ["v"]), {}))
    x = np.random.default_rng(0).uniform(-1, 1, (2, 2, 3, 4, 2)).astype(np.float32)
    close(run(graph, x)[0], x.repeat(2, 2).repeat(3, 3))
