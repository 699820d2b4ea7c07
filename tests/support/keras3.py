"""Models as Keras 3 writes them: one layer or operation each, and what it should compute."""

import json
import math

import numpy as np
from support.layers import RNG, weights_of

ERF = np.vectorize(math.erf)


class Arg(int):
    """In the arguments of a call: the tensor of this number."""


def tensor(name, shape=(None,), call=0, index=0, dtype="float32"):
    config = {"shape": list(shape), "dtype": dtype, "keras_history": [name, call, index]}
    return {"class_name": "__keras_tensor__", "config": config}


def input_layer(name, shape, dtype="float32"):
    config = {"batch_shape": list(shape), "dtype": dtype, "sparse": False, "ragged": False, "name": name}
    return {"class_name": "InputLayer", "config": config, "name": name, "inbound_nodes": []}


def called(class_name, name, args, kwargs=None, **config):
    """A layer called once, on arguments as Keras 3 writes them."""
    node = {"args": args, "kwargs": kwargs or {}}
    return {"class_name": class_name, "config": {"name": name, **config}, "name": name, "inbound_nodes": [node]}


def functional(layers, inputs, outputs, name="functional"):
    """``inputs`` and ``outputs`` are names or (name, call, tensor), listed or in a dict."""

    def end(e):
        return [e, 0, 0] if isinstance(e, str) else list(e)

    def ends(es):
        return {k: end(e) for k, e in es.items()} if isinstance(es, dict) else [end(e) for e in es]

    config = {"name": name, "layers": layers, "input_layers": ends(inputs), "output_layers": ends(outputs)}
    return {"class_name": "Functional", "config": config}


def sequential(shape, *layers, name="sequential", dtype="float32"):
    first = {k: v for k, v in input_layer("x", shape, dtype).items() if k in ("class_name", "config")}
    inner = [{"class_name": c, "config": config} for c, config in layers]
    return {"class_name": "Sequential", "config": {"name": name, "layers": [first, *inner]}}


def write(folder, model, weights, version="3.15.1"):
    """model.json with one shard."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {"f": "float32", "i": "int32", "b": "bool"}
    specs = [{"name": k, "shape": list(w.shape), "dtype": kinds[w.dtype.kind]} for k, w in weights.items()]
    (folder / "w.bin").write_bytes(b"".join(w.tobytes() for w in weights.values()))
    topology = {"keras_version": version, "backend": "jax", "model_config": model}
    document = {
        "format": "layers-model",
        "generatedBy": f"keras v{version}",
        "modelTopology": topology,
        "weightsManifest": [{"paths": ["w.bin"], "weights": specs}],
    }
    (folder / "model.json").write_text(json.dumps(document))
    return folder / "model.json"


def placed(value, names, shapes):
    """Arguments with tensors in the places of their numbers."""
    if isinstance(value, Arg):
        return tensor(names[value], shapes[value])
    if isinstance(value, slice):
        parts = {"start": value.start, "stop": value.stop, "step": value.step}
        return {"class_name": "__slice__", "config": parts}
    if value is ...:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": value.tolist(), "dtype": value.dtype.name}}
    if isinstance(value, list):
        return [placed(v, names, shapes) for v in value]
    return {k: placed(v, names, shapes) for k, v in value.items()} if isinstance(value, dict) else value


def case(
    class_name,
    *shapes,
    expect,
    args=None,
    kwargs=None,
    weights=None,
    low=-2,
    high=2,
    ints=(),
    outputs=1,
    fixed=False,
    **config,
):
    """One layer or operation on inputs of ``shapes``; those numbered in ``ints`` are integers.

    The first length is open but with ``fixed``.
    """
    return {
        "class_name": class_name,
        "shapes": shapes,
        "expect": expect,
        "args": [Arg(i) for i in range(len(shapes))] if args is None else args,
        "kwargs": kwargs or {},
        "weights": weights or {},
        "range": (low, high),
        "ints": ints,
        "outputs": outputs,
        "fixed": fixed,
        "config": config,
    }


def build(folder, c):
    """Write the case's model; gives (path, feeds, weights)."""
    names = [f"in{i}" for i in range(len(c["shapes"]))]
    dtypes = ["int32" if i in c["ints"] else "float32" for i in range(len(names))]
    shapes = [(s[0] if c["fixed"] else None, *s[1:]) for s in c["shapes"]]
    inputs = [input_layer(n, s, d) for n, s, d in zip(names, shapes, dtypes, strict=True)]
    args, kwargs = placed(c["args"], names, shapes), placed(c["kwargs"], names, shapes)
    layer = called(c["class_name"], "layer", args, kwargs, **c["config"])
    weights = weights_of({f"layer/{k}": s for k, s in c["weights"].items()}, ("variance", "gamma", "scale"))
    outputs = [("layer", 0, i) for i in range(c["outputs"])]
    path = write(folder, functional([*inputs, layer], names, outputs), weights)
    feeds = {
        n: (RNG.integers(*c["range"], s) if d == "int32" else RNG.uniform(*c["range"], s)).astype(d)
        for n, s, d in zip(names, c["shapes"], dtypes, strict=True)
    }
    return path, feeds, {k.removeprefix("layer/"): v.astype(np.float64) for k, v in weights.items()}


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sparsemax(x):
    z = np.sort(x, -1)[..., ::-1]
    k = np.arange(1, x.shape[-1] + 1)
    within = 1 + k * z > z.cumsum(-1)
    support = within.sum(-1, keepdims=True)
    threshold = ((z * within).sum(-1, keepdims=True) - 1) / support
    return np.maximum(x - threshold, 0)


# Activations by name: what Keras 3.15 has besides those of Keras 2 and TF.js, and the one that is another.
ACTIVATIONS = {
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2,
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "log_sigmoid": lambda x: -np.log1p(np.exp(-x)),
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "glu": lambda x: x[..., :3] * sigmoid(x[..., 3:]),
    "sparsemax": sparsemax,
    "log_softmax": lambda x: np.log(softmax(x)),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * 0.5 * (1 + ERF(x / math.sqrt(2))),
}


def activation_case(name, formula):
    return case("Activation", (3, 6), activation=name, low=-4, high=4, expect=lambda x, _w: formula(x))


def unary(class_name, formula, low=-2, high=2, **config):
    return case(class_name, (3, 4), low=low, high=high, expect=lambda x, _w: formula(x), **config)


def _binary_cases(class_name, formula, low=-2, high=2):
    def two(x, y, _w):
        return formula(x, y)

    return [
        case(class_name, (3, 4), (3, 4), low=low, high=high, expect=two),
        case(class_name, (2, 3, 4), (2, 1, 4), low=low, high=high, expect=two),
        case(class_name, (3, 4), args=[Arg(0), 1.5], low=low, high=high, expect=lambda x, _w: formula(x, 1.5)),
        case(class_name, (3, 4), args=[2, Arg(0)], low=low, high=high, expect=lambda x, _w: formula(2, x)),
    ]


_TANH_GELU = lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))  # noqa: E731
_UNARY = [
    *(
        unary(k, f)
        for k, f in {
            "Abs": np.abs,
            "Absolute": np.abs,
            "Negative": np.negative,
            "Square": np.square,
            "Sign": np.sign,
            "Floor": np.floor,
            "Ceil": np.ceil,
            "Round": np.round,
            "Relu": lambda x: np.maximum(x, 0),
            "Exp": np.exp,
            "Expm1": np.expm1,
            "Exp2": np.exp2,
            "Sin": np.sin,
            "Cos": np.cos,
            "Sinh": np.sinh,
            "Cosh": np.cosh,
            "Tanh": np.tanh,
            "Arctan": np.arctan,
            "Arcsinh": np.arcsinh,
            "Erf": ERF,
            "Sigmoid": sigmoid,
            "Softplus": lambda x: np.log1p(np.exp(x)),
            "Softsign": lambda x: x / (1 + abs(x)),
            "Silu": ACTIVATIONS["silu"],
            "LogSigmoid": ACTIVATIONS["log_sigmoid"],
            "Mish": ACTIVATIONS["mish"],
            "HardSigmoid": ACTIVATIONS["hard_sigmoid"],
            "HardSilu": ACTIVATIONS["hard_silu"],
            "HardTanh": ACTIVATIONS["hard_tanh"],
            "TanhShrink": ACTIVATIONS["tanh_shrink"],
            "SparsePlus": ACTIVATIONS["sparse_plus"],
            "SparseSigmoid": ACTIVATIONS["sparse_sigmoid"],
            "Selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
            "OnesLike": np.ones_like,
            "ZerosLike": np.zeros_like,
            "Isnan": np.isnan,
            "Isinf": np.isinf,
            "Isfinite": np.isfinite,
            "LogicalNot": np.logical_not,
            "StopGradient": lambda x: x,
            "Identity": lambda x: x,
        }.items()
    ),
    *(
        unary(k, f, 0.1, 3)
        for k, f in {
            "Sqrt": np.sqrt,
            "Rsqrt": lambda x: 1 / np.sqrt(x),
            "Log": np.log,
            "Log1p": np.log1p,
            "Log2": np.log2,
            "Log10": np.log10,
            "Reciprocal": lambda x: 1 / x,
        }.items()
    ),
    *(
        unary(k, f, -0.9, 0.9)
        for k, f in {
            "Tan": np.tan,
            "Arcsin": np.arcsin,
            "Arccos": np.arccos,
            "Arctanh": np.arctanh,
        }.items()
    ),
    unary("Arccosh", np.arccosh, 1.1, 4),
    unary("Relu6", lambda x: np.clip(x, 0, 6), -4, 9),
    unary("LeakyRelu", lambda x: np.where(x > 0, x, 0.3 * x), negative_slope=0.3),
    unary("Elu", lambda x: np.where(x > 0, x, 0.7 * np.expm1(x)), alpha=0.7),
    unary("Elu", lambda x: np.where(x > 0, x, np.expm1(x)), alpha=1.0),
    unary("Celu", lambda x: np.where(x > 0, x, 0.7 * np.expm1(x / 0.7)), alpha=0.7),
    unary("Gelu", _TANH_GELU, approximate=True),
    unary("Gelu", ACTIVATIONS["gelu"], approximate=False),
    unary("Squareplus", lambda x: (x + np.sqrt(x * x + 2)) / 2, b=2),
    unary("SoftShrink", lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.3, 0), threshold=0.3),
    unary("HardShrink", lambda x: np.where(np.abs(x) > 0.3, x, 0), threshold=0.3),
    unary("Threshold", lambda x: np.where(x > 0.3, x, -5), threshold=0.3, default_value=-5),
    unary("Softmax", lambda x: softmax(x, 0), axis=0),
    unary("LogSoftmax", lambda x: np.log(softmax(x, -1)), axis=-1),
    case("Sparsemax", (2, 3, 4), axis=1, expect=lambda x, _w: sparsemax(x.swapaxes(1, 2)).swapaxes(1, 2)),
    unary("Glu", lambda x: x[:, :2] * sigmoid(x[:, 2:]), axis=-1),
    unary("Clip", lambda x: np.clip(x, -1, 0.5), x_min=-1, x_max=0.5),
    unary("Cast", lambda x: x.astype(np.int32), dtype="int32"),
]
_BINARY = (
    [
        c
        for k, f in {
            "Add": np.add,
            "Subtract": np.subtract,
            "Multiply": np.multiply,
            "Maximum": np.maximum,
            "Minimum": np.minimum,
            "Equal": np.equal,
            "NotEqual": np.not_equal,
            "Greater": np.greater,
            "GreaterEqual": np.greater_equal,
            "Less": np.less,
            "LessEqual": np.less_equal,
            "LogicalAnd": np.logical_and,
            "LogicalOr": np.logical_or,
            "LogicalXor": np.logical_xor,
            "Arctan2": np.arctan2,
        }.items()
        for c in _binary_cases(k, f)
    ]
    + [
        c
        for k, f in {
            "Divide": np.divide,
            "TrueDivide": np.divide,
            "DivideNoNan": np.divide,
            "FloorDivide": np.floor_divide,
            "Mod": np.mod,
            "Power": np.power,
        }.items()
        for c in _binary_cases(k, f, 0.5, 3)
    ]
    + [
        case("Add", (3, 4), args=[Arg(0), np.float64([1, 2, 3, 4])], expect=lambda x, _w: x + np.arange(1, 5)),
        case("Add", (3, 4), (3, 4), ints=(0, 1), low=0, high=9, expect=lambda x, y, _w: (x + y).astype(np.int32)),
        case("Multiply", (3, 4), args=[Arg(0), 0.5], ints=(0,), low=0, high=9, expect=lambda x, _w: x * 0.5),
        case("Divide", (3, 4), args=[Arg(0), 2], ints=(0,), low=0, high=9, expect=lambda x, _w: x / 2),
        case(
            "Where",
            (3, 4),
            (3, 4),
            args=[Arg(0), Arg(1), 7.0],
            ints=(0,),
            low=0,
            high=2,
            expect=lambda m, x, _w: np.where(m, x, 7),
        ),
    ]
)
_REDUCE = [
    c
    for k, f in {
        "Sum": np.sum,
        "Mean": np.mean,
        "Max": np.max,
        "Amax": np.max,
        "Min": np.min,
        "Amin": np.min,
        "Prod": np.prod,
        "Var": np.var,
        "Std": np.std,
    }.items()
    for c in (
        case(k, (2, 3, 4), axis=1, keepdims=False, expect=lambda x, _w, f=f: f(x, 1)),
        case(k, (2, 3, 4), axis=[1, -1], keepdims=True, expect=lambda x, _w, f=f: f(x, (1, 2), keepdims=True)),
        case(k, (2, 3, 4), axis=None, keepdims=False, expect=lambda x, _w, f=f: np.asarray(f(x))),
    )
] + [
    case("All", (3, 4), ints=(0,), low=0, high=2, axis=-1, keepdims=False, expect=lambda x, _w: x.all(-1)),
    case("Any", (3, 4), ints=(0,), low=0, high=2, axis=-1, keepdims=False, expect=lambda x, _w: x.any(-1)),
    case("Average", (3, 4), axis=1, expect=lambda x, _w: x.mean(1)),
    case(
        "Average",
        (3, 4),
        args=[Arg(0)],
        kwargs={"weights": np.float64([1, 2, 3, 4])},
        axis=1,
        expect=lambda x, _w: np.average(x, 1, [1, 2, 3, 4]),
    ),
    case("Moments", (3, 4), axes=[1], keepdims=False, outputs=2, expect=lambda x, _w: [x.mean(1), x.var(1)]),
    case("Logsumexp", (3, 4), axis=-1, keepdims=False, expect=lambda x, _w: np.log(np.exp(x).sum(-1))),
    case("Norm", (3, 4), ord=None, axis=-1, keepdims=False, expect=lambda x, _w: np.linalg.norm(x, axis=-1)),
    case("Norm", (3, 4), ord=1, axis=1, keepdims=True, expect=lambda x, _w: abs(x).sum(1, keepdims=True)),
    case("Norm", (3, 4), ord="inf", axis=1, keepdims=False, expect=lambda x, _w: abs(x).max(1)),
    case("Norm", (3, 4), ord=3, axis=1, keepdims=False, expect=lambda x, _w: (abs(x) ** 3).sum(1) ** (1 / 3)),
    case("Argmax", (3, 4), axis=-1, keepdims=False, expect=lambda x, _w: x.argmax(-1)),
    case("Argmin", (3, 4), axis=1, keepdims=True, expect=lambda x, _w: x.argmin(1)[:, None]),
    case("Argmax", (3, 4), axis=None, keepdims=False, expect=lambda x, _w: np.asarray(x.argmax())),
    case("Cumsum", (3, 4), axis=1, expect=lambda x, _w: x.cumsum(1)),
    case("Cumprod", (3, 4), axis=-1, expect=lambda x, _w: x.cumprod(-1)),
    case(
        "Normalize",
        (3, 4),
        axis=-1,
        order=2,
        epsilon=None,
        expect=lambda x, _w: x / np.linalg.norm(x, axis=-1, keepdims=True),
    ),
]
_BOX = (2, 3, 4)
_MOVE = [
    case("Reshape", _BOX, newshape=[-1, 2, 6], expect=lambda x, _w: x.reshape(-1, 2, 6)),
    case("Ravel", _BOX, expect=lambda x, _w: x.ravel()),
    case("Transpose", _BOX, axes=[0, 2, 1], expect=lambda x, _w: x.transpose(0, 2, 1)),
    case("Transpose", _BOX, axes=None, expect=lambda x, _w: x.T),
    case("Swapaxes", _BOX, axis1=1, axis2=-1, expect=lambda x, _w: x.swapaxes(1, 2)),
    case(
        "Moveaxis", (2, 3, 4, 5), source=[1, 3], destination=[3, 0], expect=lambda x, _w: np.moveaxis(x, [1, 3], [3, 0])
    ),
    case("ExpandDims", _BOX, axis=-1, expect=lambda x, _w: x[..., None]),
    case("ExpandDims", _BOX, axis=[1, 3], expect=lambda x, _w: np.expand_dims(x, (1, 3))),
    case("Squeeze", (2, 1, 4, 1), axis=None, expect=lambda x, _w: x[:, 0, :, 0]),
    case("Squeeze", (2, 1, 4, 1), axis=-1, expect=lambda x, _w: x[..., 0]),
    case("Stack", _BOX, _BOX, args=[[Arg(0), Arg(1)]], axis=1, expect=lambda x, y, _w: np.stack([x, y], 1)),
    case("Concatenate", _BOX, _BOX, args=[[Arg(0), Arg(1)]], axis=1, expect=lambda x, y, _w: np.concatenate([x, y], 1)),
    case("Unstack", _BOX, num=None, axis=1, outputs=3, expect=lambda x, _w: list(np.moveaxis(x, 1, 0))),
    case("Split", _BOX, indices_or_sections=2, axis=-1, outputs=2, expect=lambda x, _w: np.split(x, 2, -1)),
    case("Split", _BOX, indices_or_sections=[1, 3], axis=2, outputs=3, expect=lambda x, _w: np.split(x, [1, 3], 2)),
    case("ArraySplit", _BOX, indices_or_sections=3, axis=2, outputs=3, expect=lambda x, _w: np.array_split(x, 3, 2)),
    case("Tile", _BOX, repeats=[2, 1], expect=lambda x, _w: np.tile(x, [2, 1])),
    case("Tile", (2, 3), repeats=[2, 1, 2], expect=lambda x, _w: np.tile(x, [2, 1, 2])),
    case("Repeat", _BOX, repeats=2, axis=1, expect=lambda x, _w: x.repeat(2, 1)),
    case("Repeat", _BOX, repeats=[1, 0, 2], axis=1, expect=lambda x, _w: x.repeat([1, 0, 2], 1)),
    case("Flip", _BOX, axis=-1, expect=lambda x, _w: x[..., ::-1]),
    case("Flip", _BOX, axis=None, expect=lambda x, _w: x[::-1, ::-1, ::-1]),
    case("Roll", _BOX, shift=2, axis=1, expect=lambda x, _w: np.roll(x, 2, 1)),
    case(
        "Pad",
        _BOX,
        pad_width=[[0, 0], [1, 2], [0, 1]],
        mode="constant",
        expect=lambda x, _w: np.pad(x, [[0, 0], [1, 2], [0, 1]]),
    ),
    case(
        "Pad",
        _BOX,
        args=[Arg(0)],
        kwargs={"constant_values": 3.0},
        pad_width=[1, 2],
        mode="constant",
        expect=lambda x, _w: np.pad(x, [1, 2], constant_values=3),
    ),
    case(
        "Pad",
        _BOX,
        pad_width=[[0, 0], [1, 1], [2, 2]],
        mode="reflect",
        expect=lambda x, _w: np.pad(x, [[0, 0], [1, 1], [2, 2]], "reflect"),
    ),
    case("BroadcastTo", (1, 3, 1), fixed=True, shape=[2, 3, 4], expect=lambda x, _w: np.broadcast_to(x, (2, 3, 4))),
    case("Slice", _BOX, args=[Arg(0), [0, 1, 0]], shape=[2, 2, 3], expect=lambda x, _w: x[:, 1:3, :3]),
    case("GetItem", _BOX, args=[Arg(0), [slice(None), slice(1, 3)]], expect=lambda x, _w: x[:, 1:3]),
    case("GetItem", _BOX, args=[Arg(0), [slice(None), -1]], expect=lambda x, _w: x[:, -1]),
    case("GetItem", _BOX, args=[Arg(0), [..., slice(None, None, -2)]], expect=lambda x, _w: x[..., ::-2]),
    case(
        "GetItem", _BOX, args=[Arg(0), [slice(None), None, 1, slice(-3, None)]], expect=lambda x, _w: x[:, None, 1, -3:]
    ),
    case("GetItem", _BOX, args=[Arg(0), 0], expect=lambda x, _w: x[0]),
    case("GetItem", _BOX, (3,), ints=(1,), low=0, high=2, expect=lambda x, i, _w: x[i.astype(int)]),
    case("Take", _BOX, args=[Arg(0), np.int32([2, 0])], axis=1, expect=lambda x, _w: x.take([2, 0], 1)),
    case(
        "OneHot",
        (2, 3),
        ints=(0,),
        low=0,
        high=4,
        num_classes=4,
        axis=-1,
        dtype="float32",
        expect=lambda x, _w: np.eye(4)[x.astype(int)],
    ),
    case(
        "TopK",
        (2, 6),
        k=2,
        sorted=True,
        outputs=2,
        expect=lambda x, _w: [np.sort(x, -1)[:, :-3:-1], np.argsort(x, -1)[:, :-3:-1]],
    ),
    case(
        "Resize",
        (2, 4, 4, 3),
        size=[2, 2],
        interpolation="nearest",
        data_format="channels_last",
        expect=lambda x, _w: x[:, 1::2, 1::2],
    ),
]
_PRODUCTS = [
    case("Matmul", (2, 3, 4), (2, 4, 5), expect=lambda x, y, _w: x @ y),
    case("Matmul", (2, 3, 4), args=[Arg(0), np.float64([1, 2, 3, 4])], expect=lambda x, _w: x @ np.arange(1, 5)),
    case("Dot", (2, 3, 4), (4, 5), fixed=True, expect=lambda x, y, _w: np.dot(x, y)),
    case("Dot", (3, 4), (2, 4, 5), fixed=True, expect=lambda x, y, _w: np.dot(x, y)),
    case(
        "Einsum",
        (2, 3, 4),
        (2, 5, 4),
        subscripts="bik,bjk->bij",
        expect=lambda x, y, _w: np.einsum("bik,bjk->bij", x, y),
    ),
    case("Einsum", (2, 3, 4), (4, 5), fixed=True, subscripts="...k,kj->...j", expect=lambda x, y, _w: x @ y),
    case("Einsum", (3, 4), (4, 5), fixed=True, subscripts="ca,ab", expect=lambda x, y, _w: (x @ y).T),
    case(
        "EinsumDense",
        (2, 3, 4),
        weights={"kernel": (4, 5), "bias": (5,)},
        equation="...k,kj->...j",
        bias_axes="j",
        output_shape=[None, 5],
        activation="relu",
        expect=lambda x, w: np.maximum(x @ w["kernel"] + w["bias"], 0),
    ),
    case(
        "EinsumDense",
        (2, 3, 4),
        weights={"kernel": (4, 5)},
        equation="abc,cd->abd",
        bias_axes=None,
        output_shape=[3, 5],
        activation="linear",
        expect=lambda x, w: x @ w["kernel"],
    ),
]


def _group_norm(x, w, groups, axis=-1):
    x = np.moveaxis(x, axis, -1)
    split = x.reshape(len(x), -1, groups, x.shape[-1] // groups)
    mean, var = split.mean((1, 3), keepdims=True), split.var((1, 3), keepdims=True)
    out = ((split - mean) / np.sqrt(var + 1e-3)).reshape(x.shape)
    return np.moveaxis(out * w.get("gamma", 1) + w.get("beta", 0), -1, axis)


_IMAGE = (2, 5, 6, 4)
_GAMMA = {"gamma": (4,), "beta": (4,)}
_NORMALIZING = [
    case(
        "LayerNormalization",
        _IMAGE,
        weights={"gamma": (5, 4)},
        axis=[1, -1],
        center=False,
        expect=lambda x, w: (
            (x - x.mean((1, 3), keepdims=True))
            / np.sqrt(x.var((1, 3), keepdims=True) + 1e-3)
            * w["gamma"].reshape(5, 1, 4)
        ),
    ),
    case(
        "LayerNormalization",
        _IMAGE,
        weights={"gamma": (4,)},
        rms_scaling=True,
        epsilon=0.01,
        expect=lambda x, w: x / np.sqrt(x.var(-1, keepdims=True) + 0.01) * w["gamma"],
    ),
    case(
        "RMSNormalization",
        _IMAGE,
        weights={"scale": (4,)},
        axis=[-1],
        epsilon=1e-6,
        expect=lambda x, w: x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * w["scale"],
    ),
    case("UnitNormalization", _IMAGE, axis=[1, 2], expect=lambda x, _w: x / np.sqrt((x**2).sum((1, 2), keepdims=True))),
    case("GroupNormalization", _IMAGE, weights=_GAMMA, groups=2, expect=lambda x, w: _group_norm(x, w, 2)),
    case("GroupNormalization", _IMAGE, weights=_GAMMA, groups=-1, expect=lambda x, w: _group_norm(x, w, 4)),
    case(
        "GroupNormalization",
        (3, 4),
        weights={"gamma": (4,)},
        groups=2,
        center=False,
        expect=lambda x, w: _group_norm(x, w, 2),
    ),
    case(
        "GroupNormalization",
        (2, 4, 5, 6),
        weights=_GAMMA,
        groups=1,
        axis=1,
        expect=lambda x, w: _group_norm(x, w, 1, 1),
    ),
    case(
        "Normalization",
        _IMAGE,
        weights={"mean": (4,), "variance": (4,), "count": ()},
        axis=[-1],
        mean=None,
        expect=lambda x, w: (x - w["mean"]) / np.sqrt(w["variance"]),
    ),
    case(
        "Normalization",
        _IMAGE,
        axis=[-1],
        mean=[1, 2, 3, 4],
        variance=[4, 3, 2, 1],
        invert=True,
        expect=lambda x, _w: x * np.sqrt([4, 3, 2, 1]) + [1, 2, 3, 4],
    ),
    case("Normalization", _IMAGE, axis=None, mean=1.5, variance=4.0, expect=lambda x, _w: (x - 1.5) / 2),
    case(
        "Normalization",
        _IMAGE,
        weights={"mean": (6, 4), "variance": (6, 4)},
        axis=[-1, 2],
        mean=None,
        expect=lambda x, w: (x - w["mean"]) / np.sqrt(w["variance"]),
    ),
    case(
        "Normalization",
        _IMAGE,
        axis=[-1],
        mean=[0, 0, 0, 0],
        variance=[0, 1, 1, 1],
        expect=lambda x, _w: x / np.maximum(np.sqrt([0, 1, 1, 1]), 1e-7),
    ),
    case(
        "LayerScale",
        _IMAGE,
        weights={"variable": (4,)},
        init_values=1e-6,
        projection_dim=4,
        expect=lambda x, w: x * w["variable"],
    ),
    case("Softmax", (2, 3, 4), axis=[1, 2], expect=lambda x, _w: softmax(x, (1, 2))),
    case(
        "Softmax",
        (2, 4),
        (2, 4),
        args=[Arg(0)],
        kwargs={"mask": Arg(1)},
        ints=(1,),
        low=0,
        high=2,
        axis=-1,
        # In float32, as Keras: where all of a row is hidden, what is subtracted leaves nothing of its scores.
        expect=lambda x, m, _w: softmax(np.float32(x) - np.float32(1e9 * (1 - m))),
    ),
]


def _conv1d(x, kernel, stride=1, dilation=1, groups=None):
    """VALID, kernel [width, in, out]; each channel by itself with ``groups``, kernel [width, in, times]."""
    reach = (len(kernel) - 1) * dilation + 1
    out = []
    for start in range(0, x.shape[1] - reach + 1, stride):
        window = x[:, start : start + reach : dilation]
        each = np.einsum("bkc,kcm->bcm", window, kernel).reshape(len(x), -1) if groups else None
        out.append(each if groups else np.einsum("bkc,kco->bo", window, kernel))
    return np.stack(out, 1)


def _transposed1d(x, kernel, stride, length, left, dilation=1):
    """Kernel [width, out, in]; ``left`` is cut off."""
    full = np.zeros((len(x), (x.shape[1] - 1) * stride + (len(kernel) - 1) * dilation + 1 + length, kernel.shape[1]))
    for t in range(x.shape[1]):
        for k in range(len(kernel)):
            full[:, t * stride + k * dilation] += x[:, t] @ kernel[k].T
    return full[:, left : left + length]


_LINE, _VOLUME = (2, 9, 3), (2, 3, 4, 5, 2)
_DEEP = {"depthwise_kernel": (3, 3, 2)}
_LINES = [
    case(
        "DepthwiseConv1D",
        _LINE,
        weights={"kernel": (3, 3, 2), "bias": (6,)},
        kernel_size=[3],
        strides=[2],
        depth_multiplier=2,
        activation="relu",
        expect=lambda x, w: np.maximum(_conv1d(x, w["kernel"], 2, groups=1) + w["bias"], 0),
    ),
    case(
        "DepthwiseConv1D",
        _LINE,
        weights=_DEEP,
        kernel_size=[3],
        padding="causal",
        dilation_rate=[2],
        use_bias=False,
        expect=lambda x, w: _conv1d(np.pad(x, [(0, 0), (4, 0), (0, 0)]), w["depthwise_kernel"], 1, 2, groups=1),
    ),
    case(
        "SeparableConv1D",
        _LINE,
        weights={**_DEEP, "pointwise_kernel": (1, 6, 4), "bias": (4,)},
        kernel_size=[3],
        expect=lambda x, w: _conv1d(x, w["depthwise_kernel"], groups=1) @ w["pointwise_kernel"][0] + w["bias"],
    ),
    case(
        "SeparableConv1D",
        (2, 3, 9),
        weights={**_DEEP, "pointwise_kernel": (1, 6, 4)},
        data_format="channels_first",
        use_bias=False,
        padding="same",
        activation="tanh",
        expect=lambda x, w: np.tanh(
            _conv1d(np.pad(np.swapaxes(x, 1, 2), [(0, 0), (1, 1), (0, 0)]), w["depthwise_kernel"], groups=1)
            @ w["pointwise_kernel"][0]
        ).swapaxes(1, 2),
    ),
    case(
        "Conv1DTranspose",
        _LINE,
        weights={"kernel": (3, 4, 3), "bias": (4,)},
        strides=[2],
        padding="valid",
        expect=lambda x, w: _transposed1d(x, w["kernel"], 2, 19, 0) + w["bias"],
    ),
    case(
        "Conv1DTranspose",
        _LINE,
        weights={"kernel": (4, 4, 3)},
        strides=[2],
        padding="same",
        use_bias=False,
        expect=lambda x, w: _transposed1d(x, w["kernel"], 2, 18, 1),
    ),
    case(
        "Conv1DTranspose",
        _LINE,
        weights={"kernel": (3, 4, 3)},
        strides=[2],
        padding="same",
        output_padding=0,
        use_bias=False,
        expect=lambda x, w: _transposed1d(x, w["kernel"], 2, 17, 1),
    ),
    case("ZeroPadding1D", _LINE, padding=[1, 2], expect=lambda x, _w: np.pad(x, [(0, 0), (1, 2), (0, 0)])),
    case(
        "ZeroPadding1D",
        (2, 3, 9),
        padding=2,
        data_format="channels_first",
        expect=lambda x, _w: np.pad(x, [(0, 0), (0, 0), (2, 2)]),
    ),
    case(
        "ZeroPadding3D",
        _VOLUME,
        padding=[[1, 0], [0, 2], [1, 1]],
        expect=lambda x, _w: np.pad(x, [(0, 0), (1, 0), (0, 2), (1, 1), (0, 0)]),
    ),
    case("Cropping1D", _LINE, cropping=[1, 2], expect=lambda x, _w: x[:, 1:-2]),
    case("Cropping1D", _LINE, cropping=[2, 0], expect=lambda x, _w: x[:, 2:]),
    case("Cropping3D", _VOLUME, cropping=[[1, 0], [0, 2], [1, 1]], expect=lambda x, _w: x[:, 1:, :-2, 1:-1]),
    case("UpSampling1D", _LINE, size=3, expect=lambda x, _w: x.repeat(3, 1)),
    case("UpSampling3D", _VOLUME, size=[2, 1, 3], expect=lambda x, _w: x.repeat(2, 1).repeat(3, 3)),
]


def _attend(q, v, k, scores, visible=None):
    scores = scores if visible is None else np.where(visible, scores, -1e9)
    return softmax(scores) @ v


def _dots(q, k):
    return q @ np.swapaxes(k, 1, 2)


def _heads(q, v, k, w, visible=1, share=1):
    """Several heads; ``share`` is how many heads of the query a head of the keys serves."""
    qs, ks, vs = (
        np.einsum("btd,dnh->bnth", x, w[f"{n}/kernel"]) + w[f"{n}/bias"][None, :, None]
        for n, x in (("query", q), ("key", k), ("value", v))
    )
    ks, vs = ks.repeat(share, 1), vs.repeat(share, 1)
    scores = np.einsum("bnth,bnsh->bnts", qs, ks) / math.sqrt(qs.shape[-1])
    out = np.einsum("bnts,bnsh->btnh", softmax(np.where(visible, scores, -1e9)), vs)
    return np.einsum("btnh,nhd->btd", out, w["attention_output/kernel"]) + w["attention_output/bias"]


def _head_weights(heads, width, wide=None, keys=None, features=6):
    keys, wide = keys or heads, wide or width
    return {
        "query/kernel": (features, heads, width),
        "query/bias": (heads, width),
        "key/kernel": (features, keys, width),
        "key/bias": (keys, width),
        "value/kernel": (features, keys, wide),
        "value/bias": (keys, wide),
        "attention_output/kernel": (heads, wide, features),
        "attention_output/bias": (features,),
    }


_Q, _V = (2, 4, 6), (2, 5, 6)
_LIST = [[Arg(0), Arg(1)]]
_THREE = [[Arg(0), Arg(1), Arg(2)]]
_HEADS = {"num_heads": 2, "key_dim": 3, "use_bias": True, "use_gate": False, "attention_axes": [1]}
_ATTENTION = [
    case(
        "Attention",
        _Q,
        _V,
        args=_LIST,
        use_scale=False,
        score_mode="dot",
        expect=lambda q, v, _w: _attend(q, v, v, _dots(q, v)),
    ),
    case(
        "Attention",
        _Q,
        _V,
        _V,
        args=_THREE,
        use_scale=True,
        score_mode="dot",
        weights={"scale": ()},
        expect=lambda q, v, k, w: _attend(q, v, k, _dots(q, k) * w["scale"]),
    ),
    case(
        "Attention",
        _Q,
        _V,
        args=_LIST,
        use_scale=True,
        score_mode="concat",
        weights={"scale": (), "concat_score_weight": ()},
        expect=lambda q, v, w: _attend(
            q, v, v, w["concat_score_weight"] * np.tanh(w["scale"] * (q[:, :, None] + v[:, None])).sum(-1)
        ),
    ),
    case(
        "Attention",
        _Q,
        _Q,
        args=_LIST,
        kwargs={"use_causal_mask": True},
        score_mode="dot",
        expect=lambda q, v, _w: _attend(q, v, v, _dots(q, v), np.tri(4, dtype=bool)),
    ),
    case(
        "Attention",
        _Q,
        _V,
        (2, 4),
        (2, 5),
        args=_LIST,
        kwargs={"mask": [Arg(2), Arg(3)]},
        ints=(2, 3),
        low=0,
        high=2,
        expect=lambda q, v, qm, vm, _w: _attend(q, v, v, _dots(q, v), vm[:, None] > 0) * qm[..., None],
    ),
    case(
        "Attention",
        _Q,
        _V,
        args=_LIST,
        kwargs={"return_attention_scores": True},
        outputs=2,
        expect=lambda q, v, _w: [softmax(_dots(q, v)) @ v, softmax(_dots(q, v))],
    ),
    case(
        "AdditiveAttention",
        _Q,
        _V,
        args=_LIST,
        use_scale=True,
        weights={"scale": (6,)},
        expect=lambda q, v, w: _attend(q, v, v, (w["scale"] * np.tanh(q[:, :, None] + v[:, None])).sum(-1)),
    ),
    case(
        "AdditiveAttention",
        _Q,
        _V,
        args=_LIST,
        use_scale=False,
        expect=lambda q, v, _w: _attend(q, v, v, np.tanh(q[:, :, None] + v[:, None]).sum(-1)),
    ),
    case(
        "MultiHeadAttention", _Q, _V, weights=_head_weights(2, 3), expect=lambda q, v, w: _heads(q, v, v, w), **_HEADS
    ),
    case(
        "MultiHeadAttention",
        _Q,
        _V,
        _V,
        args=[Arg(0), Arg(1)],
        kwargs={"key": Arg(2)},
        weights=_head_weights(2, 3, 4),
        expect=_heads,
        value_dim=4,
        **_HEADS,
    ),
    case(
        "MultiHeadAttention",
        _Q,
        _Q,
        kwargs={"use_causal_mask": True},
        weights=_head_weights(2, 3),
        expect=lambda q, v, w: _heads(q, v, v, w, np.tri(4, dtype=bool)),
        **_HEADS,
    ),
    case(
        "MultiHeadAttention",
        _Q,
        _V,
        (2, 4, 5),
        args=[Arg(0), Arg(1)],
        kwargs={"attention_mask": Arg(2)},
        ints=(2,),
        low=0,
        high=2,
        weights=_head_weights(2, 3),
        expect=lambda q, v, m, w: _heads(q, v, v, w, m[:, None] > 0),
        **_HEADS,
    ),
    case(
        "GroupedQueryAttention",
        _Q,
        _V,
        weights=_head_weights(4, 3, keys=2),
        head_dim=3,
        num_query_heads=4,
        num_key_value_heads=2,
        expect=lambda q, v, w: _heads(q, v, v, w, share=2),
    ),
]


def _adaptive(x, sizes, reduce):
    """Over the axes behind the first; windows from floor to ceiling."""
    for axis, count in enumerate(sizes, 1):
        n = x.shape[axis]
        parts = [range(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]
        x = np.stack([reduce(x.take(list(p), axis), axis) for p in parts], axis)
    return x


_OTHERS = [
    case("RandomFlip", (2, 4, 4, 3), ints=(0,), low=0, high=9, mode="horizontal", expect=lambda x, _w: x * 1.0),
    case(
        "SpectralNormalization",
        (2, 4),
        weights={"inner/kernel": (4, 3), "inner/bias": (3,)},
        layer={"class_name": "Dense", "config": {"name": "inner", "units": 3}},
        expect=lambda x, w: x @ w["inner/kernel"] + w["inner/bias"],
    ),
]
_GRID = (2, 3, 4, 6)
_OTHERS += [
    case(
        "MultiHeadAttention",
        _GRID,
        _GRID,
        weights=_head_weights(2, 3),
        num_heads=2,
        key_dim=3,
        attention_axes=axes,
        expect=lambda q, v, w, shape=shape: _heads(*(x.reshape(shape) for x in (q, v, v)), w).reshape(q.shape),
    )
    # Attention along the last axis of positions, and over all of them.
    for axes, shape in (([2], (-1, 4, 6)), ([1, 2], (2, 12, 6)), (None, (2, 12, 6)))
]
_OTHERS += [
    case(
        "Discretization",
        (2, 3),
        bin_boundaries=[-1.0, 0.0, 0.5],
        output_mode="int",
        expect=lambda x, _w: np.digitize(x, [-1, 0, 0.5]),
    ),
    case(
        "Discretization",
        (4, 1),
        bin_boundaries=[0.0],
        output_mode="one_hot",
        expect=lambda x, _w: np.eye(2)[np.digitize(x, [0])[:, 0]],
    ),
    case(
        "Concatenate",
        _BOX,
        args=[[Arg(0), np.ones((2, 3, 1))]],
        fixed=True,
        axis=-1,
        expect=lambda x, _w: np.concatenate([x, np.ones((2, 3, 1))], -1),
    ),
    case(
        "Dense",
        (2, 4),
        ints=(0,),
        low=0,
        high=9,
        weights={"kernel": (4, 3)},
        use_bias=False,
        expect=lambda x, w: x @ w["kernel"],
    ),
    case(
        "Normalization",
        _IMAGE,
        weights={"mean": (4,), "variance": (4,)},
        expect=lambda x, w: (x - w["mean"]) / np.sqrt(w["variance"]),
    ),
    *(
        case(
            f"Adaptive{kind}Pooling{len(sizes)}D",
            shape,
            output_size=list(sizes),
            expect=lambda x, _w, s=sizes, f=f: _adaptive(x, s, f),
        )
        for kind, f in (("Average", np.mean), ("Max", np.max))
        for shape, sizes in (((2, 7, 3), (3,)), ((2, 7, 6, 3), (3, 4)), ((2, 3, 4, 5, 2), (2, 2, 3)))
    ),
]
CASES = {
    f"{c['class_name']} {i}": c
    for i, c in enumerate(
        [
            *(activation_case(n, f) for n, f in ACTIVATIONS.items()),
            *_UNARY,
            *_BINARY,
            *_REDUCE,
            *_MOVE,
            *_PRODUCTS,
            *_NORMALIZING,
            *_LINES,
            *_ATTENTION,
            *_OTHERS,
        ]
    )
}
