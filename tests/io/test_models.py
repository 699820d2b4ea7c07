"""Handlers, weights as bytes, folders of models, and what a model tells of its weights and layers."""

from __future__ import annotations

import asyncio
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from support.layers import functional, keras_input, keras_layer, write

import tfjslab as tf
from tfjslab.base.errors import InputError, ModelError, UsageError

X = np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)
KERNEL = np.array([[1.0, 2.0, -1.0], [0.5, -1.0, 4.0]], np.float32)
HIDDEN = np.maximum(X @ KERNEL, 0)


@pytest.fixture
def folder(tmp_path):
    """A layers model of two layers, and the hidden one's output is HIDDEN."""
    layers = [
        keras_input("x", [None, 2]), keras_layer("Dense", "hidden", "x", units=3, activation="relu", use_bias=False),
        keras_layer("Dense", "out", "hidden", units=1, use_bias=False),
    ]
    weights = {"hidden/kernel": KERNEL, "out/kernel": np.ones((3, 1), np.float32)}
    write(tmp_path / "net", functional(layers, ["x"], ["out"]), weights)
    return tmp_path / "net"


def artifacts(folder):
    """The model as one mapping, read by hand."""
    told = json.loads((folder / "model.json").read_text())
    (group,) = told.pop("weightsManifest")
    data = b"".join((folder / p).read_bytes() for p in group["paths"])
    return {**told, "weightSpecs": group["weights"], "weightData": data}


def runs(model):
    with model:
        np.testing.assert_allclose(model.predict(X), HIDDEN.sum(1, keepdims=True), rtol=1e-6)


def test_a_model_in_memory_is_loaded(folder):
    whole = artifacts(folder)
    runs(tf.load_model(tf.io.from_memory(whole)))
    runs(tf.load_layers_model(tf.io.from_memory(whole["modelTopology"], whole["weightSpecs"], whole["weightData"])))
    data = whole["weightData"]
    runs(tf.load_model(tf.io.from_memory({**whole, "weightData": [data[:5], bytearray(data[5:])]})))


def test_a_handler_of_ones_own_may_be_awaited_also_inside_of_a_loop(folder):
    class Mine:
        async def load(self):
            return artifacts(folder)

    runs(tf.load_model(Mine()))

    async def inside():
        runs(tf.load_model(Mine()))

    asyncio.run(inside())


def test_a_model_is_saved_to_a_handler_and_comes_back(folder):
    kept = []
    with tf.load_model(folder) as model:
        assert model.save(tf.io.with_save_handler(lambda a: kept.append(a) or "done")) == "done"
    assert kept[0]["format"] == "graph-model"
    runs(tf.load_graph_model(tf.io.from_memory(kept[0])))


@pytest.fixture
def server(folder):
    """An address that answers only who sends the password, and what it was asked for."""
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.headers.get("Authorization") == "secret":
                super().do_GET()
            else:
                self.send_error(401)

        def log_message(self, *_told):
            """Say nothing."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}", asked
    running.shutdown()
    thread.join()
    running.server_close()


def test_headers_are_sent_and_what_they_unlock_is_not_shown_without(server, tmp_path, monkeypatch):
    monkeypatch.setenv("TFJSLAB_CACHE_DIR", str(tmp_path / "cache"))
    address, asked = server
    handler = tf.io.http(address, request_init={"headers": {"Authorization": "secret"}})
    model = tf.load_model(handler)
    assert model.name == address.removeprefix("http://")
    runs(model)
    assert len(asked) == 2  # the model file and its shard
    with pytest.raises(ModelError, match="the server answers 401"):
        tf.load_model(address)
    elsewhere = tf.io.http(f"{address}/model.json", request_init={"headers": {"Authorization": "secret"}},
                           weight_path_prefix=f"{address}/")
    runs(tf.load_model(elsewhere))


def test_weights_are_named_arrays_that_cannot_be_changed(folder):
    with tf.load_model(folder) as model:
        found = model.weights
        np.testing.assert_array_equal(next(w for w in found.values() if w.shape == KERNEL.shape), KERNEL)
        assert not any(w.flags.writeable for w in found.values())
        assert model.get_layer("hidden").parameters == KERNEL.size


def test_the_output_of_a_layer_is_found_by_its_name(folder):
    with tf.load_model(folder) as model:
        hidden, out = model.execute(X, ["hidden", "out"])
        np.testing.assert_allclose(hidden, HIDDEN, rtol=1e-6)
        assert out.shape == (2, 1)
        np.testing.assert_array_equal(model.execute(X, "hidden"), hidden)
        with pytest.raises(ModelError, match="'hiden' is not an output or node of the model"):
            model.execute(X, "hiden")


def test_weights_become_bytes_and_tensors_again():
    with tf.tidy():
        given = {"a": tf.tensor([[1.5, 2]]), "n": tf.tensor([3, -4], dtype="int32"), "b": tf.tensor([True, False]),
                 "s": tf.tensor(["", "é"])}
        packed = tf.io.encode_weights(given, "g")
        assert packed["specs"][0] == {"name": "a", "shape": [1, 2], "dtype": "float32", "group": "g"}
        assert packed["data"][:8] == np.array([1.5, 2], "<f4").tobytes()
        found = tf.io.decode_weights([packed["data"][:3], packed["data"][3:]], packed["specs"])
        assert {k: (t.dtype, t.numpy().tolist()) for k, t in found.items()} == {
            k: (t.dtype, t.numpy().tolist()) for k, t in given.items()}
        listed = tf.io.encode_weights([{"name": "a", "tensor": given["a"]}])
        assert listed["data"] == packed["data"][:8]


def test_weights_are_loaded_by_a_manifest(folder):
    manifest = json.loads((folder / "model.json").read_text())["weightsManifest"]
    name = manifest[0]["weights"][0]["name"]
    with tf.tidy():
        assert tf.io.load_weights(manifest, str(folder), [name])[name].numpy().tolist() == KERNEL.tolist()
        assert len(tf.io.load_weights(manifest, str(folder))) == 2
    with pytest.raises(InputError, match="weight 'no' is not in the manifest"):
        tf.io.load_weights(manifest, str(folder), ["no"])
    assert tf.io.get_weight_specs(manifest) == manifest[0]["weights"]
    assert tf.io.concatenate_array_buffers([b"a", b"b"]) == b"ab"


def test_models_are_copied_moved_listed_and_removed_with_their_shards_only(folder, tmp_path):
    info = tf.io.copy_model(folder, tmp_path / "store" / "a")
    assert info.weight_data_bytes == (KERNEL.size + 3) * 4
    (tmp_path / "store" / "a" / "notes.txt").write_text("mine")
    tf.io.move_model(tmp_path / "store" / "a", tmp_path / "store" / "b")
    assert [p.name for p in (tmp_path / "store" / "a").iterdir()] == ["notes.txt"]
    runs(tf.load_model(tmp_path / "store" / "b"))
    (tmp_path / "store" / "broken").mkdir()
    (tmp_path / "store" / "broken" / "model.json").write_text("no")
    assert list(tf.io.list_models(tmp_path / "store")) == [str(tmp_path / "store" / "b")]
    assert tf.io.remove_model(tmp_path / "store" / "b").weight_data_bytes == info.weight_data_bytes
    assert not (tmp_path / "store" / "b").exists()


def test_sizes_of_artifacts_in_memory(folder):
    found = tf.io.get_model_artifacts_info_for_json(artifacts(folder))
    assert (found.model_topology_type, found.weight_data_bytes) == ("JSON", (KERNEL.size + 3) * 4)
    assert found.model_topology_bytes > 100


@pytest.mark.parametrize(("run", "error", "message"), [
    (lambda _f: tf.load_model(tf.io.from_memory({"weightData": b""})), ModelError,
     "the handler gave ['weightData']; expected a mapping with modelTopology, weightSpecs and weightData"),
    (lambda f: tf.load_model(tf.io.from_memory({**artifacts(f), "weightData": "text"})), UsageError,
     "weight data is str; expected bytes, or a list of them"),
    (lambda _f: tf.io.http("model.json"), UsageError,
     "io.http: 'model.json'; expected an address with http:// or https://"),
    (lambda _f: tf.io.http("http://x", request_init={"credentials": "include"}), UsageError,
     "io.http: request_init has credentials; expected headers only"),
    (lambda f: tf.io.copy_model(f, f), UsageError, "{folder}: exists; expected a new or an empty folder"),
    (lambda _f: tf.io.remove_model("https://example.com/model.json"), UsageError,
     "https://example.com/model.json: an address; expected a local folder or file"),
])
def test_what_does_not_fit_is_refused(run, error, message, folder):
    with pytest.raises(error) as caught:
        run(folder)
    assert str(caught.value) == message.format(folder=folder)


def test_short_weights_are_refused_and_no_file_stays(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    whole = artifacts(folder)
    with pytest.raises(ModelError, match=r"found 32 bytes, expected 36"):
        tf.load_model(tf.io.from_memory({**whole, "weightData": whole["weightData"][:-4]}))
    assert list((tmp_path / "temporary").iterdir()) == []
