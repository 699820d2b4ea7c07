"""What becomes of the patterns that optimizing is for: every spelling of an activation runs with its core."""

import numpy as np
import pytest
from support.nets import evaluate

from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port
from tfjslab.model.model import Model
from tfjslab.passes.registry import run_passes

RNG = np.random.default_rng(3)
WINDOW = {"strides": [1, 1, 1, 1], "padding": "SAME", "data_format": "NHWC"}
SIDE, CHANNELS = 6, 8


def values(*shape):
    return RNG.uniform(-0.5, 0.5, shape).astype(np.float32)


class Line:
    """A graph that grows at its end ``x``."""

    def __init__(self, *shape):
        self.b = GraphBuilder()
        self.x = self.b.input("x", shape)

    def const(self, array):
        """A constant."""
        return self.b.constant(self.b.unique("c"), np.float32(array))

    def do(self, op, *more, **attrs):
        """One more node."""
        self.x = self.b.value(op.lower(), op, self.x, *more, **attrs)
        return self.x

    def graph(self):
        """The graph up to here."""
        return self.b.build([Port("y", self.x, None, "float32")], {})


def conv():
    line = Line(1, SIDE, SIDE, CHANNELS)
    line.do("Conv2D", line.const(values(3, 3, CHANNELS, CHANNELS)), **WINDOW)
    return line


def depthwise():
    line = Line(1, SIDE, SIDE, CHANNELS)
    line.do("DepthwiseConv2dNative", line.const(values(3, 3, CHANNELS, 1)), **WINDOW)
    return line


def dense():
    line = Line(1, 2 * CHANNELS)
    line.do("MatMul", line.const(values(2 * CHANNELS, CHANNELS)))
    return line


def padded_conv():
    line = Line(1, SIDE, SIDE, CHANNELS)
    line.do("Pad", paddings=[[0, 0], [0, 1], [0, 1], [0, 0]])
    line.do("Conv2D", line.const(values(3, 3, CHANNELS, CHANNELS)), **{**WINDOW, "strides": [1, 2, 2, 1],
                                                                      "padding": "VALID"})
    return line


def prelu(line):
    x = line.x
    product = line.b.value("times", "Mul", line.const(-np.abs(values(CHANNELS))),
                           line.b.value("relu", "Relu", line.b.value("neg", "Neg", x)))
    line.x = line.b.value("sum", "AddV2", line.b.value("relu", "Relu", x), product)


def leaky(line):
    line.x = line.b.value("max", "Maximum", line.b.value("times", "Mul", line.x, line.const(0.2)), line.x)


def relu6_min(line):
    line.do("Minimum", line.const(6))
    line.do("Maximum", line.const(0))


def hard_swish(order):
    def spell(line):
        x = line.x
        gate = line.b.value("clip", "Relu6", line.b.value("plus", "AddV2", x, line.const(3)))
        if order == "gate / 6":
            gate = line.b.value("sixth", "RealDiv", gate, line.const(6))
        line.x = line.b.value("gated", "Mul", x, gate)
        if order == "product / 6":
            line.do("RealDiv", line.const(6))
        elif order == "product * 1/6":
            line.do("Mul", line.const(1 / 6))

    return spell


def swish(line):
    line.x = line.b.value("gated", "Mul", line.x, line.b.value("gate", "Sigmoid", line.x))


def residual(line):
    """The sum with what the core has read, and an activation."""
    line.do("AddV2", "x")
    line.do("Relu")


ACTIVATIONS = {
    "relu": lambda line: line.do("Relu"), "relu6": lambda line: line.do("Relu6"), "elu": lambda line: line.do("Elu"),
    "sigmoid": lambda line: line.do("Sigmoid"), "leaky": lambda line: line.do("LeakyRelu", alpha=0.1),
    "prelu": lambda line: line.do("Prelu", line.const(values(CHANNELS))),
    "relu6, clip": lambda line: line.do("ClipByValue", clip_value_min=0.0, clip_value_max=6.0),
    "relu6, min and max": relu6_min, "leaky, max": leaky, "prelu, two relus": prelu, "swish": swish,
    **{f"hard-swish, {order}": hard_swish(order) for order in ("gate / 6", "product / 6", "product * 1/6")},
}
CORES = {"conv": conv, "depthwise": depthwise, "dense": dense, "padded conv": padded_conv}


def kernels(graph, backend="wasm-simd"):
    """After all passes, what the backend's plan runs; its outputs are those of the graph that was given.

    That the last image is brought into the order of axes that callers know is no part of it.
    """
    made, _ = run_passes(graph, target="tfjslab")
    x = {"x": RNG.uniform(-1, 1, graph.inputs[0].shape).astype(np.float32)}
    with Model(made, backend) as model:
        np.testing.assert_allclose(model.predict(x), evaluate(graph, x)[0], rtol=1e-5, atol=2e-6)
        return [(c.kernel, c.fallback) for info in model.prepare(x) for c in info.commands if c.kernel != "Transpose"]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("core", CORES)
def test_bias_batch_norm_and_any_activation_run_with_their_core_as_one_kernel(core, activation):
    line = CORES[core]()
    line.do("AddV2", line.const(values(CHANNELS)))
    if core != "dense":
        line.do("FusedBatchNormV3", *(line.const(np.abs(values(CHANNELS)) + 0.5) for _ in range(4)), epsilon=1e-3)
    ACTIVATIONS[activation](line)
    found = kernels(line.graph())
    assert len(found) == 1
    assert not found[0][1]


@pytest.mark.parametrize("core", ["conv", "depthwise"])
def test_a_residual_sum_and_its_activation_run_with_their_convolution_as_one_kernel(core):
    line = CORES[core]()
    residual(line)
    assert len(kernels(line.graph())) == 1


def test_sums_and_functions_in_a_row_are_one_loop():
    line = Line(1, SIDE, SIDE, CHANNELS)
    for op in ("Tanh", "Abs", "Square", "Neg"):
        line.do(op)
    line.do("Mul", line.const(values(CHANNELS)))
    swish(line)
    line.do("AddV2", "x")
    assert len(kernels(line.graph())) == 1


@pytest.mark.parametrize("core", ["conv", "none", "constant"])
def test_parts_that_double_at_each_step_of_a_chain_are_looked_at_once(core):
    """Each product reads the one before it twice: as a tree that would be 2 ** 40 nodes."""
    line = conv() if core == "conv" else Line(1, SIDE, SIDE, CHANNELS)
    if core == "constant":
        line.x = line.const(values(1, SIDE, SIDE, CHANNELS))
    line.do("AddV2", line.const(values(CHANNELS)))
    line.do("Sign")
    for _ in range(40):
        line.do("Mul", line.x)
    line.do("AddV2", "x" if core == "constant" else line.const(values(CHANNELS)))
    with Model(line.graph(), "wasm-simd") as model, Model(line.graph(), "cpu") as reference:
        x = RNG.uniform(-1, 1, model.inputs[0].shape).astype(np.float32)
        np.testing.assert_allclose(model.predict(x), reference.predict(x), rtol=1e-6)
