"""MobileNetV2, width 1.0, 224 x 224 (Sandler et al. 2018), as Keras builds it and the converter leaves it."""

from __future__ import annotations

from tfjslab.graph.ir import Graph
from tfjslab.zoo.entry import ZooEntry
from tfjslab.zoo.random_net import RandomNet

SIZE = 224
CLASSES = 1000
# Table 2 of the paper: expansion, channels, blocks, stride of the first block.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_LAST = 1280


def build(seed: int = 0, *, fused: bool = True) -> Graph:
    """The graph with random weights: [batch, 224, 224, 3] in, 1000 probabilities out.

    Without ``fused``, batch norms and activations are nodes of their own, as in the layers model that Keras saves.
    """
    net = RandomNet("mobilenet_v2", seed, "input_1", SIZE, fused=fused)
    x = net.conv("Conv1", net.input, 3, (3, 32), stride=2, activation="Relu6")
    channels, count = 32, 0
    for expansion, wide, repeats, stride in _STAGES:
        for i in range(repeats):
            block = f"block_{count}" if count else "expanded_conv"
            x = _block(net, block, x, (channels, wide), expansion, stride if i == 0 else 1)
            channels, count = wide, count + 1
    x = net.conv("Conv_1", x, 1, (channels, _LAST), padding="VALID", activation="Relu6")
    x = net.add("global_average_pooling2d", "Mean", x, axis=[1, 2], keep_dims=False)
    # A small gain, so that no class takes all the probability.
    kernel = net.weight("predictions/kernel", [_LAST, CLASSES], _LAST, 0.5)
    logits = net.add(
        "predictions", "_FusedMatMul", x, kernel, net.bias("predictions/bias", CLASSES), fused_ops=["BiasAdd"],
        name="predictions/BiasAdd",
    )
    probabilities = net.add("predictions", "Softmax", logits)
    return net.graph([(probabilities, (None, CLASSES))], ENTRY.doc)


def _block(net: RandomNet, name: str, x: str, channels: tuple[int, int], expansion: int, stride: int) -> str:
    """Inverted residual: widen, filter each channel, narrow without activation, and add the input if it fits."""
    narrow, out = channels
    wide = narrow * expansion
    y = x
    if expansion > 1:
        y = net.conv(f"{name}_expand", x, 1, (narrow, wide), activation="Relu6", gain=1)
    if stride > 1:
        # Keras pads by hand where it halves, so that even sizes stay aligned.
        y = net.add(f"{name}_pad", "Pad", y, paddings=[[0, 0], [0, 1], [0, 1], [0, 0]])
    padding = "VALID" if stride > 1 else "SAME"
    y = net.depthwise(f"{name}_depthwise", y, wide, stride=stride, padding=padding, activation="Relu6")
    y = net.conv(f"{name}_project", y, 1, (wide, out))
    return net.add(f"{name}_add", "AddV2", x, y) if stride == 1 and narrow == out else y


ENTRY = ZooEntry(
    "mobilenet_v2", "MobileNetV2 1.0 224, image classification into 1000 classes", build,
    "https://storage.googleapis.com/tfjs-models/savedmodel/mobilenet_v2_1.0_224/model.json",
)
