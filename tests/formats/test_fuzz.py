"""Whatever the bytes of a model are, reading them gives a verified graph or a typed error of one line."""

import copy
import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.layers import CASES, build, functional, keras_input, keras_layer, write

from tfjslab.base.errors import TfjslabError
from tfjslab.formats.graph_model.writer import save_graph_model
from tfjslab.formats.registry import read_model
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port
from tfjslab.graph.verify import verify

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 5)
    | st.sampled_from(
        [2**31, -(2**31), 2**63, 10**30, 0.5, 1e308, "", "x", "y:1", "^x", "DT_FLOAT", "AAAA", "NaN", "-1"]
    )
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "s", "i", "list", "dim"]), inner, max_size=2)
    ),
    max_leaves=4,
)
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def check(path):
    """Read; anything but a graph or a typed error of one line fails."""
    error = None
    try:
        verify(read_model(path))
    except TfjslabError as e:
        error = e
    if error is not None:
        text = str(error)
        assert text.count("\n") == 0
        assert error.exit_code == 3, repr(error)
        assert len(text) < 2000
        text.encode()


def places(value, path=()):
    """Paths to everything in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield from places(child, (*path, key))


def change(value, path, new):
    """A copy with what stands at ``path`` replaced, or left out when ``new`` is an Ellipsis."""
    if not path:
        return value if new is ... else new
    out = copy.deepcopy(value)
    at = out
    for key in path[:-1]:
        at = at[key]
    if new is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return out


def damaged(data, model):
    """The model with one to three places changed: replaced, left out, or a copy of another place."""
    for _ in range(data.draw(st.integers(1, 3))):
        found = list(places(model))
        path = data.draw(st.sampled_from(found))
        source = data.draw(st.sampled_from(found))
        other = model
        for key in source:
            other = other[key]
        model = change(model, path, data.draw(JSON | st.just(...) | st.just(copy.deepcopy(other))))
    return model


def looping():
    """A graph with a loop, functions, a computed attribute and several ops."""
    cond, body, outer = GraphBuilder(), GraphBuilder(), GraphBuilder()
    i = cond.input("i", (), "int32")
    less = cond.value("less", "Less", i, cond.constant("limit", np.int32(3)))
    j = body.input("i", (), "int32")
    more = body.value("more", "AddV2", j, body.constant("one", np.int32(1)))
    outer.functions["cond"] = cond.build([Port("go", less, None, "bool")], {})
    outer.functions["body"] = body.build([Port("next", more, None, "")], {})
    x, start = outer.input("x", (None, 8, 8, 3)), outer.input("start", (), "int32")
    loop = outer.value("loop", "While", start, cond="cond", body="body")
    kernel = outer.constant("kernel", np.ones((3, 3, 3, 4), np.float32))
    conv = outer.value(
        "conv",
        "_FusedConv2D",
        x,
        kernel,
        outer.constant("bias", np.zeros(4, np.float32)),
        fused_ops=["BiasAdd", "Relu"],
        strides=[1, 2, 2, 1],
        dilations=[1, 1, 1, 1],
        padding="SAME",
    )
    halves = outer.node("halves", "Split", [conv], num_split=2, axis=3)
    mean = outer.value("mean", "Mean", halves.outputs[1], axis=[1, 2], keep_dims=False)
    return outer.build([Port("mean", mean, (None, 2), "float32"), Port("loop", loop, (), "int32")], {})


@SETTINGS
@given(st.data())
def test_changed_graph_models(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("graph") / "m"
    save_graph_model(looping(), folder, quantize=data.draw(st.sampled_from([None, "uint8", "float16"])))
    path = folder / "model.json"
    path.write_text(json.dumps(damaged(data, json.loads(path.read_text()))))
    check(path)


@SETTINGS
@given(st.data())
def test_changed_graph_models_with_a_function_library(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("library")
    function = GraphBuilder()
    value = function.value("v", "Relu", function.input("x", None))
    outer = GraphBuilder(functions={"f": function.build([Port("v", value, None, "float32")], {})})
    call = outer.value("call", "PartitionedCall", outer.input("x", (2,)), f="f", Tout=["float32"])
    save_graph_model(outer.build([Port("call", call, None, "")], {}), folder / "m")
    path = folder / "m" / "model.json"
    path.write_text(json.dumps(damaged(data, json.loads(path.read_text()))))
    check(path)


@SETTINGS
@given(st.data(), st.sampled_from(sorted(CASES)))
def test_changed_layers(tmp_path_factory, data, name):
    path, _, _ = build(tmp_path_factory.mktemp("layer"), CASES[name])
    path.write_text(json.dumps(damaged(data, json.loads(path.read_text()))))
    check(path)


@SETTINGS
@given(st.data())
def test_changed_nested_layers(tmp_path_factory, data):
    inner = functional([keras_input("i", (None, 4)), keras_layer("ReLU", "r", "i")], ["i"], ["r"])
    layers = [
        keras_input("x", (None, 4)),
        {**inner, "name": "m", "inbound_nodes": [[["x", 0, 0, {}]], [["m", 1, 0, {}]]]},
        keras_layer("Add", "a", ("m", 1, 0), ("m", 2, 0)),
    ]
    path = write(tmp_path_factory.mktemp("nested"), functional(layers, ["x"], ["a"]), {})
    path.write_text(json.dumps(damaged(data, json.loads(path.read_text()))))
    check(path)


@SETTINGS
@given(st.data())
def test_changed_bytes(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("bytes") / "m"
    save_graph_model(looping(), folder)
    for name in ("model.json", "group1-shard1of1.bin"):
        content = bytearray((folder / name).read_bytes())
        for _ in range(data.draw(st.integers(0, 4))):
            at = data.draw(st.integers(0, len(content) - 1))
            content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        (folder / name).write_bytes(content)
    check(folder)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf{}")
@example(b'{"modelTopology": {"class_name": "Sequential", "config": []}}')
def test_any_bytes(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "model.json"
    path.write_bytes(content)
    check(path)


@pytest.mark.parametrize("name", CASES)
def test_layers_on_inputs_and_weights_of_other_ranks(tmp_path, name):
    path, _, _ = build(tmp_path, CASES[name])
    model = json.loads(path.read_text())
    shapes = (
        [],
        [None],
        [None, 2],
        [None, 8, 3],
        [None, None, 3],
        [2, 2, 2, 3],
        [None, 1, None, None, 3],
        [0, 3],
        [None, 0, 0, 3],
    )
    for shape in shapes:
        changed = copy.deepcopy(model)
        for layer in changed["modelTopology"]["model_config"]["config"]["layers"][:-1]:
            layer["config"]["batch_input_shape"] = shape
        path.write_text(json.dumps(changed))
        check(path)
    for place in range(len(model["weightsManifest"][0]["weights"])):
        for form in (lambda n: [n], lambda n: [1, n], lambda n: [n, 1, 1, 1, 1], lambda n: [] if n == 1 else [1, 1, n]):
            changed = copy.deepcopy(model)
            spec = changed["weightsManifest"][0]["weights"][place]
            spec["shape"] = form(math.prod(spec["shape"]))
            path.write_text(json.dumps(changed))
            check(path)


OPTIONS = [0, -1, 1, 7, 2**40, [], [0], [-5, 1], [1, 1, 1], [[1, 1], [0]], "same", "", True, {}, 1e300, ["a"]]


@pytest.mark.parametrize("name", CASES)
def test_layers_with_other_options(tmp_path, name):
    path, _, _ = build(tmp_path, CASES[name])
    model = json.loads(path.read_text())
    layer = model["modelTopology"]["model_config"]["config"]["layers"][-1]
    keys = {*layer["config"], "data_format", "padding", "activation"}
    for key in sorted(keys - {"name"}):
        for option in OPTIONS:
            changed = copy.deepcopy(layer["config"])
            layer["config"][key] = option
            path.write_text(json.dumps(model))
            check(path)
            layer["config"] = changed
