"""Random small networks of the kind that the optimizer is for, and a plain interpreter for them in any precision."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port

SIDE = 6
SPELLED = ("clip", "max", "min", "max_min", "leaky", "prelu", "prelu_min", "hard_swish")
ACTIVATIONS = ("Relu", "Relu6", "Elu", "Sigmoid", "Tanh", "LeakyRelu", "Prelu", "Selu", "Softplus")


def evaluate(graph, feeds, dtype=np.float32):
    """The outputs by the ops' references, with all floats in ``dtype``: float64 leaves only what passes rounded."""

    def as_dtype(array):
        return array.astype(dtype) if array.dtype == np.float32 else array

    values = {k: as_dtype(v) for k, v in {**graph.constants, **feeds}.items()}
    for node in graph.nodes:
        given = {a: values[v] for a, v in node.attr_inputs.items()}
        attrs = {**node.attrs, **{a: v.item() if v.ndim == 0 else v for a, v in given.items()}}
        if given:
            attrs = node.definition.resolve_attrs(attrs, node.name)
        results = node.definition.run([values[v] if v else None for v in node.inputs], attrs)
        values.update(zip(node.outputs, results, strict=True))
    return [values[p.value] for p in graph.outputs]


class Net:
    """A graph that grows at random: ``x`` is an image, ``channels`` of it are known, its size is even or odd."""

    def __init__(self, draw):
        self.draw = draw
        self.b = GraphBuilder()
        self.rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.channels = draw(st.integers(1, 4))
        self.batch = draw(st.sampled_from([None, 2, 2]))
        self.x = self.b.input("x", (self.batch, SIDE, SIDE, self.channels))
        self.kept = []

    def choose(self, *options):
        """One of the options."""
        return self.draw(st.sampled_from(options))

    def values(self, *shape, lo=-1.0, hi=1.0):
        """A constant of random numbers."""
        array = self.rng.uniform(lo, hi, shape).astype(np.float32)
        return self.b.constant(self.b.unique("c"), array)

    def add(self, op, *more, **attrs):
        """One more node on the image."""
        self.x = self.b.value(op.lower(), op, self.x, *more, **attrs)

    def channel_shape(self):
        """A shape that is by channel, or one number."""
        return self.choose((self.channels,), (1, 1, 1, self.channels), (1,), ())

    def convolution(self):
        """A convolution of either kind, perhaps behind padding by hand."""
        window, stride = self.choose(1, 2, 3), self.choose(1, 1, 2)
        padding = self.choose("SAME", "VALID", "EXPLICIT")
        attrs = {"strides": [1, stride, stride, 1], "padding": padding, "data_format": "NHWC"}
        if padding != "SAME":
            pads = [0, 0, 1, 2, 2, 1, 0, 0] if padding == "EXPLICIT" else []
            attrs["explicit_paddings"] = pads
            self.add("Pad", paddings=[[0, 0], [1, 1], [self.choose(0, 1), 2], [0, 0]])
        spread = 2.0 / (window * window)
        if self.draw(st.booleans()):
            multiplier = self.choose(1, 2)
            self.add("DepthwiseConv2dNative", self.values(window, window, self.channels, multiplier, lo=-spread,
                                                          hi=spread), **attrs)
            self.channels *= multiplier
        else:
            out = self.choose(1, 2, 3)
            spread /= self.channels
            self.add("Conv2D", self.values(window, window, self.channels, out, lo=-spread, hi=spread), **attrs)
            self.channels = out

    def same_size(self, kind, out):
        """A convolution that keeps the size of the image; windows of 1 read no zeros around it."""
        window = self.choose(1, 3)
        attrs = {"strides": [1, 1, 1, 1], "padding": "SAME", "data_format": "NHWC"}
        if kind == "DepthwiseConv2dNative":
            out = 1
        spread = 2.0 / (window * window * self.channels)
        weights = self.values(window, window, self.channels, out, lo=-spread, hi=spread)
        self.add(kind, weights, **attrs)
        self.channels = weights_channels(kind, self.channels, out)

    def block(self):
        """What networks are made of: convolution, batch norm in either form, activation in either form."""
        self.same_size(self.choose("Conv2D", "DepthwiseConv2dNative"), self.choose(1, 2, 3))
        getattr(self, self.choose("batch_norm", "spelled_norm", "bias"))()
        getattr(self, self.choose("activation", "activation", "spelled_activation"))()

    def norm_first(self):
        """Batch norm in front of a convolution, as in networks with pre-activation."""
        getattr(self, self.choose("batch_norm", "spelled_norm"))()
        self.same_size(self.choose("Conv2D", "DepthwiseConv2dNative"), self.choose(1, 2, 3))

    def shortcut(self):
        """A convolution whose result is added to what it read, and an activation behind the sum."""
        before = self.x
        self.same_size("Conv2D", self.channels)
        self.bias()
        self.x = self.b.value("sum", "AddV2", *self.draw(st.permutations([before, self.x])))
        self.activation()

    def duplicate(self):
        """The same convolution with the same weights, stored twice, of the same image."""
        array = self.rng.uniform(-1, 1, (1, 1, self.channels, 2)).astype(np.float32)
        attrs = {"strides": [1, 1, 1, 1], "padding": "VALID", "data_format": "NHWC"}
        twins = [self.b.value("twin", "Conv2D", self.x, self.b.constant(self.b.unique("c"), array), **attrs)
                 for _ in range(2)]
        self.x, self.channels = self.b.value("product", "Mul", *twins), 2

    def elementwise(self):
        """Sums, products and functions of single numbers in a row: one loop, where a backend can."""
        for op in self.draw(st.lists(st.sampled_from(["Tanh", "Abs", "Neg", "gate", "scale"]), min_size=2, max_size=5)):
            if op == "gate":  # swish
                self.x = self.b.value("gate", "Mul", self.x, self.b.value("sigmoid", "Sigmoid", self.x))
            elif op == "scale":
                self.add("Mul", self.values(*self.channel_shape()))
            else:
                self.add(op)

    def reshapes(self):
        """Reshapes in a row, the last to a shape that is read from the image."""
        shape = self.b.value("shape", "Shape", self.x)
        self.add("Reshape", shape=self.choose([-1], [-1, self.channels]))
        self.b.nodes.append(self.reshape_to(shape))
        self.x = self.b.nodes[-1].name

    def transposes(self):
        """Channels first and back, or not quite back."""
        self.add("Transpose", perm=[0, 3, 1, 2])
        self.add("Transpose", perm=self.choose([0, 2, 3, 1], [0, 2, 3, 1], [0, 3, 2, 1]))

    def casts(self):
        """A mask as numbers, by way of integers."""
        positive = self.b.value("gt", "Greater", self.x, self.b.constant(self.b.unique("n"), np.float32(0)))
        as_int = self.b.value("cast", "Cast", positive, DstT="int32")
        self.add("AddV2", self.b.value("cast", "Cast", as_int, DstT="float32"))

    def batch_norm(self):
        """Batch norm as one node."""
        c = self.channels
        gamma, beta, mean = (self.values(c, lo=0.5, hi=1.5), self.values(c), self.values(c))
        self.add("FusedBatchNormV3", gamma, beta, mean, self.values(c, lo=0.5, hi=2), epsilon=1e-3)

    def spelled_norm(self):
        """Batch norm as sums and products."""
        for op in self.draw(st.lists(st.sampled_from(["Mul", "AddV2", "Sub", "RealDiv"]), min_size=1, max_size=3)):
            array = self.values(*self.channel_shape(), lo=0.5, hi=1.5)
            if self.draw(st.booleans()) and op != "RealDiv":
                self.x = self.b.value(op.lower(), op, array, self.x)
            else:
                self.add(op, array)

    def bias(self):
        """A sum by channel."""
        self.add("AddV2", self.values(*self.channel_shape()))

    def activation(self):
        """One of the activations."""
        op = self.choose(*ACTIVATIONS)
        if op == "Prelu":
            self.add("Prelu", self.values(*self.choose((self.channels,), (1, 1, self.channels), (1,)), lo=0, hi=0.5))
        else:
            self.add(op, **({"alpha": 0.3} if op == "LeakyRelu" else {}))

    def spelled_activation(self):
        """An activation in simpler ops."""
        kind, x, b = self.choose(*SPELLED), self.x, self.b
        number = {n: b.constant(b.unique("n"), np.float32(n)) for n in (0, 0.25, 3, 6)}
        if kind == "clip":
            self.add("ClipByValue", clip_value_min=0.0, clip_value_max=6.0)
        elif kind == "max":
            self.add("Maximum", number[0])
        elif kind == "min":
            self.add("Relu")
            self.add("Minimum", number[6])
        elif kind == "max_min":
            self.add("Minimum", number[6])
            self.add("Maximum", number[0])
        elif kind == "leaky":
            self.x = b.value("leaky", "Maximum", b.value("times", "Mul", x, number[0.25]), x)
        elif kind == "prelu":
            negative = b.value("relu", "Relu", b.value("neg", "Neg", x))
            part = b.value("times", "Mul", self.values(self.channels), negative)
            self.x = b.value("prelu", self.choose("AddV2", "Sub"), b.value("relu", "Relu", x), part)
        elif kind == "prelu_min":
            part = b.value("times", "Mul", self.values(self.channels), b.value("min", "Minimum", x, number[0]))
            self.x = b.value("prelu", "AddV2", b.value("relu", "Relu", x), part)
        else:
            gate = b.value("clipped", "Relu6", b.value("shifted", "AddV2", x, number[3]))
            self.x = b.value("hard_swish", "RealDiv", b.value("gated", "Mul", x, gate), number[6])

    def residual(self):
        """A sum of two branches, which may be the same."""
        y = self.b.value("twin", "Relu", self.x)
        self.x = self.b.value("sum", "AddV2", y, self.b.value("twin", self.choose("Relu", "Abs"), self.x))

    def nothing(self):
        """Something that changes nothing, as dropout does outside training, or undoes itself."""
        kind = self.choose("identity", "pad", "one", "squeeze")
        if kind == "pad":
            self.add("Pad", paddings=[[0, 0]] * 4)
        elif kind == "one":
            self.add("Mul", self.b.constant(self.b.unique("one"), np.float32(1)))
        elif kind == "squeeze":
            self.add("ExpandDims", axis=1)
            self.add("Squeeze", squeeze_dims=[1])
        else:
            self.add("Identity")

    def reshape_to(self, shape):
        """Flat, and then back to a shape that is computed."""
        flat = self.b.value("flat", "Reshape", self.x, shape=[-1])
        node = self.b.node("back", "Reshape", [flat], shape=[-1])
        self.b.nodes.pop()
        attrs = {k: v for k, v in node.attrs.items() if k != "shape"}
        return type(node)(node.name, node.op, node.inputs, attrs, {"shape": shape})

    def of_constants(self):
        """A sum with something that is computed from constants."""
        c = self.b.value("negated", "Neg", self.values(*self.channel_shape()))
        self.add("AddV2", c)

    def unused(self):
        """A node that nothing needs."""
        self.b.value("unused", "Relu", self.x)

    def keep(self):
        """The value so far leaves the network too."""
        self.kept.append(self.x)

    def graph(self):
        """The verified graph."""
        values = list(dict.fromkeys([*self.kept, self.x]))
        return self.b.build([Port(f"out{i}", v, None, "float32") for i, v in enumerate(values)], {})


def weights_channels(kind, channels, out):
    """Channels of what a convolution makes."""
    return channels * out if kind == "DepthwiseConv2dNative" else out


STEPS = (
    "convolution", "convolution", "block", "block", "norm_first", "shortcut", "batch_norm", "spelled_norm", "bias",
    "activation", "spelled_activation", "residual", "duplicate", "elementwise", "reshapes", "transposes", "casts",
    "nothing", "of_constants", "unused", "keep",
)


@st.composite
def nets(draw):
    """(graph, feeds) of a random network; the image stays large enough for its windows."""
    net = Net(draw)
    convolutions = 0
    for step in draw(st.lists(st.sampled_from(STEPS), min_size=3, max_size=10)):
        convolutions += step == "convolution"
        if step != "convolution" or convolutions <= 3:
            getattr(net, step)()
    if draw(st.booleans()):
        net.add("Mean", axis=[1, 2], keep_dims=False)
        net.add("MatMul", net.values(net.channels, 3))
        net.channels = 3
        for step in draw(st.lists(st.sampled_from(["bias1", "activation1"]), max_size=2)):
            if step == "bias1":
                net.add("AddV2", net.values(*draw(st.sampled_from([(3,), (1, 3), ()]))))
            else:
                net.add(draw(st.sampled_from(["Relu", "Sigmoid", "Softmax"])))
    graph = net.graph()
    shape = [2 if d is None else d for d in graph.inputs[0].shape]
    return graph, {"x": net.rng.uniform(-1, 1, shape).astype(np.float32)}
