"""Layers of sequences, volumes and preprocessing: cases as those of ``layers``, and recurrent cells in float64."""

import numpy as np
from support.layers import one

from tfjslab.ops.registry import all_ops

UNITS = 4
GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}
STATES = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell(kind, w):
    """A step of a cell: (input, *states) -> states, the first of which is the output."""
    kernel, recurrent, bias = (w[k] for k in ("kernel", "recurrent_kernel", "bias"))

    def simple(v, h):
        return (np.tanh(v @ kernel + h @ recurrent + bias),)

    def lstm(v, h, c):
        i, f, g, o = np.split(v @ kernel + h @ recurrent + bias, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    def gru(v, h):
        n = len(recurrent)
        z, r, g = np.split(v @ kernel + bias, 3, -1)
        z, r = sigmoid(z + h @ recurrent[:, :n]), sigmoid(r + h @ recurrent[:, n : 2 * n])
        g = np.tanh(g + (r * h) @ recurrent[:, 2 * n :])
        return (z * h + (1 - z) * g,)

    return {"SimpleRNN": simple, "LSTM": lstm, "GRU": gru}[kind]


def steps(kind, x, w, mask=None, states=None, *, backwards=False):
    """All outputs in the order in which they are made, and the last states."""
    step, n = cell(kind, w), len(w["recurrent_kernel"])
    states = states or [np.zeros((len(x), n))] * STATES[kind]
    outputs = []
    for t in range(x.shape[1])[:: -1 if backwards else 1]:
        new = step(x[:, t], *states)
        taken = np.ones((len(x), 1), bool) if mask is None else mask[:, t, None]
        states = [np.where(taken, a, b) for a, b in zip(new, states, strict=True)]
        outputs.append(states[0])
    return np.stack(outputs, 1), states


def recurrent_shapes(kind, features, units=UNITS, prefix=""):
    """The weights of a recurrent layer or cell."""
    wide = GATES[kind] * units
    shapes = {"kernel": (features, wide), "recurrent_kernel": (units, wide), "bias": (wide,)}
    return {prefix + k: s for k, s in shapes.items()}


def options(kind, units=UNITS, **config):
    """Options of a recurrent layer or cell; TF.js and Keras disagree about the default of one."""
    return {"units": units, **({} if kind == "SimpleRNN" else {"recurrent_activation": "sigmoid"}), **config}


def wrapped(class_name, **config):
    """A layer or cell as the option of another one."""
    return {"class_name": class_name, "config": {"name": "inner", **config}}


def below(weights, prefix):
    """The weights under a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def conv_lstm(x, w):
    """The last output of a ConvLSTM2D of a 1x1 window, where a convolution is a product at each pixel."""
    flat = {k: v[0, 0] if v.ndim == 4 else v for k, v in w.items()}
    pixels = np.moveaxis(x, 1, -2).reshape(-1, x.shape[1], x.shape[-1])
    return steps("LSTM", pixels, flat)[0][:, -1].reshape(len(x), *x.shape[2:4], -1)


def _bidirectional(x, w, mode):
    forward, backward = (
        steps("LSTM", x, below(w, f"{d}_inner/"), backwards=d == "backward")[0] for d in ("forward", "backward")
    )
    return mode(forward, backward[:, ::-1])


LINE = (2, 5, 3)
_BOTH = {f"{d}_inner/{k}": s for d in ("forward", "backward") for k, s in recurrent_shapes("LSTM", 3).items()}
_MERGES = {
    "concat": lambda a, b: np.concatenate([a, b], -1),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
}
_CONV = {"kernel": (1, 1, 2, 12), "recurrent_kernel": (1, 1, 3, 12), "bias": (12,)}
VOLUME = (2, 4, 4, 6, 3)


def _pooled(x, fold):
    """Windows of 2 x 2 x 2 without padding."""
    n, d, h, w, c = x.shape
    return fold(x.reshape(n, d // 2, 2, h // 2, 2, w // 2, 2, c), (2, 4, 6))


VOLUMES = {
    "conv3d 1x1x1": one(
        "Conv3D",
        VOLUME,
        {"kernel": (1, 1, 1, 3, 4), "bias": (4,)},
        filters=4,
        kernel_size=1,
        activation="relu",
        expect=lambda x, w: np.maximum(x @ w["kernel"][0, 0, 0] + w["bias"], 0),
    ),
    "conv3d in depth": one(
        "Conv3D",
        VOLUME,
        {"kernel": (2, 1, 1, 3, 4)},
        filters=4,
        kernel_size=[2, 1, 1],
        use_bias=False,
        expect=lambda x, w: x[:, :-1] @ w["kernel"][0, 0, 0] + x[:, 1:] @ w["kernel"][1, 0, 0],
    ),
    "conv3d transposed": one(
        "Conv3DTranspose",
        VOLUME,
        {"kernel": (2, 1, 1, 4, 3), "bias": (4,)},
        filters=4,
        kernel_size=[2, 1, 1],
        strides=[2, 1, 1],
        expect=lambda x, w: np.einsum("ndhwc,koc->ndkhwo", x, w["kernel"][:, 0, 0]).reshape(2, 8, 4, 6, 4) + w["bias"],
    ),
    "max pooling of volumes": one("MaxPooling3D", VOLUME, expect=lambda x, _w: _pooled(x, np.max)),
    "average pooling of volumes": one("AveragePooling3D", VOLUME, expect=lambda x, _w: _pooled(x, np.mean)),
}
CASES = {
    "masking": one(
        "Masking",
        LINE,
        mask_value=0,
        expect=lambda x, _w: np.where((x != 0).any(-1, keepdims=True), x, 0),
    ),
    **{
        f"bidirectional {name}": one(
            "Bidirectional",
            LINE,
            _BOTH,
            merge_mode=name,
            layer=wrapped("LSTM", return_sequences=True, **options("LSTM")),
            expect=lambda x, w, mode=mode: _bidirectional(x, w, mode),
        )
        for name, mode in _MERGES.items()
    },
    "bidirectional, last outputs": one(
        "Bidirectional",
        LINE,
        _BOTH,
        layer=wrapped("LSTM", **options("LSTM")),
        expect=lambda x, w: _bidirectional(x, w, lambda a, b: np.concatenate([a[:, -1], b[:, 0]], -1)),
    ),
    "time distributed": one(
        "TimeDistributed",
        LINE,
        {"kernel": (3, 4), "bias": (4,)},
        layer=wrapped("Dense", units=4),
        expect=lambda x, w: x @ w["kernel"] + w["bias"],
    ),
    "time distributed images": one(
        "TimeDistributed",
        (2, 5, 4, 4, 3),
        layer=wrapped("GlobalAveragePooling2D"),
        expect=lambda x, _w: x.mean((2, 3)),
    ),
    **{
        f"rnn of {kind}": one(
            "RNN",
            LINE,
            recurrent_shapes(kind, 3),
            cell=wrapped(f"{kind}Cell", **options(kind)),
            expect=lambda x, w, kind=kind: steps(kind, x, w)[0][:, -1],
        )
        for kind in GATES
    },
    "conv lstm": one(
        "ConvLSTM2D",
        (2, 4, 3, 5, 2),
        _CONV,
        filters=3,
        kernel_size=1,
        recurrent_activation="sigmoid",
        expect=conv_lstm,
    ),
    "conv lstm channels first": one(
        "ConvLSTM2D",
        (2, 4, 2, 3, 5),
        _CONV,
        filters=3,
        kernel_size=1,
        recurrent_activation="sigmoid",
        data_format="channels_first",
        tfjs=False,
        expect=lambda x, w: np.moveaxis(conv_lstm(np.moveaxis(x, 2, -1), w), -1, 1),
    ),
    "resizing, nearest": one(
        "Resizing",
        (2, 4, 6, 3),
        height=2,
        width=3,
        interpolation="nearest",
        tfjs=False,
        expect=lambda x, _w: x[:, 1::2, 1::2],
    ),
    "resizing": one(
        "Resizing",
        (2, 4, 6, 3),
        height=2,
        width=3,
        tfjs=False,
        expect=lambda x, _w: x.reshape(2, 2, 2, 3, 2, 3).mean((2, 4)),
    ),
    "resizing, middle part": one(
        "Resizing",
        (2, 4, 6, 3),
        height=2,
        width=2,
        crop_to_aspect_ratio=True,
        tfjs=False,
        expect=lambda x, _w: x[:, :, 1:5].reshape(2, 2, 2, 2, 2, 3).mean((2, 4)),
    ),
    "resizing, with a border": one(
        "Resizing",
        (2, 4, 6, 3),
        height=3,
        width=3,
        pad_to_aspect_ratio=True,
        fill_value=1,
        tfjs=False,
        expect=lambda x, _w: (
            np.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)), constant_values=1).reshape(2, 3, 2, 3, 2, 3).mean((2, 4))
        ),
    ),
    "center crop": one(
        "CenterCrop",
        (2, 8, 9, 3),
        height=4,
        width=5,
        tfjs=False,
        expect=lambda x, _w: x[:, 2:6, 2:7],
    ),
    "category encoding": one(
        "CategoryEncoding",
        (2, 3),
        num_tokens=4,
        tfjs=False,
        expect=lambda x, _w: np.array([[float(k in np.trunc(row)) for k in range(4)] for row in x]),
    ),
    "category counts": one(
        "CategoryEncoding",
        (2, 3),
        num_tokens=4,
        output_mode="count",
        tfjs=False,
        expect=lambda x, _w: np.array([[float((np.trunc(row) == k).sum()) for k in range(4)] for row in x]),
    ),
    "one hot categories": one(
        "CategoryEncoding",
        (2, 3),
        num_tokens=4,
        output_mode="one_hot",
        tfjs=False,
        expect=lambda x, _w: (np.trunc(x)[..., None] == np.arange(4)).astype(float),
    ),
    "category numbers": one(
        "CategoryEncoding",
        (2, 3),
        num_tokens=4,
        output_mode="int",
        tfjs=False,
        expect=lambda x, _w: np.trunc(x),
    ),
    "random width": one("RandomWidth", (2, 4, 6, 3), factor=0.2, tfjs=False, expect=lambda x, _w: x),
    "global average of volumes": one(
        "GlobalAveragePooling3D", VOLUME, tfjs=False, expect=lambda x, _w: x.mean((1, 2, 3))
    ),
    "global maximum of volumes": one("GlobalMaxPooling3D", VOLUME, tfjs=False, expect=lambda x, _w: x.max((1, 2, 3))),
    **(VOLUMES if "Conv3D" in all_ops() else {}),
}
