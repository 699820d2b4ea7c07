"""Rewrites a float32 graph so that chosen nodes run in integers; tensors change their encoding where the two meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.graph.ir import Graph, Node
from tfjslab.graph.verify import verify
from tfjslab.ops import registry
from tfjslab.ops.registry import Spec
from tfjslab.ops.window import pair
from tfjslab.quantization.choose import MERGED, Choice, dense_weights, slopes_of
from tfjslab.quantization.scheme import (
    Scale,
    add_parameters,
    mean_parameters,
    prelu_parameters,
    quantize_symmetric,
    quantize_weights,
)

_WINDOW_ATTRS = ("strides", "padding", "dilations", "explicit_paddings")


@dataclass
class Rewriter:
    """The graph being made. A value has an integer form (``name/int8``), a float form (its own name), or both."""

    graph: Graph
    specs: Mapping[str, Spec]
    scales: Mapping[str, Scale]
    means: Mapping[str, Array]
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    integers: dict[str, str] = field(default_factory=dict)
    encodings: dict[str, Scale] = field(default_factory=dict)
    floats: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    merged: dict[str, Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Inputs and constants are float32 at the start."""
        self.constants.update(self.graph.constants)
        self.floats.update(self.constants, (p.value for p in self.graph.inputs))
        self.taken.update(self.floats, (n.name for n in self.graph.nodes))

    def name(self, wanted: str) -> str:
        """A name that nothing has yet."""
        found, count = wanted, 0
        while found in self.taken:
            count += 1
            found = f"{wanted}_{count}"
        self.taken.add(found)
        return found

    def emit(self, name: str, op: str, inputs: Sequence[str], layer: str, attrs: Mapping[str, Any]) -> str:
        """Add a node of one output."""
        resolved = registry.get(op).resolve_attrs(attrs, f"node '{name}'")
        self.nodes.append(Node(name, op, tuple(inputs), resolved, layer=layer))
        return name

    def integer(self, value: str) -> str:
        """The integer form of a value, made where it is first wanted."""
        if value not in self.integers:
            scale = self.scales[value]
            self.integers[value] = self.emit(
                self.name(f"{value}/int8"), "Quantize", (value,), "", {"scale": scale.scale, "zero": scale.zero},
            )
            self.encodings[value] = scale
        return self.integers[value]

    def real(self, value: str) -> None:
        """Make sure that the float form of a value exists."""
        if value and value not in self.floats:
            scale = self.encodings[value]
            self.emit(value, "Dequantize", (self.integers[value],), "", {"scale": scale.scale, "zero": scale.zero})
            self.floats.add(value)

    def quantized(self, node: Node, op: str, inputs: Sequence[str], scale: Scale, attrs: Mapping[str, Any]) -> None:
        """Add the integer form of a node, whose output has the encoding ``scale``."""
        self.integers[node.name] = self.emit(self.name(f"{node.name}/int8"), op, inputs, node.layer, attrs)
        self.encodings[node.name] = scale

    def keep(self, node: Node) -> None:
        """Add a node that stays float32."""
        for v in node.uses:
            self.real(v)
        self.nodes.append(node)
        self.floats.update(node.outputs)

    def merge(self, node: Node) -> None:
        """Leave a sum to the activation behind it."""
        self.merged[node.name] = node

    def operands(self, node: Node) -> tuple[str, ...]:
        """The values that an activation works on: its input, or the two of the sum that it takes in."""
        before = self.merged.get(node.inputs[0])
        return node.inputs[:1] if before is None else before.inputs

    def constant(self, name: str, array: Array) -> str:
        """Add a constant."""
        found = self.name(name)
        self.constants[found] = array
        return found


@dataclass(frozen=True, eq=False)
class Rewritten:
    """The new graph; for each value that has an integer form its name and its encoding."""

    graph: Graph
    integers: Mapping[str, str]
    encodings: Mapping[str, Scale]


def rewrite(
    graph: Graph, choices: Sequence[Choice], specs: Mapping[str, Spec], scales: Mapping[str, Scale],
    means: Mapping[str, Array] = MappingProxyType({}),
) -> Rewritten:
    """The graph with all nodes in their chosen form; verified. ``scales`` has every value that becomes integer.

    ``means`` are those of the channels of values, as far as they are known: see ``quantize_weights``.
    """
    r = Rewriter(graph, specs, scales, means)
    for c in choices:
        _FORMS[c.form](r, c.node)
    for port in graph.outputs:
        r.real(port.value)
    used = {v for n in r.nodes for v in n.uses} | {p.value for p in graph.outputs}
    constants = {k: v for k, v in r.constants.items() if k in used}
    made = graph.with_(nodes=tuple(r.nodes), constants=constants)
    verify(made)
    return Rewritten(made, r.integers, r.encodings)


def encoded(graph: Graph, choices: Sequence[Choice]) -> list[str]:
    """The values whose range must be known to ``rewrite``."""
    weighted = [c.node for c in choices if c.form and c.form != "dynamic"]
    found = dict.fromkeys(v for n in weighted for v in (*n.inputs, n.name) if v not in graph.constants)
    return list(found)


def cuts(graph: Graph, choices: Sequence[Choice]) -> list[tuple[str, str, bool]]:
    """Values whose range another value bounds: (value, the other summand, whether a ReLU6 cuts at the top as well).

    What a value has below minus the other's largest becomes 0 in the ReLU behind the sum, whatever it is, and needs no
    steps. Only values that nothing else reads, and that have an encoding of their own.
    """
    uses = Counter(v for n in graph.nodes for v in n.uses)
    kept = {p.value for p in graph.outputs}
    forms = {c.node.name: c.form for c in choices}
    active = {c.node.inputs[0]: c.node.op for c in choices if c.form == "clamp"}
    found = []
    for c in choices:
        if c.form == MERGED and c.node.name in active:
            a, b = c.node.inputs
            found += [(v, w, active[c.node.name] == "Relu6") for v, w in ((a, b), (b, a))
                      if uses[v] == 1 and v not in kept and forms.get(v) in ("conv", "depthwise", "dense")]
    return found


def _weighted(op: str, arrange: Callable[[Node, Array], Array]) -> Callable[[Rewriter, Node], None]:
    """A form whose weights are laid out by ``arrange`` with channels last."""

    def form(r: Rewriter, node: Node) -> None:
        x = r.integer(node.inputs[0])
        source, target = r.encodings[node.inputs[0]], r.scales[node.name]
        filters = r.graph.constants[node.inputs[1]]
        bias = r.graph.constants[node.inputs[2]] if "BiasAdd" in node.attrs.get("fused_ops", ()) else None
        # Depthwise kernels have few products for a sum and gain nothing from short ones.
        short = op != "QuantizedDepthwiseConv2D"
        arranged, mean = arrange(node, filters), r.means.get(node.inputs[0])
        if mean is not None:  # of input channels, which stand last but one, or are the channels themselves
            mean = mean[:, None] if short else np.repeat(mean, arranged.shape[-1] // mean.size)
        w = quantize_weights(arranged, bias, source, target, short=short, mean=mean)
        # Channels were merged for the scales; only a matrix keeps its new form, which is transposed at most.
        integers = w.filter.reshape(filters.shape) if op == "QuantizedDepthwiseConv2D" else w.filter
        weights = [
            r.constant(f"{node.name}/{k}", v)
            for k, v in (("filter", integers), ("bias", w.bias), ("multiplier", w.multiplier))
        ]
        attrs = {k: v for k, v in node.attrs.items() if k in _WINDOW_ATTRS}
        numbers = {"zero": source.zero, "out_zero": target.zero, "shift": w.shift}
        r.quantized(node, op, (x, *weights), target, {**attrs, **numbers})

    return form


def _by_multiplier(_node: Node, filters: Array) -> Array:
    """Depthwise filters: a channel is an input channel and which of its outputs."""
    return filters.reshape(*filters.shape[:2], -1)


_NOTHING = Scale(0.0, 0)  # of a second operand that counts for nothing


def _sum(r: Rewriter, operands: Sequence[str], target: Scale) -> tuple[tuple[str, str], dict[str, int]]:
    """The inputs and attributes of a QuantizedAdd of one or two operands."""
    names = [r.integer(v) for v in operands]
    scales = [*(r.encodings[v] for v in operands), _NOTHING]
    return (names[0], names[-1]), add_parameters(scales[0], scales[1], target)


def _add(r: Rewriter, node: Node) -> None:
    target = r.scales[node.name]
    inputs, attrs = _sum(r, node.inputs, target)
    r.quantized(node, "QuantizedAdd", inputs, target, attrs)


def _clamp(r: Rewriter, node: Node) -> None:
    """A ReLU: the output's encoding begins at 0, where integers are cut off."""
    target = r.scales[node.name]
    inputs, attrs = _sum(r, r.operands(node), target)
    r.quantized(node, "QuantizedAdd", inputs, target, attrs)


def _prelu(r: Rewriter, node: Node) -> None:
    operands, target = r.operands(node), r.scales[node.name]
    names = [r.integer(v) for v in operands]
    scales = [*(r.encodings[v] for v in operands), _NOTHING]
    slopes = slopes_of(node, r.graph, r.specs[node.name].known_shape[-1])
    if slopes is None:  # ``choose`` has asked already
        raise UsageError(f"node '{node.name}': no slope for each channel")
    attrs, whole = prelu_parameters(scales[0], scales[1], r.scales[node.inputs[0]].peak, target, slopes)
    inputs = (names[0], names[-1], r.constant(f"{node.name}/slope", whole))
    r.quantized(node, "QuantizedPrelu", inputs, target, attrs)


def _move(r: Rewriter, node: Node) -> None:
    """The op itself, on bytes, with the encoding of what it moves."""
    x = r.integer(node.inputs[0])
    r.quantized(node, node.op, (x,), r.encodings[node.inputs[0]], node.attrs)


def _pad(r: Rewriter, node: Node) -> None:
    x = r.integer(node.inputs[0])
    scale = r.encodings[node.inputs[0]]
    r.quantized(node, node.op, (x,), scale, {**node.attrs, "constant_value": float(scale.zero)})


def _concat(r: Rewriter, node: Node) -> None:
    """Inputs take the encoding of the output, those that have another are requantized."""
    target, names = r.scales[node.name], []
    for v in node.inputs:
        name = r.integer(v)
        if r.encodings[v] != target:
            inputs, attrs = _sum(r, (v,), target)
            name = r.emit(r.name(f"{node.name}/{v}/int8"), "QuantizedAdd", inputs, node.layer, attrs)
        names.append(name)
    r.quantized(node, node.op, names, target, node.attrs)


def _max(r: Rewriter, node: Node) -> None:
    attrs = {k: node.attrs[k] for k in ("ksize", "strides", "padding", "explicit_paddings")}
    x = r.integer(node.inputs[0])
    r.quantized(node, "QuantizedPool", (x,), r.encodings[node.inputs[0]], {"mode": "max", **attrs})


def _mean(r: Rewriter, node: Node) -> None:
    x, target = r.integer(node.inputs[0]), r.scales[node.name]
    if node.op == "Mean":
        size = r.specs[node.inputs[0]].known_shape[1:3]
        attrs: dict[str, Any] = {"ksize": size, "squeeze": not node.attrs["keep_dims"]}
    else:
        size = pair(node.attrs["ksize"], "NHWC", node.name)
        attrs = {k: node.attrs[k] for k in ("ksize", "strides", "padding", "explicit_paddings")}
    numbers = mean_parameters(r.encodings[node.inputs[0]], target, size[0] * size[1])
    r.quantized(node, "QuantizedPool", (x,), target, {"mode": "sum", **attrs, **numbers})


def _dynamic(r: Rewriter, node: Node) -> None:
    """Weights become integers here, activations when it runs; what is fused behind the bias follows as float."""
    r.real(node.inputs[0])
    filters, scales = quantize_symmetric(dense_weights(node, r.graph.constants[node.inputs[1]]))
    inputs = [node.inputs[0], r.constant(f"{node.name}/filter", filters), r.constant(f"{node.name}/scales", scales)]
    steps = list(node.attrs.get("fused_ops", ()))
    names = [node.name if i == len(steps) - 1 else r.name(f"{node.name}/{s}") for i, s in enumerate(steps)]
    first = r.name(f"{node.name}/product") if steps else node.name
    value = r.emit(first, "DynamicQuantizedDense", inputs, node.layer, {})
    for step, name in zip(steps, names, strict=True):
        given = (value, node.inputs[2]) if step == "BiasAdd" else (value,)
        op = "Add" if step == "BiasAdd" else step
        r.nodes.append(replace(Node(name, op, given), layer=node.layer, attrs=registry.get(op).resolve_attrs({}, name)))
        value = name
    r.floats.add(node.name)


_FORMS: dict[str, Callable[[Rewriter, Node], None]] = {
    "": Rewriter.keep,
    "conv": _weighted("QuantizedConv2D", lambda _node, w: w),
    "depthwise": _weighted("QuantizedDepthwiseConv2D", _by_multiplier),
    "dense": _weighted("QuantizedDense", dense_weights),
    "add": _add,
    "clamp": _clamp,
    "prelu": _prelu,
    MERGED: Rewriter.merge,
    "move": _move,
    "pad": _pad,
    "concat": _concat,
    "max": _max,
    "mean": _mean,
    "dynamic": _dynamic,
}
