"""A model whose files hold weights in fewer bytes keeps them so: untouched ones byte for byte, others by dtype."""

import json

import numpy as np
import pytest
from support import tfjs
from support.layers import functional, keras_input, keras_layer, write

import tfjslab as tf
from tfjslab.base.errors import UsageError
from tfjslab.bench.settings import Settings
from tfjslab.bench.sweep import sweep
from tfjslab.cli.app import main
from tfjslab.formats.graph_model.writer import save_graph_model
from tfjslab.formats.registry import read_model
from tfjslab.formats.stored import settle, stored_as, stored_bytes
from tfjslab.formats.weights import parse_manifest
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port, Quantization
from tfjslab.passes.registry import run_passes

KINDS = ("float16", "uint8", "uint16")
BYTES = {"float32": 4, "float16": 2, "uint16": 2, "uint8": 1}


def entries(folder):
    """How each weight of a folder is stored, and its bytes there, by name."""
    (group,) = parse_manifest(json.loads((folder / "model.json").read_text())["weightsManifest"], "model.json")
    data = b"".join((folder / p).read_bytes() for p in group.paths)
    found, start = {}, 0
    for spec in group.specs:
        found[spec.name] = spec.quantization, data[start : start + spec.stored_bytes]
        start += spec.stored_bytes
    return found


def shard_bytes(folder):
    return sum(p.stat().st_size for p in folder.glob("*.bin"))


def network():
    """A convolution with a batch norm, and a product behind it that no pass touches."""
    rng = np.random.default_rng(5)
    b = GraphBuilder()
    x = b.input("x", (1, 6, 6, 3))
    w = b.constant("w", rng.normal(size=(3, 3, 3, 8)).astype(np.float32))
    y = b.value("conv", "Conv2D", x, w, strides=(1, 1), padding="SAME")
    norm = [b.constant(n, rng.uniform(0.5, 2, 8).astype(np.float32)) for n in ("gamma", "beta", "mean", "variance")]
    y = b.value("norm", "FusedBatchNormV3", y, norm[0], norm[1], norm[2], norm[3], epsilon=1e-3)
    y = b.value("flat", "Reshape", y, shape=(1, 288))
    y = b.value("dense", "MatMul", y, b.constant("kernel", rng.normal(size=(288, 10)).astype(np.float32)))
    return b.build([Port("dense", y, (1, 10), "float32")], {})


@pytest.fixture
def written(tmp_path):
    """A folder for each kind that the network is stored as."""
    return lambda kind: save_graph_model(network(), tmp_path / kind, quantize=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_saving_what_was_loaded_writes_the_same_bytes(tmp_path, written, kind):
    folder = written(kind)
    with tf.load_model(folder, backend="cpu") as model:
        again = model.save(tmp_path / "again")
    assert entries(again) == entries(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_optimizing_keeps_untouched_bytes_and_stores_folded_weights_anew(tmp_path, written, kind):
    folder = written(kind)
    with tf.load_model(folder, backend="cpu") as model:
        made, report = tf.optimize(model, settings=Settings(2, 1))
        with made:
            out = made.save(tmp_path / "out")
            answers = made.predict(model.sample())
    old, new = entries(folder), entries(out)
    assert new["kernel"] == old["kernel"]
    folded = new["norm/weights"][0]
    assert folded.dtype == kind
    (told,) = [w for w in report.requantized if w.name == "norm/weights"]
    assert told.dtype == kind
    step = told.max_error if kind == "float16" else folded.scale
    assert 0 < told.max_error <= step
    assert report.after.stored == report.before.stored == kind
    assert report.after.file_bytes == stored_bytes(read_model(out)) <= shard_bytes(out)
    with tf.load_model(out, backend="cpu") as loaded:
        np.testing.assert_array_equal(loaded.predict(loaded.sample()), answers)


@pytest.mark.parametrize("kind", KINDS)
def test_tensorflow_js_reads_what_is_written(tmp_path, written, kind):
    tfjs.peers()
    with tf.load_model(written(kind), backend="cpu") as model:
        made, _ = tf.optimize(model, measure=False)
        with made:
            out, x = made.save(tmp_path / "out"), made.sample()
            ((_, theirs),) = tfjs.predict([(out, x)])[0]
            np.testing.assert_allclose(theirs, made.predict(x), rtol=1e-5, atol=1e-4)


def test_the_report_measures_the_error_of_what_is_stored_anew(written):
    with tf.load_model(written("uint8"), backend="cpu") as model:
        found = {}
        for precision in (None, "float32"):
            made, report = tf.optimize(model, settings=Settings(2, 1), precision=precision)
            made.dispose()
            found[precision] = report
    assert found[None].relative_difference > 100 * found["float32"].relative_difference
    told = dict(found[None].told())
    assert told["stored anew as uint8"].startswith("1 weight that changed; largest error ")
    assert found[None].rows()[2] == ("weights in files", "3.1 kB (uint8)", "3.1 kB (uint8)", "1.0x")
    assert found["float32"].rows()[2][2] == "12.4 kB"


def test_biases_that_are_new_stay_float32_where_a_step_would_be_coarse(tmp_path, written):
    graph = settle(run_passes(read_model(written("uint8")))[0])[0]
    assert "norm/bias" not in graph.stored
    assert graph.constants["norm/bias"].dtype == np.float32


def test_precision_widens_or_changes_on_purpose(tmp_path, written, capsys):
    folder = written("uint8")
    sizes = {}
    for precision in ("float32", "uint16"):
        out = tmp_path / precision
        assert main(["optimize", str(folder), "--out", str(out), "--no-measure", "--precision", precision]) == 0
        sizes[precision] = {(q.dtype if q else "float32") for n, (q, _) in entries(out).items() if n == "kernel"}
    assert sizes == {"float32": {"float32"}, "uint16": {"uint16"}}
    assert main(["optimize", str(folder), "--out", str(tmp_path / "x"), "--precision", "uint7"]) == 2
    assert "precision is 'uint7'; expected one of float32, float16, uint8, uint16; did you mean 'uint" in (
        capsys.readouterr().err)


def test_an_int32_weight_that_is_stored_small_stays_so(tmp_path):
    b = GraphBuilder()
    y = b.value("y", "AddV2", b.input("x", (3,), "int32"), b.constant("w", np.int32([5, 100, 255])))
    graph = b.build([Port("y", y, (3,), "int32")], {}).with_(stored={"w": Quantization("uint8", 1.0, 0.0)})
    folder = save_graph_model(graph, tmp_path / "m")
    assert entries(folder)["w"] == (Quantization("uint8", 1.0, 0.0), bytes([5, 100, 255]))
    assert read_model(folder).constants["w"].tolist() == [5, 100, 255]


def test_layers_models_keep_how_their_weights_are_stored(tmp_path):
    layers = [keras_input("x", (None, 4)), keras_layer("Dense", "dense", "x", units=3)]
    path = write(tmp_path / "m", functional(layers, ["x"], ["dense"]),
                 {"dense/kernel": np.zeros((4, 3), np.float32), "dense/bias": np.zeros(3, np.float32)})
    document = json.loads(path.read_text())
    (group,) = document["weightsManifest"]
    for entry in group["weights"]:
        entry["quantization"] = {"dtype": "uint8", "scale": 0.25, "min": -10.0, "original_dtype": "float32"}
    path.write_text(json.dumps(document))
    (tmp_path / "m" / "shard.bin").write_bytes(bytes(range(40, 55)))
    with tf.load_model(path, backend="cpu") as model:
        found = entries(model.save(tmp_path / "out"))
    held = {data: q for q, data in found.values() if q}
    assert held == dict.fromkeys((bytes(range(40, 52)), bytes(range(52, 55))), Quantization("uint8", 0.25, -10.0))


def test_a_sweep_counts_sizes_of_files(written):
    with tf.load_model(written("uint8"), backend="cpu") as model:
        data = {"x": np.random.default_rng(0).normal(size=(1, 6, 6, 3)).astype(np.float32)}
        found = sweep(model, evaluation=data, kinds=("optimized", "float16"), settings=Settings(2, 1))
        before = stored_bytes(model.graph)
    assert found.rows[0].weight_bytes == before
    sizes = {r.setting: r.size_x for r in found.rows}
    assert sizes["optimized"] > 0.98
    assert 0.4 < sizes["float16"] < 0.6


def test_precisions_that_are_unknown_are_told_with_the_nearest():
    with pytest.raises(UsageError) as caught:
        stored_as(network(), "float61")
    assert str(caught.value) == (
        "precision is 'float61'; expected one of float32, float16, uint8, uint16; did you mean 'float16'?")
