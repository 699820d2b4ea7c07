"""Small models written by hand, whole or damaged in one place."""

import json

import numpy as np
import pytest

from tfjslab.model.model import Model as Loaded

FLOAT = {"type": "DT_FLOAT"}


def dims(shape):
    """A TensorShapeProto."""
    return {"dim": [{"size": str(d)} for d in shape]}


def placeholder(name, shape=(-1, 3), dtype="DT_FLOAT"):
    return {"name": name, "op": "Placeholder", "attr": {"dtype": {"type": dtype}, "shape": {"shape": dims(shape)}}}


def const(name, array):
    """A Const whose value is in the manifest."""
    dtype = {"f": "DT_FLOAT", "i": "DT_INT32", "b": "DT_BOOL", "O": "DT_STRING"}[np.asarray(array).dtype.kind]
    tensor = {"dtype": dtype, "tensorShape": dims(np.shape(array))}
    return {"name": name, "op": "Const", "attr": {"dtype": {"type": dtype}, "value": {"tensor": tensor}}}


def node(name, op, *inputs, **attr):
    return {"name": name, "op": op, "input": list(inputs), "attr": attr}


def entries(**ends):
    """One side of a signature: key=(tensor, shape)."""
    return {k: {"name": n, "dtype": "DT_FLOAT", "tensorShape": dims(s)} for k, (n, s) in ends.items()}


class Model:
    """A model.json under construction; ``weights`` are stored as they are, ``specs`` can be damaged."""

    def __init__(self, nodes, weights=None, **extra):
        self.weights = {k: np.asarray(v) for k, v in (weights or {}).items()}
        self.paths = ["shard.bin"]
        self.data = b"".join(a.tobytes() for a in self.weights.values())
        self.specs = [
            {"name": k, "shape": list(a.shape), "dtype": "bool" if a.dtype == bool else str(a.dtype)}
            for k, a in self.weights.items()
        ]
        self.json = {"format": "graph-model", "modelTopology": {"node": nodes, "versions": {"producer": 1000}}, **extra}

    def write(self, folder, text=None):
        """Write everything and give the path of model.json."""
        folder.mkdir(exist_ok=True)
        if self.specs:
            self.json["weightsManifest"] = [{"paths": self.paths, "weights": self.specs}]
            if self.paths == ["shard.bin"]:
                (folder / "shard.bin").write_bytes(self.data)
        (folder / "model.json").write_text(json.dumps(self.json) if text is None else text)
        return folder / "model.json"


def affine():
    """relu(x @ w + b) with a signature."""
    w, b = np.array([[1, 2], [3, 4], [5, 6]], np.float32), np.array([0.5, -100], np.float32)
    return Model(
        [
            placeholder("x"),
            const("w", w),
            const("b", b),
            node("p", "MatMul", "x", "w"),
            node("s", "AddV2", "p", "b"),
            node("y", "Relu", "s"),
        ],
        {"w": w, "b": b},
        signature={"inputs": entries(image=("x:0", [-1, 3])), "outputs": entries(scores=("y:0", [-1, 2]))},
    )


@pytest.fixture
def kit():
    """What tests make models from."""

    class Kit:
        pass

    found = Kit()
    for tool in (dims, placeholder, const, node, entries, Model, affine):
        setattr(found, tool.__name__, tool)
    found.FLOAT = FLOAT
    return found


@pytest.fixture
def run():
    """Compute outputs of a graph with the numpy references, following loops: a second opinion to the executor."""

    def compute(graph, feeds):
        with Loaded(graph, "cpu") as model:
            found = model.execute(feeds)
        return found if isinstance(found, list) else [found]

    return compute
