"""Small hostile models, one for each kind of failure that mutated and hand-made files have shown: all are closed.

Each is written by code, in the form in which the failure was found, with nothing in it that the failure does not need.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from support.flat import ints, operator, subgraph, tensor, tflite
from support.layers import functional, keras_input, keras_layer
from support.layers import write as write_layers

from tfjslab.base.errors import BackendError, LimitError, ModelError, ShapeError, TfjslabError

HUGE = 2**62
FLOAT = {"type": "DT_FLOAT"}


@dataclass(frozen=True)
class Found:
    """``write`` makes the model in a folder; ``error`` and a part of what it says, or None where it is to run.

    ``seconds`` are those that a run may take.
    """

    name: str
    write: Callable
    error: type[TfjslabError] | None = None
    says: str = ""
    seconds: float = 60.0


# ---- graph models ----------------------------------------------------------------------------------------------------

def attribute(value):
    """An attribute in the JSON of a GraphDef."""
    if isinstance(value, list):
        return {"list": {"i": list(map(str, value))}}
    if isinstance(value, int):
        return {"i": str(value)}
    return {"type": value} if value.startswith("DT_") else {"s": base64.b64encode(value.encode()).decode()}


def placeholder(*shape, name="x", dtype="DT_FLOAT"):
    dims = {"dim": [{"size": str(n)} for n in shape]}
    return {"name": name, "op": "Placeholder", "attr": {"dtype": {"type": dtype}, "shape": {"shape": dims}}}


def node(op, *inputs, name="y", **attrs):
    return {"name": name, "op": op, "input": list(inputs), "attr": {k: attribute(v) for k, v in attrs.items()}}


def graph(*nodes, constants=None, changed=None):
    """A writer of a graph model; ``constants`` by name, ``changed`` goes into the manifest's entry of the first."""
    arrays = {k: np.asarray(v) for k, v in (constants or {}).items()}
    dtypes = {k: "int32" if a.dtype.kind == "i" else "float32" for k, a in arrays.items()}

    def write(folder):
        types = {"int32": "DT_INT32", "float32": "DT_FLOAT"}
        held = [{"name": k, "op": "Const", "attr": {"dtype": {"type": types[dtypes[k]]}}} for k in arrays]
        specs = [{"name": k, "shape": list(a.shape), "dtype": dtypes[k]} for k, a in arrays.items()]
        specs[:1] = [spec | (changed or {}) for spec in specs[:1]]
        (folder / "w.bin").write_bytes(b"".join(a.astype(dtypes[k]).tobytes() for k, a in arrays.items()))
        (folder / "model.json").write_text(json.dumps({
            "format": "graph-model", "modelTopology": {"node": [*held, *nodes], "versions": {"producer": 1000}},
            "weightsManifest": [{"paths": ["w.bin"], "weights": specs}]}))
        return folder

    return write


def of_sizes(op, *sizes, **attrs):
    """An op on ``x`` whose second input are numbers that a constant holds."""
    return graph(placeholder(1, 4), node(op, "x", "n", **attrs), constants={"n": np.array(sizes)})


def pool(**attrs):
    known = {"ksize": [1, 2, 2, 1], "strides": [1, 1, 1, 1], "padding": "SAME"}
    return graph(placeholder(1, 4, 4, 1), node("MaxPool", "x", **known | attrs))


def many(op, count, **attrs):
    """An op with as many inputs."""
    return graph(placeholder(1, 4), node(op, *["x"] * count, N=count, **attrs))


def endless():
    """A loop whose condition is that a value equals itself."""
    def function(name, op, result, *inputs):
        arguments = [{"name": "a", "type": "DT_FLOAT"}]
        return {
            "signature": {"name": name, "inputArg": arguments, "outputArg": [{"name": "out", "type": result}]},
            "nodeDef": [{"name": "value", "op": op, "input": list(inputs), "attr": {"T": FLOAT}}],
            "ret": {"out": "value:z:0" if op == "Equal" else "value:y:0"},
        }

    def write(folder):
        loop = node("StatelessWhile", "x") | {"attr": {
            "cond": {"func": {"name": "cond"}}, "body": {"func": {"name": "body"}},
            "T": {"list": {"type": ["DT_FLOAT"]}}}}
        library = [function("cond", "Equal", "DT_BOOL", "a", "a"), function("body", "Neg", "DT_FLOAT", "a")]
        topology = {"node": [placeholder(), loop], "library": {"function": library}, "versions": {"producer": 1000}}
        (folder / "model.json").write_text(json.dumps({"format": "graph-model", "modelTopology": topology}))
        return folder

    return write


def frame(**attrs):
    """A loop as TensorFlow 1 wrote it, with other attributes of its Enter."""
    entered = {"frame_name": attribute("loop"), "T": FLOAT, **attrs}
    return graph(
        placeholder(), node("Enter", "x", name="enter") | {"attr": entered},
        node("Merge", "enter", "next", name="merged"), node("Less", "merged", "merged", name="less"),
        node("LoopCond", "less", name="go"), node("Switch", "merged", "go", name="switch"),
        node("NextIteration", "switch:1", name="next"), node("Exit", "switch"))


def deep(folder):
    nested = '{"node": ' * 250 + "1" + "}" * 251
    (folder / "model.json").write_text(f'{{"format": "graph-model", "modelTopology": {nested}')
    return folder


GRAPHS = (
    Found("a scale beyond floats", graph(
        placeholder(2), node("Add", "x", "w"), constants={"w": np.ones(2, np.float32)},
        changed={"quantization": {"dtype": "uint8", "scale": 10**400, "min": 0}}), ModelError, "too large"),
    Found("a weight of more elements than numbers have", graph(
        placeholder(2), node("Add", "x", "w"), constants={"w": np.ones(2, np.float32)},
        changed={"shape": [10**30, 2]}), LimitError, "number of elements"),
    Found("an axis beyond integers", graph(placeholder(1, 4), node("Squeeze", "x", squeeze_dims=[10**30])),
          TfjslabError, "squeeze_dims"),
    Found("an input too large for numpy", graph(placeholder(2**20, 2**20, 2**20, 2**20), node("Relu", "x")),
          LimitError, "input 'x'"),
    Found("a stride beyond the image", pool(strides=[1, HUGE, HUGE, 1])),
    Found("a window beyond the image", pool(ksize=[1, HUGE, HUGE, 1]), LimitError, "input with its padding"),
    Found("a window that does not fit", pool(ksize=[1, 2**31, 1, 1], padding="VALID"), ShapeError, "does not fit"),
    Found("a dilation beyond the image", graph(
        placeholder(1, 4, 4, 1), node("Conv2D", "x", "w", strides=[1, 1, 1, 1], dilations=[1, HUGE, HUGE, 1],
                                      padding="SAME"), constants={"w": np.ones((2, 2, 1, 1), np.float32)}),
          LimitError, "input with its padding"),
    Found("a dilation that makes gigabytes of a small image", graph(
        placeholder(1, 7, 6, 3), node("DepthwiseConv2dNative", "x", "w", strides=[1, 1, 1, 1],
                                      dilations=[1, 2**24, 1, 1], padding="SAME"),
        constants={"w": np.ones((3, 3, 3, 2), np.float32)}), LimitError, "would take"),
    Found("paddings beyond integers", graph(
        placeholder(1, 4, 4, 1), node("MaxPool", "x", ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1], padding="EXPLICIT",
                                      explicit_paddings=[0, 0, HUGE, HUGE, HUGE, HUGE, 0, 0])),
          LimitError, "input with its padding"),
    Found("a tile of gigabytes", of_sizes("Tile", 2**14, 2**12), LimitError, "would take"),
    Found("a fill of gigabytes", graph(placeholder(), node("Fill", "n", "x"), constants={"n": [2**15, 2**15]}),
          LimitError, "would take"),
    Found("a broadcast of gigabytes", of_sizes("BroadcastTo", 2**28, 4), LimitError, "would take"),
    Found("an image of gigabytes", graph(
        placeholder(1, 2, 2, 1), node("ResizeBilinear", "x", "n"), constants={"n": [2**15, 2**15]}),
          LimitError, "would take"),
    Found("an outer product of gigabytes", graph(
        placeholder(2**15, 1), placeholder(1, 2**15, name="z"), node("Mul", "x", "z")), LimitError, "would take"),
    Found("lengths beside a 0", graph(placeholder(0, 2**30, 2**30, 2**30), node("Relu", "x")), LimitError, "elements"),
    Found("a million images", graph(placeholder(2**20, 1, 1, 1), node(
        "MaxPool", "x", ksize=[1, 3, 3, 1], strides=[1, 1, 1, 1], padding="SAME"))),
    Found("a row of a million pixels", graph(placeholder(1, 1, 2**20, 1), node(
        "AvgPool", "x", ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="SAME"))),
    Found("a sum of thousands", many("AddN", 1500)),
    Found("thousands joined", graph(
        placeholder(1, 4), node("ConcatV2", *["x"] * 3000, "axis", N=3000), constants={"axis": np.array(1)})),
    Found("a loop without an end", endless(), LimitError, "may run for"),
    Found("heavy arithmetic", graph(
        placeholder(1, 1), node("RFFT", "x", "n"), constants={"n": [4884240]}), LimitError, "FLOP"),
    Found("an array in a message", of_sizes("Reshape", *range(1000)), TfjslabError, "cannot become"),
    Found("a name that turns text", graph(placeholder(1, 4), node("Nothing", "x", name="\u202ey\x1b[31m\n")),
          ModelError, "is not a node name"),
    Found("a loop of TensorFlow 1", frame()),
    Found("an attribute that is no object", frame(T=5), ModelError, "expected an object"),
    Found("no branches", graph(placeholder(), node("Merge")), ShapeError, "no inputs"),
    Found("parts without a number", graph(placeholder(1, 4), node("Unpack", "x")), TfjslabError, "does not exist"),
    Found("a tensor in the place of a list", graph(placeholder(1, 4), node("TensorListLength", "x")),
          BackendError, "AttributeError"),
    Found("a deep file", deep, LimitError, "nesting"),
)


# ---- layers models ---------------------------------------------------------------------------------------------------

def layers(*found, shape=(None, 4), weights=None):
    """A writer of a layers model: an input, then layers, the last of which is the output."""
    def write(folder):
        made = functional([keras_input("x", shape), *found], ["x"], [found[-1]["name"]])
        write_layers(folder, made, weights or {})
        return folder

    return write


def keras_3(class_name, argument, **config):
    """A layer that is called as Keras 3 writes it, on an argument of any kind."""
    return keras_layer(class_name, "y", **config) | {"inbound_nodes": [{"args": [argument], "kwargs": {}}]}


X = {"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}}
LAYERS = (
    Found("an argument of no kind", layers(keras_3("ReLU", {"class_name": {}, "config": X}))),
    Found("an object in the place of a tensor", layers(keras_3("Attention", [X, {"class_name": "x:1"}])),
          ModelError, "expected a tensor"),
    Found("a length beyond integers", layers(
        keras_layer("Conv2DTranspose", "y", "x", filters=1, kernel_size=[1, 1], strides=[HUGE, HUGE], use_bias=False),
        shape=(None, None, None, 1), weights={"y/kernel": np.ones((1, 1, 1, 1), np.float32)}),
          ModelError, "OverflowError"),
    Found("an input of thousands of axes", layers(keras_layer("ReLU", "y", "x"), shape=(None, *[1] * 3000)),
          LimitError, "rank"),
    Found("a million steps", layers(
        keras_layer("SimpleRNN", "y", "x", units=1), shape=(None, 2**20, 1), weights={
            f"y/{name}": np.ones(shape, np.float32)
            for name, shape in (("kernel", (1, 1)), ("recurrent_kernel", (1, 1)), ("bias", (1,)))}),
          LimitError, "next step of the sequence", seconds=0.3),
    Found("thousands of one name", layers(keras_layer("Add", "y", *["x"] * 1000))),
)


# ---- .tflite ---------------------------------------------------------------------------------------------------------

def flat(code, tensors, options, *, inputs=(0,), buffers=()):
    """A writer of a file with one operator, whose last tensor is the output."""
    def write(folder):
        last = len(tensors) - 1
        made = operator(0, list(range(last)), [last], options)
        path = folder / "model.tflite"
        path.write_bytes(tflite([code], [subgraph(tensors, [made], list(inputs), [last])], list(buffers)))
        return path

    return write


SPARSE = tensor("w", (), buffer=1) | {6: {0: ints(), 1: ints(), 2: []}}
FILES = (
    Found("a stride beyond the image in a file", flat(
        "MAX_POOL_2D", [tensor("x", (1, 4, 4, 1)), tensor("y", (1, 1, 1, 1))],
        {0: ("<b", 1), 1: ("<i", 2**31 - 1), 2: ("<i", 2**31 - 1), 3: ("<i", 2), 4: ("<i", 2)})),
    Found("lengths beside a 0 in a file", flat("NEG", [
        tensor("x", (0, 2**31 - 1, 2**31 - 1, 2**31 - 1)), tensor("y", (0, 1, 1, 1))], None), LimitError, "elements"),
    Found("no tensors packed", flat("PACK", [tensor("y", (1,))], {0: ("<i", 0), 1: ("<i", 0)}, inputs=()),
          ShapeError, "no inputs"),
    Found("a sparse scalar", flat("ADD", [tensor("x", (2,)), SPARSE, tensor("y", (2,))], {0: ("<b", 0)},
                                  buffers=[np.ones(1, np.float32)]), ModelError, "sparse"),
)
CORPUS = (*GRAPHS, *LAYERS, *FILES)
