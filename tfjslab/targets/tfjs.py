"""What TensorFlow.js refuses: by the ops that its converter knows, its backends' kernels, and rules on attributes.

The lists are data, written from the published packages by ``tools/tfjs_facts.py``. Each rule is TensorFlow.js's own,
read in its source and seen in what its backends cpu and wasm answer to the cases of our ops; those of webgl and webgpu
are read in their sources.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tfjslab.base.errors import ModelError
from tfjslab.formats.graph_model.graphdef_writer import spelling
from tfjslab.graph.ir import Graph
from tfjslab.ops.activations import BIAS
from tfjslab.ops.window import dilation_of, pair
from tfjslab.passes.base import TARGETS
from tfjslab.targets.refusal import Refuses, Rule, TargetRefusal, Use, rule, uses

BACKENDS = ("tfjs-cpu", "tfjs-wasm", "tfjs-webgl", "tfjs-webgpu")
_DATA = Path(__file__).with_name("tfjs.json")
_CHANNELS_LAST, _CHANNELS = "NHWC", "C"
_GPU_RANK, _FEW = 6, 4
_NORM_AXES = (1, 2)


@dataclass(frozen=True)
class TfjsFacts:
    """What the packages hold; ``needs`` are the kernels that an op of a file always asks for."""

    made_on: str
    packages: Mapping[str, str]
    converter_ops: frozenset[str]
    kernels: Mapping[str, frozenset[str]]
    needs: Mapping[str, tuple[str, ...]]
    float32_places: Mapping[str, tuple[int, ...]]


@cache
def facts() -> TfjsFacts:
    """The data, read once."""
    found = json.loads(_DATA.read_text(encoding="utf-8"))
    return TfjsFacts(
        found["made_on"], found["packages"], frozenset(found["converter_ops"]),
        {k: frozenset(v) for k, v in found["kernels"].items()}, {k: tuple(v) for k, v in found["needs"].items()},
        {k: tuple(v) for k, v in found["float32_places"].items()},
    )


def source() -> str:
    """Which TensorFlow.js the answers are about."""
    return f"TensorFlow.js {facts().packages['tfjs']}, read on {facts().made_on}"


def refusals(graph: Graph, backend: str) -> tuple[TargetRefusal, ...]:
    """The nodes that TensorFlow.js refuses on one of its backends, in order; each once, for the first reason."""
    found = ((use, _reason(use, backend)) for use in uses(graph))
    return tuple(TargetRefusal(use.node.name, use.node.op, reason) for use, reason in found if reason)


def _reason(use: Use, backend: str) -> str:
    if use.node.op in _LOOPS:
        return ""
    try:
        op = spelling(use.node, use.node.definition).op
    except ModelError:
        return "TensorFlow has no op for it that a file could hold"
    if op not in facts().converter_ops:
        return f"TensorFlow.js has no op {op}"
    broken = next((reason for r in RULES if _applies(r, use, backend) if (reason := r.refuses(use))), "")
    return broken or _missing(use, facts().needs.get(op, ()), backend)


def _applies(found: Rule, use: Use, backend: str) -> bool:
    return (found.ops is None or use.node.op in found.ops) and (not found.backends or backend in found.backends)


def _missing(use: Use, kernels: Iterable[str], backend: str) -> str:
    """Why the kernels cannot run it: one is not there, or its op takes another dtype."""
    for kernel in kernels:
        if backend not in facts().kernels.get(kernel, ()):
            return f"{backend} has no kernel {kernel}"
    if use.node.op in kernels:  # of ops that TensorFlow.js puts together from others, the places are not known
        for place in facts().float32_places.get(use.node.op, ()):
            if use.dtype(place) not in ("", "float32"):
                return f"it takes float32 only, and input {place + 1} is {use.dtype(place)}"
    return ""


# ---- rules: each says why, or "" -------------------------------------------------------------------------------------

_LOOPS = frozenset({"While"})  # written as Enter, Merge, Switch, Exit and NextIteration, which the converter knows


def _grouped(use: Use) -> str:
    image, filters = use.shape(0), use.shape(1)
    if image is None or filters is None:
        return ""
    channels, expected = image[-1 if _layout(use).endswith(_CHANNELS) else 1], filters[-2]
    if channels == expected:
        return ""
    return f"convolutions in groups are not known: filters are for {expected} of {channels} channels"


def _dilated_with_strides(use: Use) -> str:
    attrs, where = use.node.attrs, use.node.name
    strides, dilations = pair(attrs["strides"], attrs["data_format"], where), dilation_of(attrs, where)
    both = max(strides) > 1 and max(dilations) > 1
    return f"strides {list(strides)} together with dilations {list(dilations)}" if both else ""


def _layout(use: Use) -> str:
    return str(use.node.attrs.get("data_format", _CHANNELS_LAST))


def _channels_first(use: Use) -> str:
    layout = _layout(use)
    return "" if layout.endswith(_CHANNELS) else f"its data_format is {layout}"


def _channels_first_ignored(use: Use) -> str:
    layout = _layout(use)
    if layout.endswith(_CHANNELS):
        return ""
    return f"its data_format is {layout}, which is read as {_CHANNELS_LAST}: wrong results"


def _explicit(use: Use) -> str:
    return "explicit paddings" if use.node.attrs["padding"] == "EXPLICIT" else ""


def _fused(use: Use) -> str:
    steps = use.node.attrs.get("fused_ops", ())
    known = TARGETS["tfjs"]
    for step in steps:
        if step != BIAS and step not in known.activations:
            return f"{step} cannot be fused"
        if (use.node.op, step) in known.unfit:
            return f"{step} is computed wrongly when it is fused"
    if steps and steps[0] != BIAS and known.needs_bias:
        return f"{steps[0]} is fused without a bias, and would be left out"
    return ""


def _both_pixel_rules(use: Use) -> str:
    attrs = use.node.attrs
    return "align_corners together with half_pixel_centers" if (
        attrs["align_corners"] and attrs["half_pixel_centers"]) else ""


def _float32_only(places: int) -> Refuses:
    def refuses(use: Use) -> str:
        found = [use.dtype(i) for i in range(places) if use.dtype(i) not in ("", "float32")]
        return f"it takes float32 only, not {found[0]}" if found else ""

    return refuses


def _number_only(use: Use) -> str:
    return "" if use.dtype(0) in ("", "float32", "int32") else f"it takes numbers only, not {use.dtype(0)}"


def _negative_axis(use: Use) -> str:
    axis = use.node.attrs.get("axis", 0)
    return f"its axis is {axis}, and only those from 0 are computed rightly" if axis < 0 else ""


def _scalar(use: Use) -> str:
    return "a scalar, for which it never ends" if use.rank(0) == 0 else ""


def _rank_above(most: int) -> Refuses:
    def refuses(use: Use) -> str:
        ranks = [r for i in range(len(use.inputs)) if (r := use.rank(i)) is not None and r > most]
        return f"tensors of rank {ranks[0]}; it takes up to {most}" if ranks else ""

    return refuses


def _repeated_subscripts(use: Use) -> str:
    terms = str(use.node.attrs["equation"]).replace(" ", "").partition("->")[0].split(",")
    twice = [t for t in terms if len(set(t)) < len(t.replace("...", "."))]
    return f"'{twice[0]}' names a subscript twice" if twice else ""


def _norm_axes(use: Use) -> str:
    axes = use.node.attrs["axis"]
    return "" if axes is None or len(axes) in _NORM_AXES else f"norms along {len(axes)} axes; it takes one or two"


def _always(reason: str) -> Refuses:
    return lambda _use: reason


_CONVOLUTIONS = "Conv2D FusedConv2D"
_POOLS = "MaxPool AvgPool MaxPoolWithArgmax"
_CORES = f"{_CONVOLUTIONS} FusedDepthwiseConv2D _FusedMatMul"
_GPUS = "tfjs-webgl tfjs-webgpu"

RULES: tuple[Rule, ...] = (
    rule(f"{_CONVOLUTIONS} Conv1D Conv3D", _grouped),
    rule(f"{_CONVOLUTIONS} FusedDepthwiseConv2D", _dilated_with_strides),
    rule("DepthwiseConv2dNative", _dilated_with_strides, "tfjs-cpu tfjs-webgl"),
    rule(f"{_CONVOLUTIONS} FusedDepthwiseConv2D", _channels_first, "tfjs-wasm"),
    rule("DepthwiseConv2dNative", _channels_first_ignored, "tfjs-cpu tfjs-wasm tfjs-webgl"),
    rule("FusedDepthwiseConv2D", _channels_first_ignored, "tfjs-cpu tfjs-webgl tfjs-webgpu"),
    rule(f"{_POOLS} FusedBatchNorm Conv2DBackpropInput", _channels_first_ignored),
    rule("DepthToSpace", _channels_first, "tfjs-cpu"),
    rule("Conv1D Conv3D", _channels_first),
    rule("MaxPool AvgPool MaxPool3D AvgPool3D Conv1D Conv3D Dilation2D", _explicit),
    rule(_CORES, _fused),
    rule("ResizeBilinear ResizeNearestNeighbor", _both_pixel_rules),
    rule("BatchMatMul _FusedMatMul", _float32_only(2), "tfjs-wasm"),
    rule("MaxPool", _float32_only(1), "tfjs-wasm"),
    rule("Cumsum Cumprod", _number_only, "tfjs-wasm"),
    rule("Cumsum Cumprod", _negative_axis),
    rule("Cumsum Cumprod", _scalar, "tfjs-wasm"),
    rule("Einsum", _repeated_subscripts),
    rule("EuclideanNorm", _norm_axes),
    rule("EnsureShape", _always("the converter cannot read its shape")),
    rule("BitwiseAnd", _always("the converter cannot read its inputs")),
    rule("RaggedGather RaggedRange RaggedTensorToTensor", _always("the converter knows it, but nothing runs it")),
    rule("", _rank_above(_GPU_RANK), _GPUS),
    rule("Reverse", _rank_above(_FEW), "tfjs-webgl"),
    rule("Select SelectV2 SpaceToBatchND BatchToSpaceND", _rank_above(_FEW), _GPUS),
)
