"""Real models against answers that TensorFlow.js gave (its ``cpu`` backend), on every backend.

The models and answers lie beside the repository, in ``../shared``; without them these tests are skipped.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import BackendError
from tfjslab.cli.app import main
from tfjslab.model.coverage import coverage

SHARED = Path(__file__).parents[2].parent / "shared"
NAMES = ("blazeface-front", "facemesh", "handtrack", "mobilenet_v2_graph", "mobilenet_v2_layers")
BACKENDS = ("cpu", "wasm-plain", "wasm-simd", "wasm-threads", "webgpu", "webgl", "webgpu-f16")
TOLERANCE = 1e-4  # of the largest absolute value of each output
# Every value between two kernels is rounded to 11 bits, 5e-4 of itself, and where it stands decides which way. Worst
# seen 1.2e-3 on llvmpipe (BlazeFace), 2.14e-3 on an NVIDIA H100 (FaceMesh), whose sums are in another order.
FLOAT16_TOLERANCE = 3e-3

needs_shared = pytest.mark.skipif(not (SHARED / "golden").is_dir(), reason=f"no models and answers in {SHARED}")


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


def assert_golden(name, results, tolerance=TOLERANCE):
    """Compare results by output name with the golden ones."""
    for output, golden in arrays(name, "outputs").items():
        assert results[output].shape == golden.shape, output
        scale = np.abs(golden).max()
        error = np.abs(results[output].astype(np.float64) - golden).max()
        assert error <= tolerance * scale, f"{output}: largest error {error}, largest value {scale}"


@needs_shared
@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_tensorflowjs(name, backend):
    outputs = list(arrays(name, "outputs"))
    float16 = backend == "webgpu-f16"
    with tf.load_model(SHARED / "models" / name, backend=backend) as model:
        if float16 and name == "handtrack":
            # It keeps the best of nearly equal boxes: rounded scores put others in their places.
            with pytest.raises(BackendError, match=r"webgpu-f16 is off by up to .* the bound is 0.01"):
                model.execute(arrays(name, "inputs"), outputs)
            return
        results = model.execute(arrays(name, "inputs"), outputs)
    assert_golden(name, dict(zip(outputs, results, strict=True)), FLOAT16_TOLERANCE if float16 else TOLERANCE)


@needs_shared
@pytest.mark.parametrize("name", NAMES)
def test_the_run_command_gives_them_from_raw_input_files(name, tmp_path, capsys):
    target = tmp_path / "outputs.npz"
    (shape,) = (a.shape for a in arrays(name, "inputs").values())
    given = ["--input", str(SHARED / "golden" / name / "input.bin"), "--output", str(target)]
    given += ["--shape", ",".join(map(str, shape))]  # handtrack leaves height and width open
    assert main(["run", str(SHARED / "models" / name), *given]) == 0
    with np.load(target) as saved:
        assert_golden(name, saved)


def fallbacks(model):
    """Ops that ran on the host, with how many nodes of each."""
    return dict(coverage(model, model.sample()).fallback)


@needs_shared
@pytest.mark.parametrize("name", ["blazeface-front", "facemesh", "mobilenet_v2_graph", "mobilenet_v2_layers"])
def test_no_kernel_of_the_real_models_falls_back_to_the_host(name, backend):
    with tf.load_model(SHARED / "models" / name, backend=backend) as model:
        assert fallbacks(model) == {}


@needs_shared
@pytest.mark.parametrize("backend", ["wasm-plain", "wasm-simd", "wasm-threads"])
def test_a_detector_has_no_host_step_inside_its_static_parts(backend):
    """Only ops whose outputs have a shape that the data decide are left, between plans."""
    with tf.load_model(SHARED / "models" / "handtrack", backend=backend) as model:
        feeds = arrays("handtrack", "inputs")
        inside = {c.kernel for p in model.prepare(feeds) for c in p.commands if c.fallback}
        assert inside <= {"TopK"}
        model.execute(feeds)
        hosts = [k.name for k in tf.profile(lambda: model.execute(feeds)).kernels if k.fallback]
    assert set(hosts) <= {"Where", "Range", "TopK", "Sum"}
    assert len(hosts) <= 5


@pytest.mark.parametrize("name", zoo.ENTRIES)
def test_no_kernel_of_the_zoo_falls_back_to_the_host(name, backend):
    with zoo.load(name, backend=backend) as model:
        assert fallbacks(model) == {}
