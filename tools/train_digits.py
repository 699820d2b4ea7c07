"""Trains the zoo's digit classifier in numpy and writes it as a TensorFlow.js graph model; ``--check`` only measures.

The data are the 1,797 digits of 8 x 8 that scikit-learn carries. Every fifth of them is the test split
(``tfjslab.zoo.digits.split``), which neither training nor calibration sees. The network has what real ones have:
convolutions, a depthwise one, batch norm, a residual sum, average pooling. It is written as it was trained, one op a
node, so that the optimizer has something to do. The same seed gives the same weights on the same machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from tfjslab.base.dtypes import Array
from tfjslab.formats.graph_model.writer import save_graph_model
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Graph, Port
from tfjslab.model.model import Model
from tfjslab.zoo import digits

SIZE, CLASSES, LEVELS = 8, 10, 16
EPSILON, MOMENTUM = 1e-3, 0.9
RATE, BATCH, EPOCHS = 4e-3, 48, 60
BETAS = (0.9, 0.999)
Params = dict[str, Array]
Back = Callable[[Array], Array]


def data() -> tuple[Array, Array]:
    """Images [n, 8, 8, 1] in 0..1 and their digits."""
    found: Any = load_digits()
    images = (found.images / LEVELS).astype(np.float32)[..., None]
    return images, found.target.astype(np.int64)


class Trainer:
    """Parameters with their gradients. A layer returns its result and what carries a gradient back through it."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.params: Params = {}
        self.state: Params = {}
        self.grads: Params = {}
        self.moments: dict[str, list[Array]] = {}
        self.steps = 0

    def param(self, name: str, shape: tuple[int, ...], scale: float, start: float = 0.0) -> Array:
        """The parameter, made when it is first asked for."""
        if name not in self.params:
            self.params[name] = (start + scale * self.rng.standard_normal(shape)).astype(np.float32)
        return self.params[name]

    def conv(self, name: str, x: Array, window: int, channels: int) -> tuple[Array, Back]:
        """A convolution that keeps the size."""
        fan_in = window * window * x.shape[-1]
        kernel = self.param(f"{name}/kernel", (window, window, x.shape[-1], channels), (2 / fan_in) ** 0.5)
        taps = shifted(x, window)
        columns = np.concatenate(taps, axis=-1)
        out = columns @ kernel.reshape(fan_in, channels)

        def back(g: Array) -> Array:
            flat = g.reshape(-1, channels)
            self.grads[f"{name}/kernel"] = (columns.reshape(-1, fan_in).T @ flat).reshape(kernel.shape)
            return unshifted(np.split(g @ kernel.reshape(fan_in, channels).T, window * window, axis=-1), window)

        return out, back

    def depthwise(self, name: str, x: Array) -> tuple[Array, Back]:
        """A 3 x 3 convolution of each channel."""
        channels = x.shape[-1]
        kernel = self.param(f"{name}/depthwise_kernel", (3, 3, channels, 1), (2 / 9) ** 0.5)
        weights = kernel.reshape(9, channels)
        taps = shifted(x, 3)
        out = sum((t * w for t, w in zip(taps, weights, strict=True)), np.zeros_like(x))

        def back(g: Array) -> Array:
            found = [np.einsum("nhwc,nhwc->c", t, g) for t in taps]
            self.grads[f"{name}/depthwise_kernel"] = np.stack(found).reshape(kernel.shape)
            return unshifted([g * w for w in weights], 3)

        return out, back

    def norm(self, name: str, x: Array) -> tuple[Array, Back]:
        """Batch norm over the batch, remembering the statistics for inference."""
        channels = x.shape[-1]
        gamma, beta = self.param(f"{name}/gamma", (channels,), 0, 1), self.param(f"{name}/beta", (channels,), 0)
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        for key, value, start in (("moving_mean", mean, 0.0), ("moving_variance", variance, 1.0)):
            old = self.state.get(f"{name}/{key}", np.full(channels, start, np.float32))
            self.state[f"{name}/{key}"] = (MOMENTUM * old + (1 - MOMENTUM) * value).astype(np.float32)
        deviation = np.sqrt(variance + EPSILON)
        unit = (x - mean) / deviation

        def back(g: Array) -> Array:
            self.grads[f"{name}/gamma"], self.grads[f"{name}/beta"] = (g * unit).sum((0, 1, 2)), g.sum((0, 1, 2))
            centred = g - g.mean((0, 1, 2)) - unit * (g * unit).mean((0, 1, 2))
            return np.asarray(centred * gamma / deviation)

        return unit * gamma + beta, back

    def dense(self, name: str, x: Array, classes: int) -> tuple[Array, Back]:
        """Sums of all features, with a bias."""
        kernel = self.param(f"{name}/kernel", (x.shape[-1], classes), x.shape[-1] ** -0.5)
        bias = self.param(f"{name}/bias", (classes,), 0)

        def back(g: Array) -> Array:
            self.grads[f"{name}/kernel"], self.grads[f"{name}/bias"] = x.T @ g, g.sum(0)
            return np.asarray(g @ kernel.T)

        return x @ kernel + bias, back

    def update(self, rate: float) -> None:
        """One step of Adam (Kingma and Ba 2015)."""
        self.steps += 1
        for name, g in self.grads.items():
            moments = self.moments.setdefault(name, [np.zeros_like(g), np.zeros_like(g)])
            for i, (beta, value) in enumerate(zip(BETAS, (g, g * g), strict=True)):
                moments[i] = beta * moments[i] + (1 - beta) * value
            first, second = (m / (1 - b**self.steps) for m, b in zip(moments, BETAS, strict=True))
            self.params[name] = (self.params[name] - rate * first / (np.sqrt(second) + 1e-8)).astype(np.float32)


def shifted(x: Array, window: int) -> list[Array]:
    """The image as each element of the window sees it, zeros around."""
    edge, (_, h, w, _) = window // 2, x.shape
    padded = np.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    return [padded[:, i : i + h, j : j + w] for i in range(window) for j in range(window)]


def unshifted(parts: list[Array], window: int) -> Array:
    """The sum of what each element of the window gives back to the image."""
    edge, (n, h, w, c) = window // 2, parts[0].shape
    out = np.zeros((n, h + 2 * edge, w + 2 * edge, c), np.float32)
    for k, part in enumerate(parts):
        i, j = divmod(k, window)
        out[:, i : i + h, j : j + w] += part
    return out[:, edge : edge + h, edge : edge + w]


def relu6(x: Array) -> tuple[Array, Back]:
    """Hold x between 0 and 6."""
    return np.clip(x, 0, 6), lambda g: g * ((x > 0) & (x < 6))  # noqa: PLR2004 - the 6 of its name


def pool(x: Array) -> tuple[Array, Back]:
    """The largest of each 2 x 2."""
    n, h, w, c = x.shape
    blocks = x.reshape(n, h // 2, 2, w // 2, 2, c)
    out = blocks.max((2, 4))
    won = blocks == out[:, :, None, :, None]
    return out, lambda g: (won * g[:, :, None, :, None]).reshape(x.shape)


def step(net: Trainer, x: Array, labels: Array, rate: float) -> float:
    """Forward, backward, update; the mean loss."""
    backs: list[Back] = []

    def then(result: tuple[Array, Back]) -> Array:
        backs.append(result[1])
        return result[0]

    def block(name: str, y: Array, window: int, channels: int) -> Array:
        y = then(net.depthwise(name, y)) if not channels else then(net.conv(name, y, window, channels))
        return then(net.norm(f"{name}_bn", y))

    y = then(relu6(block("conv1", x, 3, 16)))
    y = then(relu6(block("depthwise", y, 3, 0)))
    y = then(relu6(block("pointwise", y, 1, 32)))
    short = y = then(pool(y))
    fork = len(backs)
    y = block("conv2", y, 3, 32)
    join = len(backs)
    y = then(relu6(y + short))
    area = y.shape[1] * y.shape[2]
    logits = then(net.dense("dense", y.mean((1, 2)), CLASSES))
    e = np.exp(logits - logits.max(1, keepdims=True))
    chances = e / e.sum(1, keepdims=True)
    rows = np.arange(len(labels))
    g = (chances - np.eye(CLASSES, dtype=np.float32)[labels]) / len(labels)
    g = np.broadcast_to(backs[-1](g)[:, None, None] / area, y.shape)
    g = backs[join](g)
    skip = g
    for back in reversed(backs[fork:join]):
        g = back(g)
    g = g + skip
    for back in reversed(backs[:fork]):
        g = back(g)
    net.update(rate)
    return float(-np.log(chances[rows, labels] + 1e-9).mean())


def moved(images: Array, rng: np.random.Generator) -> Array:
    """Each image moved by at most one pixel: more digits than there are."""
    out = np.empty_like(images)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for k, (i, j) in enumerate(rng.integers(0, 3, (len(images), 2))):
        out[k] = padded[k, i : i + SIZE, j : j + SIZE]
    return out


def train(images: Array, labels: Array, seed: int) -> Trainer:
    """All epochs, with a rate that falls to zero along a cosine."""
    net = Trainer(seed)
    total = EPOCHS * (len(images) // BATCH)
    done = 0
    for epoch in range(EPOCHS):
        order = net.rng.permutation(len(images))
        losses = []
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            rate = RATE * 0.5 * (1 + np.cos(np.pi * done / total))
            losses.append(step(net, moved(images[rows], net.rng), labels[rows], rate))
            done += 1
        sys.stderr.write(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}\n")
    return net


def graph_of(net: Trainer) -> Graph:
    """The trained network, one op a node, batch open."""
    b = GraphBuilder()
    x = b.input("image", (None, SIZE, SIZE, 1))
    values = {**net.params, **net.state}
    same = {"strides": [1, 1, 1, 1], "dilations": [1, 1, 1, 1], "padding": "SAME", "data_format": "NHWC"}

    def block(name: str, y: str, tf_op: str = "Conv2D", kernel: str = "kernel") -> str:
        b.layer = name
        y = b.value(f"{name}/{tf_op}", tf_op, y, b.constant(f"{name}/{kernel}", values[f"{name}/{kernel}"]), **same)
        keys = ("gamma", "beta", "moving_mean", "moving_variance")
        parts = [b.constant(f"{name}_bn/{k}", values[f"{name}_bn/{k}"]) for k in keys]
        return b.value(f"{name}_bn/FusedBatchNormV3", "FusedBatchNormV3", y, *parts, epsilon=EPSILON)

    y = b.value("conv1/Relu6", "Relu6", block("conv1", x))
    y = b.value("depthwise/Relu6", "Relu6", block("depthwise", y, "DepthwiseConv2dNative", "depthwise_kernel"))
    y = b.value("pointwise/Relu6", "Relu6", block("pointwise", y))
    two = [1, 2, 2, 1]
    y = b.value("pool/MaxPool", "MaxPool", y, ksize=two, strides=two, padding="VALID", data_format="NHWC")
    y = b.value("conv2/Relu6", "Relu6", b.value("conv2/add", "AddV2", block("conv2", y), y))
    b.layer = "dense"
    y = b.value("mean", "Mean", y, axis=[1, 2], keep_dims=False)
    y = b.value("dense/MatMul", "MatMul", y, b.constant("dense/kernel", values["dense/kernel"]))
    y = b.value("dense/BiasAdd", "AddV2", y, b.constant("dense/bias", values["dense/bias"]))
    y = b.value("digit", "Softmax", y)
    return b.build([Port(y, y, (None, CLASSES), "float32")], {"name": "digits"})


def accuracy(model: Model, images: Array, labels: Array) -> float:
    """The share of images whose digit has the highest probability."""
    return float((model.predict(images).argmax(1) == labels).mean())


def main() -> None:
    """Train and write, or measure what is there; print the accuracy on both splits."""
    parser = argparse.ArgumentParser(description="Train the zoo's digit classifier, or measure it.")
    parser.add_argument("--check", action="store_true", help="measure the committed model, train nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default=str(Path(digits.__file__).with_name("digits_model")))
    args = parser.parse_args()
    images, labels = data()
    learn, test = digits.split(len(images))
    graph = digits.build() if args.check else graph_of(train(images[learn], labels[learn], args.seed))
    with Model(graph, "cpu") as model:
        rows = {"train": learn, "test": test}
        scores = {name: accuracy(model, images[r], labels[r]) for name, r in rows.items()}
    sys.stdout.write(f"accuracy: train {scores['train']:.4f} ({len(learn)} images), "
                     f"test {scores['test']:.4f} ({len(test)} images)\n")
    if not args.check:
        told = {
            "data": "scikit-learn's bundled digits, every fifth image kept for testing", "seed": args.seed,
            "test_accuracy": round(scores["test"], 4), "test_images": len(test),
        }
        save_graph_model(graph, args.out, metadata=told)


if __name__ == "__main__":
    main()
