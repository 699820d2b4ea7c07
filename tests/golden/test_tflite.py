"""Quantized .tflite models against LiteRT's reference kernels: every output byte, and every operator's by checksum."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest

import tfjslab as tf

SHARED = Path(__file__).parents[2].parent / "shared" / "tflite"
DTYPES = {"int8": "i1", "uint8": "u1", "int16": "<i2", "int32": "<i4", "int64": "<i8", "float32": "<f4"}
NAMES = (
    "coral_deeplabv3_dm05_uint8", "coral_mobilenet_v1_025_128_uint8", "coral_mobilenet_v1_025_128_uint8__photo",
    "coral_tf2_mobilenet_v2_ptq_int8", "mlc_vww_96_int8", "mlc_vww_96_int8__photo", "tflm_micro_speech_int8",
)

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the development models beside the repository")


def _read(folder, told):
    return np.fromfile(folder / told["file"], DTYPES[told["dtype"]]).reshape(told["shape"])


@pytest.mark.parametrize(("name", "backend"), [
    *((n, "cpu") for n in NAMES), *((n, "wasm-simd") for n in NAMES if "photo" not in n),
    ("mlc_vww_96_int8", "wasm-threads"), ("tflm_micro_speech_int8", "wasm-threads"),
    ("mlc_vww_96_int8", "wasm-plain"), ("tflm_micro_speech_int8", "wasm-plain"),
])
def test_every_byte_is_the_reference_kernels(name, backend):
    folder = SHARED / "golden" / name
    told, operators = (json.loads((folder / f"{n}.json").read_text()) for n in ("meta", "tensors"))
    with tf.load_model(SHARED / told["model"], backend=backend) as model:
        feeds = {p.name: _read(folder, i) for p, i in zip(model.inputs, told["inputs"], strict=True)}
        outputs = model.execute(feeds, [p.name for p in model.outputs])
        for found, expected in zip(outputs, told["outputs"], strict=True):
            assert found.astype(DTYPES[expected["dtype"]]).tobytes() == _read(folder, expected).tobytes()
        values = model.graph.metadata["tensors"]
        made = model.execute(feeds, [values[o["tensor"]] for o in operators])
        wrong = [f"{o['op']} ({o['op_name']})" for o, v in zip(operators, made, strict=True)
                 if zlib.crc32(np.ascontiguousarray(v, DTYPES[o["dtype"]]).tobytes()) != o["crc32"]]
        assert wrong == []
