"""Ops, layers and backends of a user: what they do, what is refused, and that nothing of them stays."""

import json

import numpy as np
import pytest
from support.layers import functional, keras_input, keras_layer, weights_of, write

import tfjslab as tf
from tfjslab.backends import rows
from tfjslab.backends.cpu import CpuBackend
from tfjslab.base.errors import ShapeError, UnknownOpError, UsageError
from tfjslab.formats.layers_model.layers.call import all_layers
from tfjslab.ops import registry

BACKENDS = ["cpu", "wasm-simd"]


@pytest.fixture(autouse=True)
def _nothing_stays():
    before = dict(registry.all_ops()), dict(all_layers()), list(rows.ROWS)
    yield
    assert (dict(registry.all_ops()), dict(all_layers()), list(rows.ROWS)) == before


def graph_model(folder, op, **attrs):
    """relu(op(x)) on lines of three."""

    def node(name, op, *inputs, **attr):
        return {"name": name, "op": op, "input": list(inputs), "attr": attr}

    dims = {"shape": {"dim": [{"size": "-1"}, {"size": "3"}]}}
    nodes = [
        node("x", "Placeholder", dtype={"type": "DT_FLOAT"}, shape=dims),
        node("own", op, "x", **attrs),
        node("y", "Relu", "own"),
    ]
    folder.mkdir(exist_ok=True)
    document = {"format": "graph-model", "modelTopology": {"node": nodes}, "weightsManifest": []}
    (folder / "model.json").write_text(json.dumps(document))
    return folder


X = np.float32([[1, -2, 3], [4, 5, -6]])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [None, lambda x, **_: x[:1]])
def test_an_op_of_ones_own_runs_on_every_backend(tmp_path, backend, shape):
    def row_sums(x, scale):
        """Sums of rows, scaled."""
        return x.sum(1) * scale

    tf.register_op("RowSums", row_sums, attrs={"scale": 1.0}, shape=shape)
    try:
        path = graph_model(tmp_path, "RowSums", scale={"f": 0.5}, other={"i": "7"})
        with tf.load_model(path, backend=backend) as model:
            np.testing.assert_array_equal(model.predict(X), [1, 1.5])
            np.testing.assert_array_equal(model.predict(X[:1]), [1])
            fell_back = [c for p in model.prepare(X) for c in p.commands if c.kernel == "RowSums"]
        assert [c.fallback for c in fell_back] == ([backend != "cpu"] if shape else [])
    finally:
        tf.deregister_op("RowSums")
    with pytest.raises(UnknownOpError, match=r"1 unknown op\(s\): RowSums"):
        tf.load_model(path, backend="cpu")


def test_an_op_of_several_outputs(tmp_path):
    tf.register_op("Halves", lambda x: [x / 2, x * 2], outputs=2)
    try:
        with tf.load_model(graph_model(tmp_path, "Halves"), backend="cpu") as model:
            halves, doubles = model.execute(X, ["own", "own:1"])
            np.testing.assert_array_equal(halves, X / 2)
            np.testing.assert_array_equal(doubles, X * 2)
    finally:
        tf.deregister_op("Halves")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_function_that_breaks_its_promise_is_named(tmp_path, backend):
    tf.register_op("Odd", lambda x: x[:1], shape=lambda x: x)
    try:
        with tf.load_model(graph_model(tmp_path, "Odd"), backend=backend) as model, pytest.raises(
            ShapeError, match=r"node 'own' \(Odd\): its function gives shape \[1, 3\]; its rule says"
        ):
            model.predict(X)
    finally:
        tf.deregister_op("Odd")


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (lambda: tf.register_op("Relu", np.abs), "register.taken", "op 'Relu' is taken; choose another name"),
        (lambda: tf.register_op("AddV2", np.add), "register.taken", "op 'AddV2' is taken; choose another name"),
        (lambda: tf.register_op("", np.abs), "register.signature", "op '': expected a name"),
        (lambda: tf.register_op("Own", 3), "register.signature", "op 'Own': its function is 3; expected a function"),
        (
            lambda: tf.register_op("Own", lambda x: x, attrs={"scale": 1.0}),
            "register.signature",
            "op 'Own': its function takes (x), called with scale=: got an unexpected keyword argument 'scale'",
        ),
        (
            lambda: tf.register_op("Own", lambda x, scale: x * scale, attrs={"scale": None}),
            "register.signature",
            "op 'Own': attribute 'scale' is None; expected a number, a string, a truth value or a list of integers",
        ),
        (
            lambda: tf.register_op("Own", abs, outputs=0),
            "register.signature",
            "op 'Own': 0 outputs; expected 1 or more",
        ),
        (lambda: tf.deregister_op("Relu"), "register.missing", "op 'Relu' was not registered by a user"),
        (
            lambda: tf.register_layer("Dense", lambda c: c.x),
            "register.taken",
            "layer 'Dense' is taken; choose another name",
        ),
        (
            lambda: tf.register_layer("Own", lambda: ""),
            "register.signature",
            "layer 'Own': its reader takes (), called with argument 1: too many positional arguments",
        ),
        (lambda: tf.deregister_layer("Dense"), "register.missing", "layer 'Dense' was not registered by a user"),
        (
            lambda: tf.register_backend("cpu", CpuBackend),
            "register.taken",
            "backend 'cpu' is taken; choose another name",
        ),
        (
            lambda: tf.register_backend("own", lambda x: x),
            "register.signature",
            "backend 'own': its factory takes (x), called with nothing: missing a required argument: 'x'",
        ),
        (
            lambda: tf.register_backend("own", CpuBackend, -1),
            "register.signature",
            "backend 'own': priority -1; expected an integer >= 0",
        ),
        (lambda: tf.remove_backend("cpu"), "register.missing", "backend 'cpu' was not registered by a user"),
    ],
)
def test_what_cannot_be_registered(call, code, message):
    with pytest.raises(UsageError) as caught:
        call()
    assert (str(caught.value), caught.value.code) == (message, code)


def scaled(call):
    """X * weight + shift."""
    out = call.add("Mul", call.x, call.weight("scale"))
    return call.add("AddV2", out, call.constant("shift", call.number("shift", 0)))


def own_layer(folder):
    layers = [keras_input("x", (None, 3)), keras_layer("Scaled", "s", "x", shift=2)]
    return write(folder, functional(layers, ["x"], ["s"]), weights_of({"s/scale": (3,)}))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_layer_of_ones_own(tmp_path, backend):
    path = own_layer(tmp_path)
    tf.register_layer("Scaled", scaled)
    try:
        with tf.load_model(path, backend=backend) as model:
            weight = model.graph.constants["s/scale"]
            np.testing.assert_allclose(model.predict(X), X * weight + 2, rtol=1e-6)
            assert model.outputs[0].shape == (None, 3)
    finally:
        tf.deregister_layer("Scaled")
    with pytest.raises(UnknownOpError, match=r"1 unknown layer\(s\): Scaled"):
        tf.load_model(path, backend="cpu")


def test_a_reader_that_gives_no_value_is_named(tmp_path):
    tf.register_layer("Scaled", lambda _call: None)
    try:
        with pytest.raises(tf.TfjslabError, match=r"layer 's' \(Scaled\): its reader gives 'None', expected a value"):
            tf.load_model(own_layer(tmp_path), backend="cpu")
    finally:
        tf.deregister_layer("Scaled")


class Counting(CpuBackend):
    """numpy, under another name; counts what is opened and disposed."""

    opened = disposed = 0

    def __init__(self):
        super().__init__()
        self.name = "counting"

    def open_session(self):
        """Count it."""
        Counting.opened += 1
        return super().open_session()

    def dispose(self):
        """Count it."""
        Counting.disposed += 1
        super().dispose()


def test_a_backend_of_ones_own(tmp_path):
    path = graph_model(tmp_path, "Abs")
    chosen = tf.get_backend()
    tf.register_backend("counting", Counting, doc="numpy that counts")
    try:
        assert {b.name: (b.available, b.doc) for b in tf.backends()}["counting"] == (True, "numpy that counts")
        with tf.load_model(path, backend="counting") as model:
            np.testing.assert_array_equal(model.predict(X), np.abs(X))
            assert model.backend.name == "counting"
        tf.set_backend("counting")
        assert tf.get_backend() == "counting"
    finally:
        tf.remove_backend("counting")
    assert Counting.opened >= 1
    assert Counting.disposed == 1
    assert tf.get_backend() != "counting"
    tf.set_backend(chosen)
    with pytest.raises(UsageError, match="backend 'counting' is unknown"):
        tf.set_backend("counting")


def test_a_factory_that_makes_no_backend_is_named(tmp_path):
    tf.register_backend("counting", dict)
    try:
        with pytest.raises(UsageError, match=r"its factory gives dict, which lacks .*open_session, threads"):
            tf.load_model(graph_model(tmp_path, "Abs"), backend="counting")
    finally:
        tf.remove_backend("counting")
