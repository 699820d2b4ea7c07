"""Layers models written by hand: one case for each layer, and what it should compute."""

import json
import math
import zlib

import numpy as np

RNG = np.random.default_rng(7)


def weights_of(shapes, positive=()):
    """Weights that depend on their names and shapes, not on the tests before; variances must be positive."""
    rng = np.random.default_rng(zlib.crc32(repr(shapes).encode()))
    return {
        k: rng.uniform(0.5 if k.split("/")[-1] in positive else -1, 1.5, s).astype(np.float32)
        for k, s in shapes.items()
    }


def keras_input(name, shape, **config):
    return {
        "class_name": "InputLayer",
        "name": name,
        "inbound_nodes": [],
        "config": {"batch_input_shape": list(shape), "dtype": "float32", "name": name, **config},
    }


def keras_layer(class_name, name, *reads, **config):
    """A layer called once on ``reads``: names, or (name, call, tensor)."""
    refs = [[r, 0, 0, {}] if isinstance(r, str) else [*r, {}] for r in reads]
    return {"class_name": class_name, "name": name, "config": {"name": name, **config}, "inbound_nodes": [refs]}


def functional(layers, inputs, outputs, name="model", class_name="Functional"):
    def ends(names):
        return [[n, 0, 0] if isinstance(n, str) else list(n) for n in names]

    config = {"name": name, "layers": layers, "input_layers": ends(inputs), "output_layers": ends(outputs)}
    return {"class_name": class_name, "config": config}


def write(folder, model, weights):
    """model.json with one shard."""
    folder.mkdir(parents=True, exist_ok=True)
    data = b"".join(w.tobytes() for w in weights.values())
    specs = [{"name": k, "shape": list(w.shape), "dtype": "float32"} for k, w in weights.items()]
    (folder / "shard.bin").write_bytes(data)
    (folder / "model.json").write_text(
        json.dumps(
            {
                "format": "layers-model",
                "generatedBy": "keras v2.15.0",
                "convertedBy": None,
                "modelTopology": {"keras_version": "2.15.0", "backend": "tensorflow", "model_config": model},
                "weightsManifest": [{"paths": ["shard.bin"], "weights": specs}],
            }
        )
    )
    return folder / "model.json"


def one(class_name, shape, weights=None, *, expect=None, tfjs=True, **config):
    """A case: one layer on inputs of ``shape`` (a list of shapes for several)."""
    shapes = shape if isinstance(shape, list) else [shape]
    return {
        "class_name": class_name,
        "shapes": shapes,
        "weights": weights or {},
        "config": config,
        "expect": expect,
        "tfjs": tfjs,
    }


def build(folder, case):
    """Write the case's model; gives (path, feeds, weights)."""
    names = [f"in{i}" for i in range(len(case["shapes"]))]
    inputs = [keras_input(n, (None, *s[1:])) for n, s in zip(names, case["shapes"], strict=True)]
    layer = keras_layer(case["class_name"], "layer", *names, **case["config"])
    weights = weights_of({f"layer/{k}": s for k, s in case["weights"].items()}, ("moving_variance", "gamma"))
    path = write(folder, functional([*inputs, layer], names, ["layer"]), weights)
    high = 4 if case["class_name"] in ("Embedding", "CategoryEncoding") else 2
    feeds = {
        n: RNG.uniform(0 if high == 4 else -2, high, s).astype(np.float32)
        for n, s in zip(names, case["shapes"], strict=True)
    }
    if high == 4:
        feeds = {n: np.floor(v) for n, v in feeds.items()}
    return path, feeds, {k.removeprefix("layer/"): v.astype(np.float64) for k, v in weights.items()}


def _norm(x, w):
    return (x - w["moving_mean"]) / np.sqrt(w["moving_variance"] + 0.01) * w["gamma"] + w["beta"]


def _layer_norm(x, w):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + 1e-3) * w["gamma"] + w["beta"]


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _steps(x, step, *states, sequences=False):
    """Run over the second axis from zero states; gives the last output or all."""
    outputs = []
    for t in range(x.shape[1]):
        states = step(x[:, t], *states)
        outputs.append(states[0])
    return np.stack(outputs, 1) if sequences else outputs[-1]


def _simple_rnn(x, w, **options):
    step = lambda v, h: (np.tanh(v @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"]),)  # noqa: E731
    return _steps(x, step, np.zeros((len(x), 4)), **options)


def _lstm(x, w, gate=_sigmoid, **options):
    def step(v, h, c):
        i, f, g, o = np.split(v @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 4, -1)
        c = gate(f) * c + gate(i) * np.tanh(g)
        return gate(o) * np.tanh(c), c

    return _steps(x, step, np.zeros((len(x), 4)), np.zeros((len(x), 4)), **options)


def _gru(x, w, *, after, **options):
    def step(v, h):
        bias, more = w["bias"] if after else (w["bias"], np.zeros(12))
        xz, xr, xn = np.split(v @ w["kernel"] + bias, 3, -1)
        hz, hr, hn = np.split(h @ w["recurrent_kernel"] + more, 3, -1)
        z, r = _sigmoid(xz + hz), _sigmoid(xr + hr)
        n = np.tanh(xn + (r * hn if after else (r * h) @ w["recurrent_kernel"][:, 8:]))
        return (z * h + (1 - z) * n,)

    return _steps(x, step, np.zeros((len(x), 4)), **options)


def _recurrent(gates, bias=None):
    return {"kernel": (3, 4 * gates), "recurrent_kernel": (4, 4 * gates), "bias": bias or (4 * gates,)}


BN = {"gamma": (3,), "beta": (3,), "moving_mean": (3,), "moving_variance": (3,)}
IMAGE, FIRST, LINE = (2, 6, 8, 3), (2, 3, 6, 8), (2, 8, 3)
ERF = np.vectorize(math.erf)
SIGMOID = {"recurrent_activation": "sigmoid", "units": 4}
RECURRENT = {
    "simple rnn": one("SimpleRNN", LINE, _recurrent(1), units=4, expect=_simple_rnn),
    "simple rnn, all steps": one(
        "SimpleRNN",
        LINE,
        _recurrent(1),
        units=4,
        return_sequences=True,
        expect=lambda x, w: _simple_rnn(x, w, sequences=True),
    ),
    "simple rnn without bias, relu": one(
        "SimpleRNN", LINE, {"kernel": (3, 4), "recurrent_kernel": (4, 4)}, units=4, use_bias=False, activation="relu"
    ),
    "lstm": one("LSTM", LINE, _recurrent(4), expect=_lstm, **SIGMOID),
    "lstm, all steps": one(
        "LSTM", LINE, _recurrent(4), return_sequences=True, expect=lambda x, w: _lstm(x, w, sequences=True), **SIGMOID
    ),
    "lstm, hard sigmoid": one(
        "LSTM", LINE, _recurrent(4), units=4, expect=lambda x, w: _lstm(x, w, lambda v: np.clip(0.2 * v + 0.5, 0, 1))
    ),
    "lstm backwards": one(
        "LSTM", LINE, _recurrent(4), go_backwards=True, expect=lambda x, w: _lstm(x[:, ::-1], w), **SIGMOID
    ),
    "gru": one("GRU", LINE, _recurrent(3), expect=lambda x, w: _gru(x, w, after=False), **SIGMOID),
    "gru, reset after": one(
        "GRU",
        LINE,
        _recurrent(3, (2, 12)),
        reset_after=True,
        tfjs=False,
        return_sequences=True,
        expect=lambda x, w: _gru(x, w, after=True, sequences=True),
        **SIGMOID,
    ),
}
ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "hardSigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "softmax": _softmax,
    "softplus": lambda x: np.log1p(np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "tanh": np.tanh,
    "swish": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: x * 0.5 * (1 + ERF(x / math.sqrt(2))),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "log_softmax": lambda x: np.log(_softmax(x)),
}
# ``tfjs=False`` marks what TF.js 4.22 does not have (options, activations) or, where a comment says so, gets wrong.
CASES = {
    **{
        f"activation {a}": one("Activation", (2, 5), activation=a, expect=lambda x, _w, f=f: f(x))
        for a, f in ACTIVATIONS.items()
    },
    "activation exponential": one(
        "Activation", (2, 5), activation="exponential", tfjs=False, expect=lambda x, _w: np.exp(x)
    ),
    "activation silu": one(
        "Activation", (2, 5), activation="silu", tfjs=False, expect=lambda x, _w: x / (1 + np.exp(-x))
    ),
    "activation object": one(
        "Activation",
        (2, 5),
        activation={"module": "builtins", "class_name": "function", "config": "relu"},
        tfjs=False,
        expect=lambda x, _w: np.maximum(x, 0),
    ),
    "dense": one(
        "Dense",
        (2, 4),
        {"kernel": (4, 3), "bias": (3,)},
        units=3,
        activation="relu",
        expect=lambda x, w: np.maximum(x @ w["kernel"] + w["bias"], 0),
    ),
    "dense without bias": one(
        "Dense", (2, 4), {"kernel": (4, 3)}, units=3, use_bias=False, expect=lambda x, w: x @ w["kernel"]
    ),
    "dense with softmax": one(
        "Dense",
        (2, 4),
        {"kernel": (4, 3), "bias": (3,)},
        units=3,
        activation="softmax",
        expect=lambda x, w: _softmax(x @ w["kernel"] + w["bias"]),
    ),
    "dense on lines": one(
        "Dense",
        LINE,
        {"kernel": (3, 4), "bias": (4,)},
        units=4,
        activation="elu",
        expect=lambda x, w: ACTIVATIONS["elu"](x @ w["kernel"] + w["bias"]),
    ),
    "conv2d": one(
        "Conv2D",
        IMAGE,
        {"kernel": (3, 2, 3, 4), "bias": (4,)},
        filters=4,
        kernel_size=[3, 2],
        strides=[2, 1],
        padding="same",
        activation="relu",
    ),
    "conv2d 1x1": one(
        "Conv2D",
        IMAGE,
        {"kernel": (1, 1, 3, 4)},
        filters=4,
        kernel_size=[1, 1],
        use_bias=False,
        expect=lambda x, w: x @ w["kernel"][0, 0],
    ),
    "conv2d dilated, tanh": one(
        "Conv2D",
        IMAGE,
        {"kernel": (2, 2, 3, 4), "bias": (4,)},
        filters=4,
        kernel_size=2,
        dilation_rate=2,
        activation="tanh",
    ),
    "conv2d channels first": one(
        "Conv2D", FIRST, {"kernel": (3, 3, 3, 4), "bias": (4,)}, filters=4, kernel_size=3, data_format="channels_first"
    ),
    "conv1d": one(
        "Conv1D",
        LINE,
        {"kernel": (3, 3, 4), "bias": (4,)},
        filters=4,
        kernel_size=[3],
        strides=[2],
        padding="same",
        activation="relu",
    ),
    "conv1d dilated": one(
        "Conv1D", LINE, {"kernel": (2, 3, 4)}, filters=4, kernel_size=2, dilation_rate=[3], use_bias=False
    ),
    "conv1d causal": one(
        "Conv1D",
        LINE,
        {"kernel": (2, 3, 4)},
        filters=4,
        kernel_size=2,
        padding="causal",
        use_bias=False,
        tfjs=False,
        expect=lambda x, w: np.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1] @ w["kernel"][0] + x @ w["kernel"][1],
    ),
    "depthwise": one(
        "DepthwiseConv2D",
        IMAGE,
        {"depthwise_kernel": (3, 3, 3, 2), "bias": (6,)},
        kernel_size=3,
        strides=2,
        padding="same",
        depth_multiplier=2,
        activation="relu6",
    ),
    "depthwise dilated": one(
        "DepthwiseConv2D",
        IMAGE,
        {"depthwise_kernel": (1, 2, 3, 1)},
        kernel_size=[1, 2],
        dilation_rate=[1, 3],
        use_bias=False,
        tfjs=False,
        expect=lambda x, w: (
            x[:, :, :-3] * w["depthwise_kernel"][0, 0, :, 0] + x[:, :, 3:] * w["depthwise_kernel"][0, 1, :, 0]
        ),
    ),
    "separable": one(
        "SeparableConv2D",
        IMAGE,
        {"depthwise_kernel": (3, 3, 3, 2), "pointwise_kernel": (1, 1, 6, 4), "bias": (4,)},
        filters=4,
        kernel_size=3,
        depth_multiplier=2,
        activation="relu",
    ),
    "transposed same": one(
        "Conv2DTranspose",
        IMAGE,
        {"kernel": (3, 3, 4, 3), "bias": (4,)},
        filters=4,
        kernel_size=3,
        strides=2,
        padding="same",
        activation="relu",
    ),
    "transposed valid": one(
        "Conv2DTranspose", IMAGE, {"kernel": (3, 3, 4, 3), "bias": (4,)}, filters=4, kernel_size=3, strides=2
    ),
    "batch norm": one("BatchNormalization", IMAGE, BN, epsilon=0.01, axis=[3], expect=_norm, tfjs=False),
    "batch norm, axis a number": one("BatchNormalization", IMAGE, BN, epsilon=0.01, axis=3, expect=_norm),
    "batch norm of rows": one("BatchNormalization", (4, 3), BN, epsilon=0.01, expect=_norm),
    # The cpu kernel of TF.js 4.22 cycles through the statistics as if channels were last.
    "batch norm, first axis": one(
        "BatchNormalization",
        FIRST,
        BN,
        epsilon=0.01,
        axis=1,
        tfjs=False,
        expect=lambda x, w: np.moveaxis(_norm(np.moveaxis(x, 1, -1), w), -1, 1),
    ),
    "batch norm without scale and center": one(
        "BatchNormalization",
        (4, 3),
        {"moving_mean": (3,), "moving_variance": (3,)},
        scale=False,
        center=False,
        epsilon=0.01,
        expect=lambda x, w: (x - w["moving_mean"]) / np.sqrt(w["moving_variance"] + 0.01),
    ),
    "layer norm": one("LayerNormalization", LINE, {"gamma": (3,), "beta": (3,)}, expect=_layer_norm),
    "layer norm, two axes": one(
        "LayerNormalization",
        LINE,
        {"gamma": (8, 3), "beta": (8, 3)},
        axis=[1, 2],
        tfjs=False,
        expect=lambda x, w: (
            (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-3) * w["gamma"] + w["beta"]
        ),
    ),
    "relu": one("ReLU", (2, 5), max_value=1.5, expect=lambda x, _w: np.clip(x, 0, 1.5)),
    "relu with slope": one(
        "ReLU",
        (2, 5),
        negative_slope=0.5,
        threshold=1,
        max_value=1.5,
        tfjs=False,
        expect=lambda x, _w: np.where(x >= 1, np.minimum(x, 1.5), 0.5 * (x - 1)),
    ),
    "leaky relu": one("LeakyReLU", (2, 5), alpha=0.1, expect=lambda x, _w: np.where(x > 0, x, 0.1 * x)),
    "leaky relu, default": one("LeakyReLU", (2, 5), expect=lambda x, _w: np.where(x > 0, x, 0.3 * x)),
    "prelu": one("PReLU", LINE, {"alpha": (8, 3)}, expect=lambda x, w: np.where(x > 0, x, w["alpha"] * x)),
    "prelu, shared": one(
        "PReLU", LINE, {"alpha": (1, 3)}, shared_axes=[1], expect=lambda x, w: np.where(x > 0, x, w["alpha"] * x)
    ),
    "elu": one("ELU", (2, 5), expect=lambda x, _w: np.where(x > 0, x, np.expm1(x))),
    "elu, alpha": one("ELU", (2, 5), alpha=2, tfjs=False, expect=lambda x, _w: np.where(x > 0, x, 2 * np.expm1(x))),
    "thresholded": one("ThresholdedReLU", (2, 5), theta=0.7, expect=lambda x, _w: np.where(x > 0.7, x, 0)),
    "softmax": one("Softmax", LINE, axis=-1, expect=lambda x, _w: _softmax(x)),
    "softmax over another axis": one(
        "Softmax", LINE, axis=1, tfjs=False, expect=lambda x, _w: np.moveaxis(_softmax(np.moveaxis(x, 1, -1)), -1, 1)
    ),
    "flatten": one("Flatten", IMAGE, expect=lambda x, _w: x.reshape(2, -1)),
    "flatten channels first": one(
        "Flatten", FIRST, data_format="channels_first", expect=lambda x, _w: np.moveaxis(x, 1, -1).reshape(2, -1)
    ),
    "reshape": one("Reshape", LINE, target_shape=[4, -1, 2], expect=lambda x, _w: x.reshape(2, 4, 3, 2)),
    "permute": one("Permute", IMAGE, dims=[3, 1, 2], expect=lambda x, _w: x.transpose(0, 3, 1, 2)),
    "repeat": one("RepeatVector", (2, 5), n=3, expect=lambda x, _w: np.repeat(x[:, None], 3, 1)),
    "zero padding": one(
        "ZeroPadding2D",
        IMAGE,
        padding=[[1, 0], [2, 3]],
        expect=lambda x, _w: np.pad(x, ((0, 0), (1, 0), (2, 3), (0, 0))),
    ),
    "zero padding channels first": one(
        "ZeroPadding2D",
        FIRST,
        padding=[[1, 1], [2, 2]],
        data_format="channels_first",
        expect=lambda x, _w: np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 2))),
    ),
    "cropping": one("Cropping2D", IMAGE, cropping=[[1, 0], [2, 3]], expect=lambda x, _w: x[:, 1:, 2:5]),
    "up sampling": one("UpSampling2D", IMAGE, size=[2, 3], expect=lambda x, _w: x.repeat(2, 1).repeat(3, 2)),
    "up sampling bilinear": one("UpSampling2D", IMAGE, size=[2, 2], interpolation="bilinear"),
    "max pooling": one(
        "MaxPooling2D", IMAGE, pool_size=[2, 2], expect=lambda x, _w: x.reshape(2, 3, 2, 4, 2, 3).max((2, 4))
    ),
    "max pooling same": one("MaxPooling2D", IMAGE, pool_size=[3, 3], strides=[2, 2], padding="same"),
    "average pooling": one(
        "AveragePooling2D",
        IMAGE,
        pool_size=2,
        strides=2,
        tfjs=False,
        expect=lambda x, _w: x.reshape(2, 3, 2, 4, 2, 3).mean((2, 4)),
    ),
    "average pooling same": one("AveragePooling2D", IMAGE, pool_size=[3, 3], strides=[2, 2], padding="same"),
    "average pooling channels first": one(
        "AveragePooling2D",
        FIRST,
        pool_size=[2, 2],
        data_format="channels_first",
        expect=lambda x, _w: x.reshape(2, 3, 3, 2, 4, 2).mean((3, 5)),
    ),
    "max pooling 1d": one("MaxPooling1D", LINE, pool_size=2, expect=lambda x, _w: x.reshape(2, 4, 2, 3).max(2)),
    "average pooling 1d": one(
        "AveragePooling1D", LINE, pool_size=[2], strides=[1], expect=lambda x, _w: (x[:, 1:] + x[:, :-1]) / 2
    ),
    "global average": one("GlobalAveragePooling2D", IMAGE, expect=lambda x, _w: x.mean((1, 2))),
    "global average, kept": one(
        "GlobalAveragePooling2D", IMAGE, keepdims=True, tfjs=False, expect=lambda x, _w: x.mean((1, 2), keepdims=True)
    ),
    "global average channels first": one(
        "GlobalAveragePooling2D", FIRST, data_format="channels_first", expect=lambda x, _w: x.mean((2, 3))
    ),
    "global max": one("GlobalMaxPooling2D", IMAGE, expect=lambda x, _w: x.max((1, 2))),
    "global average 1d": one("GlobalAveragePooling1D", LINE, expect=lambda x, _w: x.mean(1)),
    "global max 1d": one("GlobalMaxPooling1D", LINE, expect=lambda x, _w: x.max(1)),
    "add": one("Add", [(2, 5)] * 3, expect=lambda x, y, z, _w: x + y + z),
    "add of two ranks": one("Add", [(2, 4, 5), (2, 5)], tfjs=False, expect=lambda x, y, _w: x + y[:, None]),
    "subtract": one("Subtract", [(2, 5)] * 2, tfjs=False, expect=lambda x, y, _w: x - y),
    "multiply": one("Multiply", [(2, 5)] * 2, expect=lambda x, y, _w: x * y),
    "average": one("Average", [(2, 5)] * 3, expect=lambda x, y, z, _w: (x + y + z) / 3),
    "maximum": one("Maximum", [(2, 5)] * 2, expect=lambda x, y, _w: np.maximum(x, y)),
    "minimum": one("Minimum", [(2, 5)] * 2, expect=lambda x, y, _w: np.minimum(x, y)),
    "concatenate": one("Concatenate", [(2, 3), (2, 5)], expect=lambda x, y, _w: np.concatenate([x, y], -1)),
    "concatenate lines": one(
        "Concatenate", [(2, 3, 4), (2, 5, 4)], axis=1, expect=lambda x, y, _w: np.concatenate([x, y], 1)
    ),
    "dot": one("Dot", [(2, 5)] * 2, axes=1, expect=lambda x, y, _w: (x * y).sum(-1, keepdims=True)),
    "dot, normalized": one(
        "Dot",
        [(2, 5)] * 2,
        axes=-1,
        normalize=True,
        tfjs=False,
        expect=lambda x, y, _w: ((x * y).sum(-1) / np.linalg.norm(x, axis=-1) / np.linalg.norm(y, axis=-1))[:, None],
    ),
    "dot of matrices": one(
        "Dot", [(2, 3, 4), (2, 5, 4)], axes=[2, 2], expect=lambda x, y, _w: np.einsum("bik,bjk->bij", x, y)
    ),
    "dot of matrices over rows": one(
        "Dot", [(2, 4, 3), (2, 4, 5)], axes=1, expect=lambda x, y, _w: np.einsum("bki,bkj->bij", x, y)
    ),
    "dot of a matrix and a vector": one(
        "Dot", [(2, 3, 4), (2, 4)], axes=[2, 1], expect=lambda x, y, _w: np.einsum("bik,bk->bi", x, y)
    ),
    "embedding": one(
        "Embedding",
        (2, 6),
        {"embeddings": (4, 3)},
        input_dim=4,
        output_dim=3,
        expect=lambda x, w: w["embeddings"][x.astype(int)],
    ),
    "rescaling": one("Rescaling", IMAGE, scale=0.5, offset=-1, expect=lambda x, _w: x * 0.5 - 1),
    **RECURRENT,
    **{
        name: one(name, IMAGE, rate=0.5, stddev=1, expect=lambda x, _w: x, tfjs=name != "SpatialDropout2D")
        for name in ("Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout")
    },
}
