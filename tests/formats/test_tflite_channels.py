"""Models with channels first, written to .tflite: LiteRT computes what they do, and transposes only at their ends."""

from __future__ import annotations

import numpy as np
import pytest
from support import litert

import tfjslab as tf
from tfjslab.base.errors import UnknownOpError
from tfjslab.formats.tflite.serialize import serialize
from tfjslab.formats.tflite.writer.graph import tflite_file
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port

IMAGE = np.linspace(-1, 1, 2 * 3 * 6 * 5, dtype=np.float32).reshape(2, 3, 6, 5)


def weights(b, *shape):
    return b.constant(b.unique("w"), np.random.default_rng(len(b.constants)).normal(size=shape).astype(np.float32))


def network(image=(2, 3, 6, 5)):
    """Convolutions, a depthwise and a transposed one, pools, sums with a number for each channel, and blocks."""
    b, first = GraphBuilder(), {"data_format": "NCHW"}
    x = b.input("image", image)
    y = b.value("conv", "Conv2D", x, weights(b, 3, 3, 3, 4), strides=[1, 1, 2, 1], padding="SAME", **first)
    y = b.value("moved", "AddV2", b.value("bent", "Relu", y), weights(b, 4, 1, 1))
    y = b.value("padded", "DepthwiseConv2dNative", y, weights(b, 3, 2, 4, 2), strides=[1, 1, 1, 1], padding="EXPLICIT",
                explicit_paddings=[0, 0, 0, 0, 2, 1, 0, 1], **first)
    y = b.value("pool", "MaxPool", y, ksize=[1, 1, 1, 2], strides=[1, 1, 1, 1], padding="SAME", **first)
    y = b.value("twice", "AddV2", y, y)
    y = b.value("mean", "AvgPool", y, ksize=[1, 1, 2, 2], strides=[1, 1, 2, 2], padding="VALID", **first)
    blocks = b.value("blocks", "DepthToSpace", y, block_size=2, **first)
    ends = {"y": b.value("out", "Sigmoid", blocks), "mean": y}
    return b.build([Port(name, value, None, "float32") for name, value in ends.items()], {})


def written(graph):
    """The file, and its operators."""
    file = tflite_file(graph)
    return serialize(file), [o.name for o in file.subgraphs[0].operators]


def ran(graph, *fed):
    with tf.Model(graph, "cpu") as model:
        return model.execute(list(fed), [p.name for p in model.outputs])


def test_litert_computes_the_same_and_transposes_at_the_ends_only():
    data, operators = written(network())
    assert operators.count("TRANSPOSE") == 3  # the image, and each output
    for found, wanted in zip(litert.answers(data, [IMAGE]), ran(network(), IMAGE), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_what_is_computed_with_another_tensor_takes_the_value_with_channels_first():
    b = GraphBuilder()
    x, other = b.input("image", (2, 3, 6, 5)), b.input("other", (5,))
    y = b.value("conv", "Conv2D", x, weights(b, 1, 1, 3, 2), strides=[1, 1, 1, 1], padding="SAME", data_format="NCHW")
    graph = b.build([Port("y", b.value("sum", "AddV2", y, other), None, "float32")], {})
    data, operators = written(graph)
    assert operators == ["TRANSPOSE", "CONV_2D", "TRANSPOSE", "ADD"]
    fed = IMAGE, np.arange(5, dtype=np.float32)
    np.testing.assert_allclose(litert.answers(data, fed)[0], ran(graph, *fed)[0], atol=1e-5)


@pytest.mark.parametrize("batch", [(2,), ()])
def test_lines_with_channels_first_need_a_batch(batch):
    b = GraphBuilder()
    x = b.input("line", (*batch, 3, 9))
    y = b.value("conv", "Conv1D", x, weights(b, 3, 3, 4), stride=2, padding="SAME", data_format="NCW")
    graph = b.build([Port("y", y, None, "float32")], {})
    if not batch:
        with pytest.raises(UnknownOpError, match=r"'conv' \(Conv1D\): its data_format is NCW without a batch; give it"):
            written(graph)
        return
    line = IMAGE.reshape(-1)[: 54].reshape(2, 3, 9)
    np.testing.assert_allclose(litert.answers(written(graph)[0], [line])[0], ran(graph, line)[0], atol=1e-5)
