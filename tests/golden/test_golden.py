"""Real models against answers that TensorFlow.js gave (its ``cpu`` backend), on every backend.

The models and answers lie beside the repository, in ``../shared``; without them these tests are skipped.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import tfjslab as tf

SHARED = Path(__file__).parents[2].parent / "shared"
NAMES = ("blazeface-front", "facemesh", "handtrack", "mobilenet_v2_graph", "mobilenet_v2_layers")
BACKENDS = ("cpu", "wasm-plain", "wasm-simd", "wasm-threads")
TOLERANCE = 1e-4  # of the largest absolute value of each output

pytestmark = pytest.mark.skipif(not (SHARED / "golden").is_dir(), reason=f"no golden answers in {SHARED}")


@pytest.fixture(params=BACKENDS)
def backend(request):
    """The name of each backend; those that cannot run here are skipped with the reason."""
    status = next(b for b in tf.backends() if b.name == request.param)
    if not status.available:
        pytest.skip(f"{status.name}: {status.reason}")
    return status.name


def arrays(name, kind):
    """The golden inputs or outputs of a model, by name."""
    folder = SHARED / "golden" / name
    described = json.loads((folder / "meta.json").read_text())[kind]
    dtypes = {"float32": "<f4", "int32": "<i4", "bool": "?"}
    return {d["name"]: np.fromfile(folder / d["file"], dtypes[d["dtype"]]).reshape(d["shape"]) for d in described}


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_tensorflowjs(name, backend):
    expected = arrays(name, "outputs")
    with tf.load_model(SHARED / "models" / name, backend=backend) as model:
        results = model.execute(arrays(name, "inputs"), list(expected))
    for (output, golden), result in zip(expected.items(), results, strict=True):
        assert result.shape == golden.shape, output
        scale = np.abs(golden).max()
        error = np.abs(result.astype(np.float64) - golden).max()
        assert error <= TOLERANCE * scale, f"{output}: largest error {error}, largest value {scale}"
