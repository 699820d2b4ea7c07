"""Web modules of quantized .tflite files: every byte, the types of inputs and outputs, what they stand for."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
import wasmtime
from support.flat import operator, subgraph, tensor, tflite
from support.web import answers, exported, node, run_script

import tfjslab as tf
from tfjslab.base.errors import ModelError
from tfjslab.cli.app import main
from tfjslab.export.web import export
from tfjslab.export.web.picture import Picture
from tfjslab.export.web.plan import needs_host
from tfjslab.export.web.rounding import FEWEST, rounded
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port

RNG = np.random.default_rng(3)
SCALE, ZERO = 0.0078125, {"int8": -3, "uint8": 125}
OPTIONS = {0: ("<b", 0), 1: ("<i", 2), 2: ("<i", 2), 3: ("<b", 3)}  # SAME, strides of 2, RELU6


def network(dtype, channels=8):
    """A convolution of an image, and what its numbers stand for."""
    shape, zero = (channels, 3, 3, 3), ZERO[dtype]
    info = np.iinfo(dtype)
    filters = RNG.integers(info.min + 1, info.max, shape).astype(dtype)
    bias = RNG.integers(-900, 900, channels).astype(np.int32)
    tensors = [
        tensor("image", (1, 8, 8, 3), dtype, scale=SCALE, zero_point=zero),
        tensor("w", shape, dtype, 1, scale=0.004, zero_point=0 if dtype == "int8" else 120),
        tensor("b", (channels,), "int32", 2, scale=SCALE * 0.004),
        tensor("bytes", (1, 4, 4, channels), dtype, scale=0.02, zero_point=info.min),
        tensor("real", (1, 4, 4, channels)),
    ]
    steps = [operator(0, [0, 1, 2], [3], OPTIONS), operator(1, [3], [4])]
    return tflite(["CONV_2D", "DEQUANTIZE"], [subgraph(tensors, steps, [0], [3, 4])], [filters, bias])


@pytest.fixture(name="opened")
def _opened(tmp_path):
    """Opens a file of these bytes."""
    models = []

    def load(data):
        path = tmp_path / "network.tflite"
        path.write_bytes(data)
        models.append(tf.load_model(path, backend="cpu"))
        return models[-1]

    yield load
    for model in models:
        model.dispose()


def test_an_engine_without_relaxed_simd_takes_what_is_not_relaxed(opened, tmp_path):
    config = wasmtime.Config()
    config.wasm_relaxed_simd = False
    engine = wasmtime.Engine(config)
    tf.export_web(opened(network("int8")), tmp_path / "web")
    for variant in ("plain", "simd"):
        wasmtime.Module.validate(engine, (tmp_path / "web" / f"model-{variant}.wasm").read_bytes())
    with pytest.raises(wasmtime.WasmtimeError, match="relaxed SIMD"):
        wasmtime.Module.validate(engine, (tmp_path / "web" / "model-relaxed.wasm").read_bytes())


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_every_variant_gives_the_bytes_of_cpu(opened, tmp_path, dtype):
    node()
    model, info = opened(network(dtype)), np.iinfo(dtype)
    made = tf.export_web(model, tmp_path / "web")
    assert made.variants == ("plain", "simd", "relaxed")  # threads have too little to do
    assert made.left_out == {}
    x = RNG.integers(info.min, info.max, (1, 8, 8, 3), dtype, endpoint=True)
    wanted = dict(zip(("bytes", "real"), model.execute([x], ["bytes", "real"]), strict=True))
    found = answers(tmp_path / "web", {"image": x})
    assert "simd" in found
    for variant, outputs in found.items():
        for name, y in outputs.items():
            assert y.dtype == wanted[name].dtype, variant
            np.testing.assert_array_equal(y, wanted[name].ravel(), variant)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_weights_travel_as_bytes(opened, tmp_path, dtype):
    """Of one variant and of all, odd numbers of channels and taps included, and whatever factors channels have."""
    node()
    info, zero = np.iinfo(dtype), ZERO[dtype]
    filters = RNG.integers(info.min + 1, info.max, (21, 3, 3, 64)).astype(dtype)
    taps = RNG.integers(info.min + 1, info.max, (1, 3, 3, 21)).astype(dtype)
    scales = [0.004 / (1 + i % 7) for i in range(21)] if dtype == "int8" else 0.004
    how = {"zero_point": [0] * 21, "axis": 0} if dtype == "int8" else {"zero_point": 120}
    tensors = [
        tensor("image", (1, 8, 8, 64), dtype, scale=SCALE, zero_point=zero),
        tensor("w", filters.shape, dtype, 1, scale=scales, **how), tensor("b", (21,), "int32", 2),
        tensor("between", (1, 4, 4, 21), dtype, scale=0.2, zero_point=zero),
        tensor("taps", taps.shape, dtype, 3, scale=scales, **{**how, **({"axis": 3} if dtype == "int8" else {})}),
        tensor("y", (1, 4, 4, 21), dtype, scale=0.05, zero_point=zero),
    ]
    steps = [operator(0, [0, 1, 2], [3], {**OPTIONS, 3: ("<b", 0)}),
             operator(1, [3, 4, 2], [5], {0: ("<b", 0), 1: ("<i", 1), 2: ("<i", 1), 3: ("<i", 1)})]
    graph = subgraph(tensors, steps, [0], [5])
    model = opened(tflite(["CONV_2D", "DEPTHWISE_CONV_2D"], [graph], [filters, np.zeros(21, np.int32), taps]))
    tf.export_web(model, tmp_path / "web")
    every = (tmp_path / "web/weights.bin").stat().st_size
    tf.export_web(model, tmp_path / "simd", only=["simd"])
    one = (tmp_path / "simd/weights.bin").stat().st_size
    for size in (one, every):
        assert 0 <= size - filters.size - taps.size < 4000  # what belongs to channels: biases, multipliers, factors
    x = RNG.integers(info.min, info.max, (1, 8, 8, 64), dtype, endpoint=True)
    wanted = model.predict(x).ravel()
    assert len(np.unique(wanted)) > 20
    for variant, outputs in answers(tmp_path / "web", {"image": x}).items():
        np.testing.assert_array_equal(outputs["y"], wanted, variant)


def test_a_variant_without_kernels_is_left_out_or_refused_where_it_is_asked_for(opened, tmp_path, monkeypatch):
    """No op has kernels on some variants only at the moment; here one is made to have none on plain."""
    lower = export.lower

    def lower_all_but_plain(web, variant, *more):
        if variant.name == "plain":
            raise needs_host(web.name, [("TflConv2D: no kernel without vectors", "conv")])
        return lower(web, variant, *more)

    monkeypatch.setattr(export, "lower", lower_all_but_plain)
    made = tf.export_web(opened(network("int8")), tmp_path / "web")
    assert made.variants == ("simd", "relaxed")
    assert made.left_out == {"plain": "TflConv2D: no kernel without vectors"}
    with pytest.raises(ModelError, match="TflConv2D: no kernel without vectors") as caught:
        tf.export_web(opened(network("int8")), tmp_path / "web", only=["plain", "simd"])
    assert caught.value.code == "export.host"


def test_pages_can_feed_real_numbers(opened, tmp_path):
    node()
    tf.export_web(opened(network("int8")), tmp_path / "web", only=["simd"])
    real = [0.0, 0.5 * SCALE, -0.5 * SCALE, 1.5 * SCALE, 0.25, -0.999, 99.0, -99.0]
    found = run_script("quantization.mjs", tmp_path / "web", stdin=json.dumps({"real": real}))
    steps = np.float32(real) / np.float32(SCALE)
    stored = np.clip(np.copysign(np.floor(np.abs(steps) + 0.5), steps) + ZERO["int8"], -128, 127)
    assert found["quantization"] == {"scale": SCALE, "zeroPoint": ZERO["int8"]}
    assert found["kind"] == "Int8Array"
    assert found["stored"] == stored.tolist()
    np.testing.assert_allclose(found["real"], (stored - ZERO["int8"]) * SCALE)
    assert found["plain"] == "quantization: 'ids' is not quantized: its numbers are what they stand for"
    types = (tmp_path / "web" / "model.d.ts").read_text()
    assert "export function dequantize(port: Port" in types
    assert "| `image` | 1 x 8 x 8 x 3 | int8, for 0.0078125 * (x - -3) |" in (tmp_path / "web/README.md").read_text()


def test_models_of_floats_carry_nothing_of_it(tmp_path):
    exported(tmp_path / "web", only=["simd"])
    for name in ("model.js", "model.d.ts"):
        assert "dequantize" not in (tmp_path / "web" / name).read_text()
        assert "{{" not in (tmp_path / "web" / name).read_text()


def identity(dtype, shape):
    """A model that gives its input, which stands for other numbers."""
    b = GraphBuilder()
    x = b.input("x", shape, dtype)
    return b.build([Port("y", b.value("y", "Reshape", x, shape=[-1]), None, dtype)],
                   {"quantization": {"x": {"scale": 0.01, "zero_point": 7}}})


@pytest.mark.parametrize(("dtype", "picture", "wanted"), [
    ("uint8", Picture(0, 2.55), lambda p: p + 7), ("int8", Picture(-1, 1), lambda p: (p / 255 * 2 - 1) / 0.01 + 7),
])
def test_pictures_become_what_stands_for_their_pixels(tmp_path, dtype, picture, wanted):
    node()
    pixels = np.arange(64, dtype=np.uint8).reshape(4, 4, 4) * 4
    folder, _ = exported(tmp_path / "web", identity(dtype, (1, 4, 4, 3)), image=picture, only=["simd"])
    data = base64.b64encode(pixels.tobytes()).decode()
    found = answers(folder, {}, picture={"width": 4, "height": 4, "data": data})["simd"]["y"]
    info = np.iinfo(dtype)
    right = np.clip(np.rint(wanted(pixels[..., :3].astype(np.float64))), info.min, info.max)
    assert found.dtype == dtype
    assert np.abs(found - right.ravel()).max() <= (1 if dtype == "int8" else 0)  # halves may fall either way


def test_without_a_range_pixels_are_the_bytes(opened, tmp_path, capsys):
    node()
    opened(network("uint8"))
    assert main(["export", str(tmp_path / "network.tflite"), "--out", str(tmp_path / "web"), "--input", "image",
                 "--only", "simd", "--no-proof"]) == 0
    capsys.readouterr()
    text = (tmp_path / "web" / "model.js").read_text()
    assert '"picture":true' in text
    pixels = RNG.integers(0, 256, (8, 8, 4)).astype(np.uint8)
    picture = {"width": 8, "height": 8, "data": base64.b64encode(pixels.tobytes()).decode()}
    seen = answers(tmp_path / "web", {}, picture=picture)["simd"]["bytes"]
    fed = answers(tmp_path / "web", {"image": np.ascontiguousarray(pixels[None, ..., :3])})["simd"]["bytes"]
    np.testing.assert_array_equal(seen, fed)


def test_scales_of_weights_are_never_rounded(opened):
    channels = FEWEST + 1
    graph = opened(network("int8", channels)).graph
    scaled = graph.with_(constants={n: np.full(channels, 1 / 3, np.float32) if a.dtype == np.float32 else a
                                    for n, a in graph.constants.items()})
    for name, array in rounded(scaled).constants.items():
        np.testing.assert_array_equal(array, scaled.constants[name])
