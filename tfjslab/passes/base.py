"""What a pass is, and for whom the graph is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tfjslab.passes.draft import Draft


@dataclass(frozen=True)
class Target:
    """Who shall run the result. ``activations`` can stand in ``fused_ops``; ``needs_bias`` if only behind a bias.

    ``unfit`` are (op, activation) pairs that it computes wrongly all the same.
    """

    name: str
    doc: str
    activations: frozenset[str]
    needs_bias: bool
    unfit: frozenset[tuple[str, str]] = frozenset()


# TF.js reads the first of ``fused_ops`` as the bias and only the second as the activation, and knows these.
# Its converter does not read ``leakyrelu_alpha`` of depthwise convolutions: the results are NaN (4.22).
_TFJS = frozenset({"Relu", "Relu6", "Elu", "Sigmoid", "Prelu", "LeakyRelu"})
TARGETS = {t.name: t for t in (
    Target("tfjs", "TensorFlow.js 4 loads it, and so do our backends", _TFJS, needs_bias=True,
           unfit=frozenset({("FusedDepthwiseConv2D", "LeakyRelu")})),
    Target("tfjslab", "our backends only, which fuse more", _TFJS | {"Tanh", "Selu", "Softplus"}, needs_bias=False),
)}


@dataclass(frozen=True)
class Pass:
    """One registry row. ``exact`` passes keep every bit of the outputs, the others round weights anew."""

    name: str
    doc: str
    run: Callable[[Draft, Target], None]
    exact: bool = True
