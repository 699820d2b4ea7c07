"""Every variant of random networks answers as ``cpu`` does, in Node."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from support.nets import nets
from support.web import answers, exported, node, small_graph

from tfjslab.base.errors import ModelError
from tfjslab.export.web.tuning import WebTuner
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port
from tfjslab.model.model import Model
from tfjslab.quantizer.quantize import quantize

NAMES = ["plain", "simd", "relaxed", "threads", "threads-relaxed"]


def wanted(graph, feeds):
    with Model(graph, "cpu") as model:
        names = [p.name for p in model.outputs]
        return dict(zip(names, model.execute(feeds, names), strict=True))


def agree(found, right, limit=1e-5):
    """All outputs of all variants, relative to the largest value."""
    for variant, outputs in found.items():
        for name, array in right.items():
            a, b = outputs[name].astype(np.float64), array.ravel().astype(np.float64)
            finite = np.isfinite(b)
            assert np.array_equal(a[~finite], b[~finite], equal_nan=True), (variant, name)
            largest = np.abs(b[finite]).max(initial=0) or 1
            assert np.abs(a[finite] - b[finite]).max(initial=0) <= limit * largest, (variant, name)


@pytest.fixture(autouse=True)
def _needs_node():
    node()


@given(net=nets())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow,
                                                                 HealthCheck.function_scoped_fixture])
def test_random_networks_answer_as_cpu_does(tmp_path_factory, net):
    graph, feeds = net
    try:
        folder, _ = exported(tmp_path_factory.mktemp("net") / "web", graph, shapes={"x": feeds["x"].shape})
    except ModelError as e:
        assert e.code == "export.host"  # noqa: PT017 - an output that is constant, for one
        return
    agree(answers(folder, feeds), wanted(graph, feeds), 2e-5)


def test_all_variants_run_and_relaxed_ones_are_left_out_where_the_engine_lacks_them(tmp_path):
    graph = small_graph(64)
    feeds = {"x": np.random.default_rng(2).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)}
    folder, made = exported(tmp_path / "web", graph, tuners=RelaxedTuner)
    assert made.variants == tuple(NAMES)
    assert "fma" in str(made.tiles["relaxed"])
    assert "fma" not in str(made.tiles["simd"])
    found = answers(folder, feeds)
    assert list(found) == NAMES
    agree(found, wanted(graph, feeds))
    if node().relaxed_simd_flags:
        able = list(answers(folder, feeds, relaxed=False))
        assert able == [n for n in NAMES if not needs_relaxed(folder, n)] == ["plain", "simd", "threads"]


class RelaxedTuner(WebTuner):
    """Takes the first tile with relaxed multiply-add, where the variant has that."""

    def choose(self, kind, tiles, trial):
        """As it says."""
        self.known = {kind: next((t for t in tiles if t.relaxed), tiles[0])}
        return super().choose(kind, tiles, trial)


def needs_relaxed(folder, variant):
    """Whether its code holds f32x4.relaxed_madd."""
    return b"\xfd\x85\x02" in (folder / f"model-{variant}.wasm").read_bytes()


def test_models_without_weights_or_kernels_for_threads_have_fewer_variants(tmp_path):
    b = GraphBuilder()
    x = b.input("x", (1, 5))
    graph = b.build([Port("y", b.value("y", "Relu", x), None, "float32")], {})
    folder, made = exported(tmp_path / "web", graph)
    assert made.variants == ("plain", "simd", "relaxed")
    assert made.files["weights.bin"] == 0
    feeds = {"x": np.array([[-1, 2, np.nan, np.inf, -0.0]], np.float32)}
    agree(answers(folder, feeds), wanted(graph, feeds))


def test_several_inputs_and_outputs_of_several_dtypes(tmp_path):
    b = GraphBuilder()
    x, k, t = b.input("x", (2, 3)), b.input("k", (2, 3), "int32"), b.input("t", (3,), "bool")
    less = b.value("less", "Less", x, b.value("float", "Cast", k, DstT="float32"))
    outputs = [
        Port("flat", b.value("flat", "Reshape", k, shape=[6]), None, "int32"),
        Port("twice", b.value("twice", "AddV2", x, x), None, "float32"),
        Port("wrapped", b.value("wrapped", "AddV2", k, k), None, "int32"),
        Port("both", b.value("both", "LogicalAnd", less, t), None, "bool"),
        Port("chosen", b.value("chosen", "SelectV2", t, k, b.value("cut", "Cast", x, DstT="int32")), None, "int32"),
    ]
    graph = b.build(outputs, {})
    folder, _ = exported(tmp_path / "web", graph)
    feeds = {"x": np.array([[1, -2, 3], [0, 5, -6]], np.float32),
             "k": np.array([[1, 2, 3], [-4, 5, 2**31 - 1]], np.int32), "t": np.array([True, False, True])}
    right = wanted(graph, feeds)
    for variant, found in answers(folder, feeds).items():
        for name, array in right.items():
            assert np.array_equal(found[name], array.ravel()), (variant, name)


def test_outputs_whose_length_depends_on_data_have_it(tmp_path):
    """A suppression keeps some boxes, all of them or none; a fixed number of places is made for them."""
    b = GraphBuilder()
    boxes, scores = b.input("boxes", (30, 4)), b.input("scores", (30,))
    kept = b.value("kept", "NonMaxSuppressionV5", boxes, scores, max_output_size=12, score_threshold=0.4)
    outputs = [Port("kept", kept, None, "int32"), Port("best", f"{kept}:1", None, "float32"),
               Port("twice", b.value("twice", "AddV2", scores, scores), None, "float32")]
    graph = b.build(outputs, {})
    folder, _ = exported(tmp_path / "web", graph)
    rng = np.random.default_rng(1)
    first = rng.uniform(0, 1, (30, 2))
    feeds = {"boxes": np.concatenate([first, first + 0.2], axis=1).astype(np.float32)}
    for low, high, counts in ((0, 1, range(1, 13)), (0.5, 1, range(1, 13)), (0, 0.3, [0])):
        feeds["scores"] = rng.uniform(low, high, 30).astype(np.float32)
        right = wanted(graph, feeds)
        assert len(right["kept"]) in counts
        for variant, found in answers(folder, feeds).items():
            for name, array in right.items():
                assert np.array_equal(found[name], array), (variant, name)


def test_an_int8_model_runs_in_integers(tmp_path):
    graph = small_graph(8)
    rng = np.random.default_rng(3)
    samples = [{"x": rng.uniform(-1, 1, (1, 8, 8, 3)).astype(np.float32)} for _ in range(8)]
    with Model(graph, "cpu", name="small") as model, quantize(model, "int8", samples).model as made:
        folder, _ = exported(tmp_path / "web", made.graph)
        right = wanted(made.graph, samples[0])
    found = answers(folder, samples[0])
    assert "plain" in found
    agree(found, right)


def test_a_worker_gives_the_same(tmp_path):
    graph = small_graph(8)
    feeds = {"x": np.random.default_rng(2).uniform(-1, 1, (1, 8, 8, 3)).astype(np.float32)}
    folder, _ = exported(tmp_path / "web", graph)
    here, there = answers(folder, feeds), answers(folder, feeds, worker=True)
    assert here.keys() == there.keys()
    assert all(np.array_equal(here[v]["y"], there[v]["y"]) for v in here)


def test_a_decoder_with_a_head_of_indices_runs_without_a_host(tmp_path):
    """A transposed convolution, mirrored edges, softmax along rows, and classes that are looked up."""
    b, rng = GraphBuilder(), np.random.default_rng(4)
    weights = b.constant("w", rng.uniform(-1, 1, (3, 3, 6, 4)).astype(np.float32))
    x = b.value("mirrored", "MirrorPad", b.input("x", (1, 5, 6, 4)), paddings=[[0, 0], [1, 1], [2, 0], [0, 0]])
    image = b.value(
        "up", "Conv2DBackpropInput", weights, x, output_shape=[1, 14, 16, 6], strides=[2], padding="SAME")
    scores = b.value("scores", "Mean", b.value("relu", "Relu", image), axis=[0, 1, 3])
    classes = b.value("classes", "ArgMax", image, axis=3)
    names = b.constant("names", np.arange(60, dtype=np.float32).reshape(6, 10))
    found = b.value("found", "GatherV2", names, classes)
    hot = b.value("hot", "OneHot", classes, depth=6)
    soft = b.value("soft", "Softmax", image, axis=1)
    graph = b.build([Port(v, v, None, "float32") for v in (scores, found, hot, soft)], {})
    feeds = {"x": rng.uniform(-1, 1, (1, 5, 6, 4)).astype(np.float32)}
    folder, _ = exported(tmp_path / "web", graph)
    agree(answers(folder, feeds), wanted(graph, feeds))


def test_recurrent_layers_and_batches_of_products_answer_as_cpu_does(tmp_path):
    """Kernels of parts: steps of a product each, and the products of a batch."""
    rng = np.random.default_rng(3)
    b = GraphBuilder()

    def weights(*shape):
        return b.constant(b.unique("w"), rng.uniform(-0.3, 0.3, shape).astype(np.float32))

    x = b.input("x", (None, 9, 30))
    gates = b.value("gates", "AddV2", b.value("products", "BatchMatMulV2", x, weights(30, 68)), weights(68))
    steps = b.value("lstm", "LSTM", gates, weights(17, 68), go_backwards=True, recurrent_activation="hardsigmoid")
    gates = b.value("more", "BatchMatMulV2", steps, weights(17, 51))
    steps = b.value("gru", "GRU", gates, weights(17, 51), weights(51), reset_after=True)
    scores = b.value("scores", "Softmax", b.value("squares", "BatchMatMulV2", steps, steps, adj_y=True))
    y = b.value("mixed", "Transpose", b.value("sums", "BatchMatMulV2", scores, steps), perm=[0, 2, 1])
    graph = b.build([Port("y", y, None, "")], {})
    feeds = {"x": rng.uniform(-1, 1, (5, 9, 30)).astype(np.float32)}
    folder, _ = exported(tmp_path / "web", graph, shapes={"x": (5, 9, 30)})
    agree(answers(folder, feeds), wanted(graph, feeds))


def _head(b):
    """Outputs of ops on indices, orders, counts, integers and truth values, all of inputs x, k and t."""
    x, k, t = b.input("x", (3, 40)), b.input("k", (3, 40), "int32"), b.input("t", (3, 40), "bool")
    top = b.value("top", "TopKV2", x, k=5)
    rows = b.constant("rows", np.arange(15, dtype=np.int32).reshape(3, 5, 1) // 5)
    at = b.value("at", "ConcatV2", rows, b.value("places", "ExpandDims", f"{top}:1", axis=2), axis=2)
    some = b.value("some", "BitwiseAnd", k, b.constant("bits", np.array(15, np.int32)))
    summed = b.value("summed", "Cumsum", b.value("sizes", "Abs", x), axis=1)
    pairs = b.value("pairs", "Reshape", at, shape=[15, 2])
    line = b.value("line", "Reshape", top, shape=[15])
    steps = b.value("steps", "Range", start=0, limit=5000, delta=1, Tidx="float32")
    three = b.constant("three", np.array([[7], [-3], [5]], np.int32))
    none, minus = b.constant("none", np.zeros(0, np.float32)), b.constant("minus", np.array(-1, np.float32))
    return [
        b.value("all", "All", t, axis=[1]), b.value("any", "Any", t, axis=[0]), b.value("found", "GatherNd", k, at),
        b.value("put", "TensorScatterUpdate", x, at, top), b.value("added", "ScatterNd", at, top, shape=[3, 40]),
        b.value("dense", "SparseToDense", pairs, line, minus, output_shape=[3, 40]), summed,
        b.value("product", "Cumprod", k, axis=0, exclusive=True, reverse=True),
        b.value("lower", "LowerBound", summed, x), b.value("upper", "UpperBound", summed, x),
        b.value("counts", "DenseBincount", some, none, size=12), b.value("quotient", "FloorDiv", k, three),
        b.value("rest", "FloorMod", k, some), b.value("power", "Pow", k, some),
        b.value("band", "MatrixBandPart", t, num_lower=2, num_upper=2), b.value("turned", "Transpose", t, perm=[1, 0]),
        b.value("most", "Max", k, axis=[1]), b.value("middle", "Mean", k, axis=[0]),
        b.value("long", "AddV2", steps, b.value("least", "Min", x, axis=[0, 1])),
    ]


def test_heads_of_indices_orders_and_integers_run_without_a_host(tmp_path):
    b, rng = GraphBuilder(), np.random.default_rng(8)
    names = _head(b)
    graph = b.build([Port(v, v, None, "") for v in names], {})
    feeds = {
        "x": rng.integers(-9, 9, (3, 40)).astype(np.float32), "t": rng.random((3, 40)) < 0.9,
        "k": rng.integers(-(2**31), 2**31, (3, 40)).astype(np.int32),
    }
    folder, _ = exported(tmp_path / "web", graph)
    found = answers(folder, feeds)
    assert {"plain", "simd"} <= set(found)
    agree(found, wanted(graph, feeds))
