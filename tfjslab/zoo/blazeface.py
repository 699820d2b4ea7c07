"""BlazeFace, front camera, 128 x 128 (Bazarevsky et al. 2019).

It scores 896 anchors: two at each of 16 x 16 places and six at each of 8 x 8.
"""

from __future__ import annotations

from tfjslab.graph.ir import Graph
from tfjslab.zoo.entry import ZooEntry
from tfjslab.zoo.random_net import RandomNet

SIZE = 128
# (channels out, stride) of the blocks, first until 16 x 16, then until 8 x 8.
_FINE = (
    (24, 1), (28, 1), (32, 2), (36, 1), (42, 1), (48, 2), (56, 1), (64, 1), (72, 1), (80, 1), (88, 1),
)
_COARSE = ((96, 2), (96, 1), (96, 1), (96, 1), (96, 1))
_COORDINATES = 16  # a box and six points
# A small share of each block is new, so that sixteen sums in a row stay of one size.
_BRANCH = 0.5


def build(seed: int = 0) -> Graph:
    """The graph with random weights: [batch, 128, 128, 3] in, scores and boxes of both kinds of anchors out."""
    net = RandomNet("blazeface", seed, "input", SIZE)
    x = net.conv("conv2d", net.input, 5, (3, 24), stride=2, activation="Relu")
    fine, channels = _blocks(net, x, 24, _FINE, 1)
    coarse, wide = _blocks(net, fine, channels, _COARSE, 1 + len(_FINE))
    outputs: list[tuple[str, tuple[int | None, ...]]] = []
    for head, numbers in (("classificators", 1), ("regressors", _COORDINATES)):
        for i, (features, depth, per_place, side) in enumerate(((fine, channels, 2, 16), (coarse, wide, 6, 8)), 1):
            anchors = side * side * per_place
            name = f"{head}_{i}"
            y = net.conv(f"{name}_conv", features, 1, (depth, per_place * numbers), gain=1)
            value = net.add(name, "Reshape", y, shape=[-1, anchors, numbers], name=name)
            outputs.append((value, (None, anchors, numbers)))
    return net.graph(outputs, ENTRY.doc)


def _blocks(
    net: RandomNet, x: str, channels: int, blocks: tuple[tuple[int, int], ...], first: int,
) -> tuple[str, int]:
    for i, (out, stride) in enumerate(blocks, first):
        x = _block(net, i, x, (channels, out), stride)
        channels = out
    return x, channels


def _block(net: RandomNet, number: int, x: str, channels: tuple[int, int], stride: int) -> str:
    """Depthwise 3 x 3 and 1 x 1 beside a shortcut that is shrunk by max pooling and widened by zeros."""
    narrow, out = channels
    y = net.depthwise(f"depthwise_conv2d_{number}", x, narrow, stride=stride)
    y = net.conv(f"conv2d_{number}", y, 1, channels, padding="VALID", gain=_BRANCH)
    if stride > 1:
        two = [1, 2, 2, 1]
        x = net.add(f"max_pooling2d_{number}", "MaxPool", x, ksize=two, strides=two, padding="SAME")
    if out > narrow:
        x = net.add(f"pad_{number}", "Pad", x, paddings=[[0, 0], [0, 0], [0, 0], [0, out - narrow]])
    return net.add(f"re_lu_{number}", "Relu", net.add(f"add_{number}", "AddV2", y, x))


ENTRY = ZooEntry(
    "blazeface", "BlazeFace front 128, face detection", build,
    "https://tfhub.dev/tensorflow/tfjs-model/blazeface/1/default/1",
)
