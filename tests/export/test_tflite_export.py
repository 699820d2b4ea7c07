"""``tf.export_tflite``: int8 by TensorFlow Lite's scheme, to the byte of LiteRT's reference kernels, and its report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from support import litert
from support.nets import nets

import tfjslab as tf
from tfjslab.base.errors import InputError, UnknownOpError, UsageError
from tfjslab.export.tflite.integers import with_integers
from tfjslab.formats.tflite.file import parse
from tfjslab.formats.tflite.serialize import serialize
from tfjslab.formats.tflite.writer.graph import tflite_file
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port
from tfjslab.quantization.scheme import activation_scale

SHARED = Path(__file__).parents[3] / "shared"
REAL = {
    "digits": "", "blazeface": "models/blazeface-front", "person": "tflite/models/mlc_vww_96_float.tflite",
}
MOST = 1e-4  # of the largest value: what float32 may differ from the original


def images(model, count=2):
    """Seeded inputs with varied means, as calibration wants them."""
    rng = np.random.default_rng(7)
    shape = [d or 1 for d in model.inputs[0].shape]
    return [{model.inputs[0].name: (rng.uniform(-1, 1, shape) * rng.uniform(0.3, 1)).astype(np.float32)}
            for _ in range(count)]


def outputs_of(path, feeds, backend):
    with tf.load_tflite_model(path, backend) as model:
        return model.execute(feeds, [p.name for p in model.outputs])


@pytest.fixture(params=REAL)
def real(request):
    """A model of the zoo, or a real one."""
    place = SHARED / REAL[request.param]
    if not place.exists():
        pytest.skip(f"{place} is not there")
    with tf.zoo.open_model(str(place) if REAL[request.param] else request.param, "wasm-simd") as model:
        yield model


def test_litert_runs_real_models_in_every_precision(real, tmp_path):
    data, path = images(real), tmp_path / "m.tflite"
    x = list(data[0].values())
    original = real.execute(data[0], [p.name for p in real.outputs])
    for precision in ("float32", "float16", "int8"):
        made = tf.export_tflite(real, path, precision, data)
        feeds = x
        if precision == "int8":
            assert made.floats == ()
            q = parse(path.read_bytes(), "m").subgraphs[0].tensors[0].quantization
            feeds = [np.clip(np.rint(x[0] / q.scale[0]) + q.zero_point[0], -128, 127).astype(np.int8)]
        own = outputs_of(path, feeds, "wasm-simd")
        theirs = litert.answers(path.read_bytes(), feeds, reference=True)
        for a, b, whole in zip(own, theirs, original, strict=True):
            if precision == "int8":
                assert (a.dtype, a.tobytes()) == (np.int8, b.tobytes())
            else:
                assert np.abs(a - b).max() <= MOST * np.abs(a).max()
            if precision == "float32":
                assert np.abs(b - whole).max() <= MOST * np.abs(whole).max()


# ---- one operator after the other ------------------------------------------------------------------------------------


def net(*steps, shape=(1, 6, 6, 4), more=()):
    """A graph of these steps, each a function of the builder and the value so far."""
    b = GraphBuilder()
    x = b.input("x", shape)
    for step in steps:
        x = step(b, x)
    return b.build([Port("y", x, None, ""), *(Port(n, v, None, "") for n, v in more)], {})


def node(op, *constants, **attrs):
    return lambda b, x: b.value(op.lower(), op, x, *(b.constant(f"{op}_{i}", np.float32(c))
                                                  for i, c in enumerate(constants)), **attrs)


RNG = np.random.default_rng(5)
FILTER, BIAS = RNG.normal(size=(3, 3, 4, 5)), RNG.normal(size=5)
_STRIDED = {"strides": [1, 2, 2, 1], "padding": "SAME"}


def joined(b, x):
    """A product and the input itself, side by side."""
    return b.value("joined", "ConcatV2", b.value("bent", "Mul", x, b.constant("c", np.float32(3))), x, axis=3)


def parted(b, x):
    """Two halves, one of them bent, brought together by the larger value."""
    halves = b.node("halves", "Split", [x], num_split=2, axis=3)
    return b.value("larger", "Maximum", halves.outputs[0], b.value("bent", "Tanh", halves.outputs[1]))


def transposed(b, x):
    return b.value("up", "Conv2DBackpropInput", b.constant("f", np.float32(RNG.normal(size=(3, 3, 2, 4)))), x,
                   output_shape=[1, 12, 12, 2], **_STRIDED)


def sized(b, x):
    """Parts of unequal sizes, one behind the other in another order."""
    parts = b.node("parts", "SplitV", [x], size_splits=[1, 3], axis=3, num_split=2)
    return b.value("turned", "ConcatV2", *parts.outputs[::-1], axis=3)


def gathered(b, x):
    rows = b.value("rows", "GatherV2", x, b.constant("i", np.int32([2, 0, 2])), axis=1)
    return b.value("some", "GatherNd", rows, b.constant("j", np.int32([[0, 1, 2], [0, 0, 5]])))


def stacked(b, x):
    parts = b.node("parts", "Unpack", [x], axis=3, num=4)
    return b.value("stacked", "Pack", *parts.outputs[:3], axis=1)


def hard_swish(b, x):
    kernel = b.constant("unit", np.float32(np.eye(4).reshape(1, 1, 4, 4)))
    return b.value("swish", "_FusedConv2D", x, kernel, fused_ops=["_FusedHardSwish"], padding="VALID",
                   strides=[1, 1, 1, 1])


NETS = {
    "conv": net(node("_FusedConv2D", FILTER, BIAS, fused_ops=["BiasAdd", "Relu"], **_STRIDED)),
    "padded conv": net(node("Conv2D", FILTER, strides=[1, 2, 2, 1], padding="EXPLICIT",
                            explicit_paddings=[0, 0, 2, 0, 1, 1, 0, 0])),
    "depthwise": net(node("DepthwiseConv2dNative", RNG.normal(size=(3, 3, 4, 2)), **_STRIDED)),
    "transposed": net(transposed),
    "dense": net(node("Reshape", shape=[1, 144]), node("_FusedMatMul", RNG.normal(size=(144, 7)), RNG.normal(size=7),
                                                       fused_ops=["BiasAdd"]), node("Softmax")),
    "arithmetic": net(node("AddV2", RNG.normal(size=(4,))), node("Mul", RNG.normal(size=(4,))),
                      node("Sub", RNG.normal(size=(1, 6, 6, 4))), node("Relu6")),
    "tables": net(node("Sigmoid"), node("LeakyRelu", alpha=0.3), node("Tanh")),
    "pools": net(node("MaxPool", ksize=[1, 2, 2, 1], **_STRIDED),
                 node("AvgPool", ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1], padding="VALID")),
    "slopes": net(node("Prelu", RNG.normal(size=(1, 1, 4)))),
    "mean": net(node("Mean", axis=[1, 2], keep_dims=True)),
    "joined": net(joined), "parted": net(parted),
    "moves": net(node("Pad", paddings=[[0, 0], [1, 2], [0, 0], [0, 0]]), node("Transpose", perm=[0, 2, 1, 3]),
                 node("StridedSlice", begin=[0, 1, 0, 0], end=[1, 6, 9, 4], strides=[1, 2, 1, 1]),
                 node("SpaceToDepth", block_size=3)),
    "mirrors": net(node("MirrorPad", paddings=[[0, 0], [1, 2], [0, 1], [0, 0]], mode="REFLECT"),
                   node("ReverseV2", axis=[2]), node("Tile", reps=[1, 1, 2, 1])),
    "slices": net(node("Slice", begin=[0, 1, 0, 0], size=[1, 4, 6, 4]), sized),
    "gathered": net(gathered), "stacked": net(stacked), "spread": net(
        node("Mean", axis=[1], keep_dims=True), node("BroadcastTo", shape=[1, 3, 6, 4])),
    "batches": net(node("SpaceToBatchND", block_shape=[2, 2], paddings=[[1, 1], [0, 2]]),
                   node("BatchToSpaceND", block_shape=[2, 2], crops=[[1, 1], [0, 0]])),
    "depth": net(node("DepthToSpace", block_size=2), node("ExpandDims", axis=0), node("Squeeze", axis=[0])),
    "swish": net(hard_swish), "smallest": net(node("ArgMin", axis=2)),
    "edges": net(node("PadV2", paddings=[[0, 0], [1, 1], [1, 1], [0, 0]], constant_value=0.25)),
    "resized": net(node("ResizeBilinear", size=[9, 4], half_pixel_centers=True),
                   node("ResizeNearestNeighbor", size=[5, 7])),
    "place": net(node("ArgMax", axis=3)),
    "islands": net(node("Tanh"), node("Exp"), node("AddV2", 1.5), node("Floor")),
}


@pytest.mark.parametrize("ends", [False, True], ids=["int8", "float"])
@pytest.mark.parametrize("name", NETS)
def test_integers_are_those_of_the_reference_kernels(tmp_path, name, ends):
    with tf.Model(NETS[name], "cpu") as model:
        data = [{"x": RNG.normal(size=(1, 6, 6, 4)).astype(np.float32)} for _ in range(3)]
        made = tf.export_tflite(model, tmp_path / "m.tflite", "int8", data, float_io=ends)
        noise = made.report.outputs[0].sqnr_db
    written = (tmp_path / "m.tflite").read_bytes()
    x = data[0]["x"] if ends else RNG.integers(-128, 128, (1, 6, 6, 4)).astype(np.int8)
    theirs = litert.answers(written, [x], reference=name != "islands")  # the reference kernels lack some of floats
    for backend in ("cpu", "wasm-simd"):
        own = outputs_of(tmp_path / "m.tflite", [x], backend)
        assert [(a.dtype, a.tobytes()) for a in own] == [(a.dtype, a.tobytes()) for a in theirs]
    assert noise is None or noise > 15 or NETS[name].nodes[0].op.startswith("Arg")  # places are no real numbers


@settings(max_examples=8, deadline=None, derandomize=True, database=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nets())
def test_random_networks_answer_as_litert_does(tmp_path, drawn):
    graph, feeds = drawn
    path, shapes = tmp_path / "m.tflite", {"x": feeds["x"].shape}
    with tf.Model(graph, "cpu") as model:
        tf.export_tflite(model, path, "float32", feeds, shapes=shapes)
        wanted = model.execute(feeds, [p.name for p in model.outputs])
        for a, b in zip(litert.answers(path.read_bytes(), list(feeds.values())), wanted, strict=True):
            np.testing.assert_allclose(a, b, atol=MOST * np.abs(b).max(initial=1))
        made = tf.export_tflite(model, path, "int8", feeds, shapes=shapes)
    assume("ELU" not in made.operators)  # which the reference kernels lack
    x = np.random.default_rng(0).integers(-128, 128, feeds["x"].shape).astype(np.int8)
    theirs = litert.answers(path.read_bytes(), [x], reference=True)
    assert [a.tobytes() for a in outputs_of(path, [x], "cpu")] == [a.tobytes() for a in theirs]


def test_what_stays_in_floats_is_told_with_the_reason(tmp_path):
    with tf.Model(NETS["islands"], "cpu") as model:
        made = tf.export_tflite(model, tmp_path / "m.tflite", "int8", np.linspace(-1, 1, 144, dtype=np.float32).reshape(
            1, 6, 6, 4))
    assert made.floats == ("EXP 'exp': EXP has no int8 form here", "FLOOR 'y': FLOOR has no int8 form here")
    assert made.operators == {"DEQUANTIZE": 2, "QUANTIZE": 2, "TANH": 1, "EXP": 1, "ADD": 1, "FLOOR": 1}
    assert "2 of 4 operators compute in int8, the others in float32" in str(made)
    assert "Operators that stay in float32" in made._repr_html_()
    assert made.to_json()["report"]["nodes"][1]["reason"] == "EXP has no int8 form here"


def test_scales_are_tensorflow_lites():
    """Activations by their range, weights by channel, the bias by both, softmax always the same."""
    file = tflite_file(NETS["conv"])
    main = file.subgraphs[0]
    seen = {t.index: activation_scale(-1, 3, 255) for t in main.tensors if t.data is None}
    tensors = with_integers(file, seen)[0].subgraphs[0].tensors
    x, y, weights, bias = (next(t for t in tensors if t.type.name == kind and part in t.name)
                           for kind, part in (("int8", "x"), ("int8", "y"), ("int8", "weights"), ("int32", "1")))
    assert (float(x.quantization.scale[0]), int(x.quantization.zero_point[0])) == (np.float32(4 / 255), -64)
    assert y.quantization.scale[0] == x.quantization.scale[0]
    np.testing.assert_allclose(weights.quantization.scale, np.abs(FILTER).max(axis=(0, 1, 2)) / 127, rtol=1e-6)
    assert np.abs(weights.data).reshape(5, -1).max(axis=1).tolist() == [127] * 5
    np.testing.assert_allclose(bias.data * bias.quantization.scale, BIAS, atol=float(bias.quantization.scale.max()))
    assert bias.quantization.scale.tolist() == (x.quantization.scale * weights.quantization.scale).tolist()


def test_a_bias_that_is_large_beside_its_weights_makes_their_scale_coarser(tmp_path):
    graph = net(node("_FusedConv2D", np.full((1, 1, 4, 2), 1e-9), [5.0, 1e-9], fused_ops=["BiasAdd"], **_STRIDED))
    with tf.Model(graph, "cpu") as model:
        tf.export_tflite(model, tmp_path / "m.tflite", "int8", images(model))
    written = (tmp_path / "m.tflite").read_bytes()
    biases = next(t.data for t in parse(written, "m").subgraphs[0].tensors if t.type.name == "int32")
    assert 1 << 29 < biases.max() <= 1 << 30
    x = np.zeros((1, 6, 6, 4), np.int8)
    assert outputs_of(tmp_path / "m.tflite", [x], "cpu")[0].tobytes() == litert.answers(written, [x], reference=True)[
        0].tobytes()


def test_data_may_be_several_samples_and_is_cut_into_the_batches_of_the_file(tmp_path):
    with tf.zoo.open_model("digits", "cpu") as model:
        shape = [d or 1 for d in model.inputs[0].shape[1:]]
        data = np.random.default_rng(2).uniform(0, 1, (6, *shape)).astype(np.float32)
        made = tf.export_tflite(model, tmp_path / "m.tflite", "int8", data, labels=list("0123456789"))
        again = tf.export_tflite(model, tmp_path / "n.tflite", "int8", [data[i:i + 1] for i in range(6)],
                                 labels=list("0123456789"))
        assert made.report.outputs == again.report.outputs
        with pytest.raises(InputError, match="has shape"):
            tf.export_tflite(model, tmp_path / "m.tflite", "int8", data[..., :1, :])
    assert (tmp_path / "m.tflite").read_bytes() == (tmp_path / "n.tflite").read_bytes()
    with tf.load_tflite_model(tmp_path / "m.tflite", "cpu") as written:
        assert written.graph.metadata["labels"] == list("0123456789")


@pytest.mark.parametrize(("given", "message"), [
    (("int7",), "precision is 'int7'; expected one of float32, float16, int8; did you mean 'int8'?"),
    (("int8",), "int8 needs calibration data: arrays like the model's inputs"),
    (("int8", None, "best"), "method is 'best'; expected one of minmax, percentile, mse"),
])
def test_calls_that_cannot_work(tmp_path, given, message):
    precision, data, method = (*given, None, "minmax")[:3] if len(given) < 3 else given
    with tf.zoo.open_model("digits", "cpu") as model, pytest.raises((UsageError, InputError)) as caught:
        tf.export_tflite(model, tmp_path / "m.tflite", precision, data, method=method)
    assert str(caught.value) == message


def test_nothing_is_written_where_an_op_has_no_operator(tmp_path):
    with tf.Model(net(node("Erf")), "cpu") as model, pytest.raises(UnknownOpError, match=r"'erf' \(Erf\)"):
        tf.export_tflite(model, tmp_path / "m.tflite", "int8", images(model))
    assert list(tmp_path.iterdir()) == []


def test_what_was_taken_is_given_back(tmp_path):
    with tf.zoo.open_model("digits", "wasm-simd") as model:
        tf.export_tflite(model, tmp_path / "m.tflite", "int8", images(model))
        before = tf.memory()
        tf.export_tflite(model, tmp_path / "m.tflite", "int8", images(model))
        assert tf.memory() == before


def test_an_int8_file_is_not_quantized_again(tmp_path):
    with tf.zoo.open_model("digits", "cpu") as model:
        tf.export_tflite(model, tmp_path / "m.tflite", "int8", images(model))
    with (tf.load_tflite_model(tmp_path / "m.tflite", "cpu") as model,
          pytest.raises(UnknownOpError, match="works on int8")):
        tf.export_tflite(model, tmp_path / "n.tflite")
    assert serialize(parse((tmp_path / "m.tflite").read_bytes(), "m"))  # which is written as it is
