"""Layers models: each layer against a formula or TF.js, and how models are put together."""

import json

import numpy as np
import pytest
from support import sequence_layers, tfjs
from support.keras3 import CASES as KERAS_3
from support.layers import CASES as PLAIN_CASES
from support.layers import build, functional, keras_input, keras_layer, weights_of, write

from tfjslab.base.errors import ModelError, UnknownOpError
from tfjslab.formats.layers_model.layers.call import all_layers
from tfjslab.formats.registry import read_model

CASES = {**PLAIN_CASES, **sequence_layers.CASES}


def close(found, expected, name=""):
    assert found.shape == expected.shape, name
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if c["expect"]])
def test_a_layer_computes_its_formula(tmp_path, run, name):
    path, feeds, weights = build(tmp_path, CASES[name])
    graph = read_model(path)
    expected = CASES[name]["expect"](*(v.astype(np.float64) for v in feeds.values()), weights)
    close(run(graph, feeds)[0], expected)
    (port,) = graph.outputs
    assert port.name == "layer/layer"
    assert port.shape == (None, *expected.shape[1:])
    assert {n.layer for n in graph.nodes} <= {"layer"}


def test_layers_compute_what_tfjs_computes(tmp_path, run):
    tfjs.peers()
    built = {n: build(tmp_path / str(i), c) for i, (n, c) in enumerate(CASES.items()) if c["tfjs"]}
    judged = tfjs.predict([(path.parent, feeds) for path, feeds, _ in built.values()])
    for (name, (path, feeds, _)), theirs in zip(built.items(), judged, strict=True):
        assert not isinstance(theirs, str), f"{name}: {theirs}"
        close(run(read_model(path), feeds)[0], theirs[0][1], name)


def test_every_layer_has_a_case():
    aliases = {}
    for name, reader in all_layers().items():
        aliases.setdefault(reader, []).append(name)
    tried = {c["class_name"] for c in (*CASES.values(), *sequence_layers.VOLUMES.values(), *KERAS_3.values())}
    assert [names for names in aliases.values() if not tried & set(names)] == []


def dense(name, read, units=3, **config):
    return keras_layer("Dense", name, read, units=units, **config)


def sequential(*layers, **config):
    return {"class_name": "Sequential", "config": {"name": "seq", "layers": list(layers), **config}}


def plain(class_name, name, **config):
    return {"class_name": class_name, "config": {"name": name, **config}}


DENSE = {"d/kernel": (4, 3), "d/bias": (3,)}


def test_sequential_models_start_with_an_input_of_tfjs_name(tmp_path, run):
    weights = weights_of(DENSE)
    x = np.ones((2, 4), np.float32)
    expected = np.maximum(x @ weights["d/kernel"] + weights["d/bias"], 0)
    layers = [plain("Dense", "d", units=3, batch_input_shape=[None, 4]), plain("Activation", "a", activation="relu")]
    graph = read_model(write(tmp_path, sequential(*layers), weights))
    assert [p.name for p in graph.inputs] == ["d_input"]
    assert [p.name for p in graph.outputs] == ["a/a"]
    close(run(graph, x)[0], expected)
    # Old Keras writes a bare list; others write the InputLayer; Keras 3 may only tell the shape that it was built with.
    old = {"class_name": "Sequential", "config": layers}
    explicit = sequential(keras_input("given", (None, 4)), plain("Dense", "d", units=3), layers[1])
    built = sequential(plain("Dense", "d", units=3), layers[1], build_input_shape=[None, 4])
    for model, name in ((old, "d_input"), (explicit, "given"), (built, "d_input")):
        graph = read_model(write(tmp_path, model, weights))
        assert [p.name for p in graph.inputs] == [name]
        close(run(graph, x)[0], expected)


def test_a_topology_without_model_config_around_it(tmp_path):
    path = write(tmp_path, sequential(plain("Flatten", "f", batch_input_shape=[None, 2, 2])), {})
    model = json.loads(path.read_text())
    model["modelTopology"] = model["modelTopology"]["model_config"]
    path.write_text(json.dumps(model))
    assert read_model(path).outputs[0].shape == (None, 4)


def test_shared_layers_have_one_weight_and_numbered_outputs(tmp_path, run):
    weights = weights_of(DENSE)
    shared = dense("d", "x")
    shared["inbound_nodes"] = [[["x", 0, 0, {}]], [["y", 0, 0, {}]]]
    layers = [
        keras_input("x", (None, 4)),
        keras_input("y", (None, 4)),
        shared,
        keras_layer("Subtract", "difference", ("d", 0, 0), ("d", 1, 0)),
    ]
    model = functional(layers, ["x", "y"], ["difference", ("d", 1, 0), ("d", 0, 0)])
    graph = read_model(write(tmp_path, model, weights))
    assert [p.name for p in graph.outputs] == ["difference/difference", "d/d_1", "d/d"]
    assert sorted(graph.constants) == ["d/bias", "d/kernel"]
    x, y = np.ones((1, 4), np.float32), np.arange(4, dtype=np.float32)[None]
    first, second = (v @ weights["d/kernel"] + weights["d/bias"] for v in (x, y))
    for found, expected in zip(run(graph, {"x": x, "y": y}), (first - second, second, first), strict=True):
        close(found, expected)


def nested(name="inner"):
    """A model of one Dense, to be called by another."""
    return functional([keras_input("i", (None, 4)), dense("d", "i")], ["i"], ["d"], name=name)


def call_nested(calls, first):
    """Two inputs through one nested model, whose calls are counted from ``first``."""
    inner = {**nested(), "name": "inner", "inbound_nodes": calls}
    layers = [
        keras_input("x", (None, 4)),
        keras_input("y", (None, 4)),
        inner,
        keras_layer("Subtract", "s", ("inner", first, 0), ("inner", first + 1, 0)),
    ]
    return functional(layers, ["x", "y"], ["s"])


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("prefix", ["", "inner/", "model/inner/"])
def test_nested_models_are_called_from_0_or_from_1(tmp_path, run, first, prefix):
    weights = {f"{prefix}{k}": v for k, v in weights_of(DENSE).items()}
    model = call_nested([[["x", 0, 0, {}]], [["y", 0, 0, {}]]], first)
    graph = read_model(write(tmp_path, model, weights))
    x, y = np.ones((1, 4), np.float32), np.zeros((1, 4), np.float32)
    close(run(graph, {"x": x, "y": y})[0], x @ weights[f"{prefix}d/kernel"])
    assert sorted(graph.constants) == ["inner/d/bias", "inner/d/kernel"]


def test_layers_of_one_name_in_two_nested_models(tmp_path, run):
    weights = {f"{m}/{k}": v for m in ("one", "two") for k, v in weights_of(DENSE).items()}
    inner = [{**nested(m), "name": m, "inbound_nodes": [[["x", 0, 0, {}]]]} for m in ("one", "two")]
    model = functional([keras_input("x", (None, 4)), *inner], ["x"], [("one", 1, 0), ("two", 1, 0)])
    graph = read_model(write(tmp_path, model, weights))
    assert [p.name for p in graph.outputs] == ["one/one", "two/two"]
    x = np.ones((1, 4), np.float32)
    for found, m in zip(run(graph, x), ("one", "two"), strict=True):
        close(found, x @ weights[f"{m}/d/kernel"] + weights[f"{m}/d/bias"])


def test_weights_that_may_belong_to_either_of_two_layers(tmp_path):
    weights = {f"{m}/{k}": v for m in ("left", "right") for k, v in weights_of(DENSE).items()}
    model = functional([keras_input("x", (None, 4)), dense("d", "x")], ["x"], ["d"])
    with pytest.raises(ModelError) as caught:
        read_model(write(tmp_path, model, weights))
    assert str(caught.value) == (
        f"{tmp_path}/model.json: layer 'd' (Dense): weight 'kernel' may be any of 'left/d/kernel', 'right/d/kernel'"
    )


def test_sequential_models_in_models_and_names_in_between(tmp_path, run):
    weights = weights_of(DENSE)
    weights = {"d/dense_cell/kernel": weights["d/kernel"], "d/dense_cell/bias": weights["d/bias"]}
    inner = {
        **sequential(keras_input("i", (None, 4)), plain("Dense", "d", units=3)),
        "name": "seq",
        "inbound_nodes": [[["x", 0, 0, {}]]],
    }
    model = sequential(plain("Flatten", "f", batch_input_shape=[None, 2, 2]))
    graph = read_model(
        write(tmp_path, functional([keras_input("x", (None, 4)), inner], ["x"], [("seq", 1, 0)]), weights)
    )
    x = np.ones((1, 4), np.float32)
    close(run(graph, x)[0], x @ weights["d/dense_cell/kernel"] + weights["d/dense_cell/bias"])
    # A sequential model whose first layer is a model takes that model's input.
    outer = sequential(
        {**sequential(*model["config"]["layers"]), "name": "seq"}, plain("Activation", "a", activation="relu")
    )
    graph = read_model(write(tmp_path, outer, {}))
    assert [(p.name, p.shape) for p in graph.inputs] == [("seq_input", (None, 2, 2))]


def keras3_tensor(name, call=0):
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 4], "dtype": "float32", "keras_history": [name, call, 0]},
    }


def test_keras_3_calls(tmp_path, run):
    x = {**keras_input("x", (None, 4)), "inbound_nodes": []}
    x["config"] = {"batch_shape": [None, 4], "dtype": "float32", "name": "x"}
    relu = {
        **keras_layer("Activation", "r", activation="relu"),
        "inbound_nodes": [{"args": [keras3_tensor("x")], "kwargs": {}}],
    }
    both = {
        **keras_layer("Add", "a"),
        "inbound_nodes": [{"args": [[keras3_tensor("x"), keras3_tensor("r")]], "kwargs": {}}],
    }
    model = functional([x, relu, both], ["x"], ["a"])
    model["config"]["input_layers"], model["config"]["output_layers"] = ["x", 0, 0], ["a", 0, 0]
    graph = read_model(write(tmp_path, model, {}))
    np.testing.assert_array_equal(run(graph, np.float32([[-1, 2, -3, 4]]))[0], [[-1, 4, -3, 8]])


def test_layers_that_outputs_do_not_need_are_left_out(tmp_path):
    layers = [keras_input("x", (None, 4)), dense("d", "x"), keras_layer("Activation", "a", "x", activation="relu")]
    graph = read_model(write(tmp_path, functional(layers, ["x"], ["a"]), {}))
    assert [n.op for n in graph.nodes] == ["Relu"]


def test_unknown_layers_are_listed_at_once_with_counts(tmp_path):
    inner = {
        **functional([keras_input("i", (None, 4)), keras_layer("Lambda", "l", "i")], ["i"], ["l"]),
        "name": "m",
        "inbound_nodes": [[["x", 0, 0, {}]]],
    }
    layers = [keras_input("x", (None, 4)), inner, keras_layer("Conv2d", "c", "x"), keras_layer("Lambda", "k", "x")]
    with pytest.raises(UnknownOpError) as caught:
        read_model(write(tmp_path, functional(layers, ["x"], ["c"]), {}))
    assert str(caught.value) == (
        f"{tmp_path}/model.json: 2 unknown layer(s): Conv2d (1x: 'c'; did you mean 'Conv2D'?), "
        "Lambda (2x: 'm/l', 'k'; it holds Python code)"
    )
    assert caught.value.code == "model.unknown_layer"


def damaged(change):
    """A model of one Dense, changed."""
    layers = [keras_input("x", (None, 4)), dense("d", "x")]
    model = functional(layers, ["x"], ["d"])
    change(model, layers)
    return model


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, _l: m.update(class_name="Network"), "model class 'Network'; expected Model, Functional, Sequential"),
        (lambda _m, layers: layers.append(layers[1]), "model 'model': two layers are called 'd'"),
        (lambda m, _l: m["config"].update(layers=[]), "model 'model' has no layers"),
        (lambda m, _l: m["config"].update(output_layers=[]), "model 'model': no input_layers or output_layers"),
        (
            lambda m, _l: m["config"].update(output_layers=[["e", 0, 0]]),
            "model 'model': layer 'e' is read, but not in the model",
        ),
        (
            lambda m, _l: m["config"].update(output_layers=[["d", 1, 0]]),
            "model 'model': call 1 of layer 'd' is read, it has 1",
        ),
        (lambda m, _l: m["config"].update(output_layers=[["d", 0, 1]]), "model 'model': layer 'd' has no output 1"),
        (
            lambda m, _l: m["config"].update(output_layers=[["d", -1, 0]]),
            "model 'model': output_layers: found \"['d', -1, 0]\", expected [layer, call, tensor]",
        ),
        (
            lambda _m, layers: layers[1].update(inbound_nodes=[[["d", 0, 0, {}]]]),
            "model 'model': layer \"('d', 0)\" depends on itself",
        ),
        (
            lambda _m, layers: layers[1].update(inbound_nodes=[]),
            "model 'model': layer 'd' is read, but called on nothing",
        ),
        (
            lambda _m, layers: layers[1].update(inbound_nodes=[[["x", 0, 0, {}], ["x", 0, 0, {}]]]),
            "layer 'd' (Dense): 2 inputs, expected one",
        ),
        (
            lambda _m, layers: layers[1]["config"].update(activation="reul"),
            "layer 'd' (Dense): unknown activation 'reul'; did you mean 'relu'?",
        ),
        (
            lambda _m, layers: layers[1]["config"].update(use_bias=1),
            "layer 'd' (Dense): 'use_bias': found 1, expected true or false",
        ),
        (
            lambda _m, layers: layers[0]["config"].update(batch_input_shape=[None, 5]),
            (
                "layer 'd' (Dense): _FusedMatMul: shapes [2, 5] and [4, 3] with transpose_a=False, transpose_b=False: "
                "inner lengths 5 and 4 differ"
            ),
        ),
        (
            lambda _m, layers: layers[0]["config"].update(batch_input_shape=[None, -5]),
            "layer 'x': shape '[None, -5]', expected lengths >= 0 or null",
        ),
        (lambda _m, layers: layers[0]["config"].update(dtype="float8"), "layer 'x': unknown dtype 'float8'"),
    ],
)
def test_damaged_topologies_name_the_layer(tmp_path, change, message):
    with pytest.raises(ModelError) as caught:
        read_model(write(tmp_path, damaged(change), weights_of(DENSE)))
    assert str(caught.value) == f"{tmp_path}/model.json: {message}"
    assert caught.value.exit_code == 3


def test_recurrent_layers_return_their_states(tmp_path, run):
    shapes = {"l/kernel": (3, 16), "l/recurrent_kernel": (4, 16), "l/bias": (16,)}
    layers = [keras_input("x", (None, 5, 3)), keras_layer("LSTM", "l", "x", units=4, return_state=True)]
    model = functional(layers, ["x"], [("l", 0, 0), ("l", 0, 1), ("l", 0, 2)])
    graph = read_model(write(tmp_path, model, weights_of(shapes)))
    assert [p.name for p in graph.outputs] == ["l/l", "l/l_1", "l/l_2"]
    out, state, memory = run(graph, np.ones((2, 5, 3), np.float32))
    np.testing.assert_array_equal(out, state)
    assert memory.shape == (2, 4)


def test_recurrent_layers_need_known_features(tmp_path):
    weights = weights_of({"r/kernel": (3, 4), "r/recurrent_kernel": (4, 4), "r/bias": (4,)})
    layers = [keras_input("x", (None, None, None)), keras_layer("SimpleRNN", "r", "x", units=4)]
    message = r"layer 'r' \(SimpleRNN\): input \[None, None, None\]; expected a step at least and known features"
    with pytest.raises(ModelError, match=message):
        read_model(write(tmp_path, functional(layers, ["x"], ["r"]), weights))


@pytest.mark.parametrize(("name", "gates", "states"), [("SimpleRNN", 1, 1), ("LSTM", 4, 2), ("GRU", 3, 1)])
def test_a_recurrent_layer_of_any_number_of_steps_from_given_states(tmp_path, run, name, gates, states):
    """The second half of the steps, from the states behind the first, gives what all steps give."""
    weights = weights_of({"r/kernel": (3, 4 * gates), "r/recurrent_kernel": (4, 4 * gates), "r/bias": (4 * gates,)})
    layer = keras_layer(name, "r", "x", units=4, return_state=True, return_sequences=True)
    outputs = [("r", 0, i) for i in range(1 + states)]
    names = [f"s{i}" for i in range(states)]
    plain = read_model(write(tmp_path, functional([keras_input("x", (None, None, 3)), layer], ["x"], outputs), weights))
    layer["inbound_nodes"][0] += [[n, 0, 0, {}] for n in names]
    inputs = [keras_input("x", (None, None, 3)), *(keras_input(n, (None, 4)) for n in names)]
    given = read_model(write(tmp_path, functional([*inputs, layer], ["x", *names], outputs), weights))
    x = np.random.default_rng(0).uniform(-1, 1, (2, 7, 3)).astype(np.float32)
    whole, *ends = run(plain, x)
    _, *states_between = run(plain, x[:, :4])
    second, *ends_again = run(given, {"x": x[:, 4:], **dict(zip(names, states_between, strict=True))})
    np.testing.assert_allclose(second, whole[:, 4:], atol=1e-6)
    np.testing.assert_allclose(ends_again, ends, atol=1e-6)


def test_time_comes_first_where_a_recurrent_layer_says_so(tmp_path, run):
    weights = weights_of({"r/kernel": (3, 12), "r/recurrent_kernel": (4, 12), "r/bias": (12,)})
    x = np.random.default_rng(0).uniform(-1, 1, (2, 5, 3)).astype(np.float32)
    found = []
    for shape, options in (((2, 5, 3), {}), ((5, 2, 3), {"time_major": True})):
        layers = [keras_input("x", shape), keras_layer("GRU", "r", "x", units=4, return_sequences=True, **options)]
        graph = read_model(write(tmp_path, functional(layers, ["x"], ["r"]), weights))
        found.append(run(graph, x if len(found) == 0 else x.transpose(1, 0, 2))[0])
    np.testing.assert_allclose(found[1].transpose(1, 0, 2), found[0], atol=1e-6)


def test_recurrent_weights_of_another_shape(tmp_path):
    weights = weights_of({"r/kernel": (3, 16), "r/recurrent_kernel": (4, 12), "r/bias": (16,)})
    layers = [keras_input("x", (None, 5, 3)), keras_layer("LSTM", "r", "x", units=4)]
    with pytest.raises(ModelError, match=r"weight 'recurrent_kernel' has shape \[4, 12\], expected \[4, 16\]"):
        read_model(write(tmp_path, functional(layers, ["x"], ["r"]), weights))


def test_a_layer_without_its_weight(tmp_path):
    weights = weights_of(DENSE)
    del weights["d/bias"]
    with pytest.raises(ModelError) as caught:
        read_model(write(tmp_path, damaged(lambda _m, _l: None), weights))
    assert str(caught.value) == f"{tmp_path}/model.json: layer 'd' (Dense): weight 'bias' is not in weightsManifest"
    assert caught.value.code == "model.missing_weight"


def test_open_lengths_besides_the_batch(tmp_path, run):
    layers = [
        keras_input("x", (None, None, None, 3)),
        keras_layer("Conv2D", "c", "x", filters=4, kernel_size=3, padding="same"),
        keras_layer("GlobalAveragePooling2D", "g", "c"),
    ]
    weights = weights_of({"c/kernel": (3, 3, 3, 4), "c/bias": (4,)})
    graph = read_model(write(tmp_path, functional(layers, ["x"], ["c", "g"]), weights))
    assert [p.shape for p in graph.outputs] == [(None, None, None, 4), (None, 4)]
    assert run(graph, np.ones((1, 5, 7, 3), np.float32))[0].shape == (1, 5, 7, 4)
