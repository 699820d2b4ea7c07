"""Small models written by the tests, whole or damaged in one place."""

import base64
import json

import numpy as np
import pytest

from tfjslab.bench import settings
from tfjslab.records import enough

WEIGHTS = {"w": np.array([[1, 2], [3, 4], [5, 6]], np.float32), "b": np.array([0.5, -100], np.float32)}
IMAGE = np.array([[1, 1, 1], [0, 1, 2]], np.float32)
ANSWER = np.array([[9.5, 0], [13.5, 0]], np.float32)  # relu(IMAGE @ w + b), worked out by hand


FLOAT = {"type": "DT_FLOAT"}


def _dims(dims):
    return {"dim": [{"size": str(d)} for d in dims]}


def _const(name):
    array = WEIGHTS[name]
    tensor = {"dtype": "DT_FLOAT", "tensorShape": _dims(array.shape)}
    return {"name": name, "op": "Const", "attr": {"dtype": FLOAT, "value": {"tensor": tensor}}}


def description():
    """The JSON of a graph model: relu(x @ w + b), with a free batch dimension."""
    flag = {"b": False}
    nodes = [
        {"name": "x", "op": "Placeholder", "attr": {"dtype": FLOAT, "shape": {"shape": _dims([-1, 3])}}},
        _const("w"), _const("b"),
        {"name": "product", "op": "MatMul", "input": ["x", "w"],
         "attr": {"T": FLOAT, "transpose_a": flag, "transpose_b": flag}},
        {"name": "sum", "op": "BiasAdd", "input": ["product", "b"],
         "attr": {"T": FLOAT, "data_format": {"s": base64.b64encode(b"NHWC").decode()}}},
        {"name": "answer", "op": "Relu", "input": ["sum"], "attr": {"T": FLOAT}},
    ]
    weights = [{"name": n, "shape": list(a.shape), "dtype": "float32"} for n, a in WEIGHTS.items()]
    return {
        "format": "graph-model", "generatedBy": "test", "convertedBy": None,
        "modelTopology": {"node": nodes, "library": {}, "versions": {}},
        "weightsManifest": [{"paths": ["weights.bin"], "weights": weights}],
    }


def _write(folder, damage=None, shard=None):
    model = description()
    if damage:
        damage(model)
    folder.mkdir(parents=True, exist_ok=True)
    data = b"".join(a.tobytes() for a in WEIGHTS.values()) if shard is None else shard
    (folder / "weights.bin").write_bytes(data)
    path = folder / "model.json"
    path.write_text(json.dumps(model))
    return path


@pytest.fixture(autouse=True)
def _briefly(monkeypatch):
    """What nobody says how long to measure ends soon, also where tests beside it disturb every run."""
    monkeypatch.setattr(enough, "MAX_TIME_S", 0.5)
    monkeypatch.setattr(settings, "MAX_TIME_S", 0.5)


@pytest.fixture
def write_model():
    """Write the model into a folder and get the path of its JSON.

    ``damage`` changes the description in place; ``shard`` replaces the weights' bytes.
    """
    return _write


@pytest.fixture
def model(tmp_path):
    """The path of the model, undamaged."""
    return str(_write(tmp_path / "model"))


@pytest.fixture
def image():
    """An input of two rows for that model."""
    return IMAGE.copy()


@pytest.fixture
def answer():
    """What the model gives for ``image``."""
    return ANSWER.copy()
