"""From the IR to GraphDef JSON: nodes by the registry's spelling, constants, functions."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfjslab.base import dtypes
from tfjslab.base.dtypes import Array, of_array
from tfjslab.base.errors import ModelError
from tfjslab.formats.graphdef import FUNCTION_ATTRS, NODE_NAME
from tfjslab.formats.strict_json import show
from tfjslab.graph.ir import Dims, Graph, Node, Port
from tfjslab.ops.attrs import Attr
from tfjslab.ops.registry import OpDef, Tf

_WINDOWS = ("strides", "dilations", "ksize")
_TENSOR_DTYPES = {"int": np.int32, "ints": np.int32, "pairs": np.int32, "dims": np.int32, "float": np.float32,
                  "bool": np.bool_, "bools": np.bool_}


@dataclass
class GraphDefWriter:
    """Collects one graph's nodes; ``weights`` is shared by a model and its functions, as it is in TF.js."""

    graph: Graph
    weights: dict[str, Array]
    nodes: list[dict[str, Any]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def unique(self, wanted: str) -> str:
        """A node name as close to ``wanted`` as can be."""
        base = "".join("_" if c in ":^" or c.isspace() else c for c in wanted) or "node"
        name, count = base, 0
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self.taken.add(name)
        return name

    def write(self) -> None:
        """Inputs, constants and nodes, in the graph's order. Names of outputs are kept free for ``output``."""
        kept = {p.name for p in self.graph.outputs if p.name != p.value}
        for node in self.graph.nodes:
            for i, value in enumerate(node.outputs):
                self.names[value] = node.name if i == 0 else f"{node.name}:{i}"
        self.taken |= {n.name for n in self.graph.nodes} | {p.value for p in self.graph.inputs} | kept
        for port in self.graph.inputs:
            self.names[port.value] = port.value
        for name, array in self.graph.constants.items():
            self.names[name] = self.constant(name, array)
        for node in self.graph.nodes:
            self.node(node)

    def inputs(self) -> None:
        """Placeholders for the inputs (functions have arguments instead)."""
        for port in self.graph.inputs:
            dtype, shape = dtypes.to_tf(port.dtype or "float32"), shape_json(port.shape)
            attr = {"dtype": {"type": dtype}, "shape": {"shape": shape}}
            self.nodes.append({"name": port.value, "op": "Placeholder", "attr": attr})

    def constant(self, wanted: str, array: Array) -> str:
        """A Const node whose value stands among the weights."""
        same = self.weights.get(wanted)
        free = wanted not in self.taken and (same is None or same is array)
        name = wanted if free and NODE_NAME.fullmatch(wanted) else self.unique(wanted)
        while name in self.weights and self.weights[name] is not array:
            name = self.unique(wanted)
        self.taken.add(name)
        self.weights[name] = array
        dtype = dtypes.to_tf(of_array(array))
        value = {"tensor": {"dtype": dtype, "tensorShape": shape_json(array.shape)}}
        self.nodes.append({"name": name, "op": "Const", "attr": {"dtype": {"type": dtype}, "value": value}})
        return name

    def node(self, node: Node) -> None:
        """One node of the IR, with Const nodes for the attributes that files give as tensors."""
        definition = node.definition
        form = spelling(node, definition)
        known = {a.name: a for a in definition.attrs}
        as_tensor = {w[1:].strip("?") for w in form.args.split() if w.startswith("@")}
        inputs: list[str] = []
        attr: dict[str, Any] = {}
        for word in form.args.split():
            if word.startswith("@"):
                inputs.append(self._attribute(node, known[word[1:].strip("?")]))
                continue
            values = values_of(node, definition, word)
            inputs += [self.names[v] for v in values]
            if word.startswith("*"):
                attr["num_args" if word == "*args" else "N"] = {"i": str(len(values))}
        for name, value in node.attrs.items():
            if name not in as_tensor and name not in form.fixed and value is not None:
                attr[form.rename.get(name, name)] = attr_json(known[name], node, value)
        attr.update({k: {"b": v} if isinstance(v, bool) else _text(v) for k, v in form.only.items() if k not in attr})
        self.nodes.append({"name": node.name, "op": form.op, "input": inputs, "attr": attr})

    def _attribute(self, node: Node, attribute: Attr) -> str:
        if attribute.name in node.attr_inputs:
            return self.names[node.attr_inputs[attribute.name]]
        dtype = _TENSOR_DTYPES.get(attribute.kind)
        value = np.asarray(node.attrs[attribute.name], dtype)
        value = value.reshape(-1, 2) if attribute.kind == "pairs" else value
        return self.constant(f"{node.name}/{attribute.name}", value)

    def output(self, port: Port) -> str:
        """The file's name of an output: its value, behind an Identity where the two are called differently."""
        if self.names[port.value] == port.name:
            return port.name
        free = NODE_NAME.fullmatch(port.name) and port.name not in self.names.values()
        name = port.name if free else self.unique(port.name)
        self.nodes.append({"name": name, "op": "Identity", "input": [self.names[port.value]], "attr": {}})
        return name


def spelling(node: Node, definition: OpDef) -> Tf:
    """The spelling that says what the node does: the preferred one whose tensors and fixed attributes are there."""
    for form in sorted(definition.tf, key=lambda f: not f.write):
        needed = [w[1:] for w in form.args.split() if w.startswith("@") and not w.endswith("?")]
        given = all(node.attrs.get(a) is not None or a in node.attr_inputs for a in needed)
        if given and all(node.attrs.get(k) == v for k, v in form.fixed.items()):
            return form
    fault = f"node {show(node.name)} ({node.op}) cannot be written: TensorFlow has no op for it"
    raise ModelError(fault, code="model.write")


def values_of(node: Node, definition: OpDef, word: str) -> list[str]:
    """The node's values for one word of a spelling."""
    bare = word.strip("*?")
    names = [n.strip("*?") for n in definition.inputs]
    position = names.index(bare)
    if word.startswith("*"):
        end = len(node.inputs) - (len(names) - position - 1)
        return [v for v in node.inputs[position:end] if v]
    star = next((i for i, n in enumerate(definition.inputs) if n.startswith("*")), len(names))
    index = position if position <= star else position - len(names)
    return [v for v in node.inputs[index : index + 1 or None] if v]


def shape_json(dims: Dims | None) -> dict[str, Any]:
    """A TensorShapeProto."""
    return {"unknownRank": True} if dims is None else {"dim": [{"size": str(-1 if d is None else d)} for d in dims]}


def _text(value: str) -> dict[str, str]:
    return {"s": base64.b64encode(value.encode()).decode()}


def attr_json(attribute: Attr, node: Node, value: Any) -> dict[str, Any]:
    """An AttrValue of the attribute's kind."""
    if attribute.name in FUNCTION_ATTRS:
        return {"func": {"name": value}}
    if attribute.name in _WINDOWS:
        value = _four(value, node.attrs.get("data_format", "NHWC"))
    if attribute.kind not in _ENCODERS:
        raise ModelError(f"node {show(node.name)}: attribute '{attribute.name}' cannot be written", code="model.write")
    return _ENCODERS[attribute.kind](value)


_WORDS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_ENCODERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "int": lambda v: {"i": str(v)}, "float": lambda v: {"f": v if np.isfinite(v) else _WORDS[str(v)]},
    "bool": lambda v: {"b": v}, "dtype": lambda v: {"type": dtypes.to_tf(v)}, "str": _text, "word": _text,
    "ints": lambda v: {"list": {"i": [str(i) for i in v]}},
    "strs": lambda v: {"list": {"s": [_text(s)["s"] for s in v]}},
    "dims": lambda v: {"shape": shape_json(tuple(None if d < 0 else d for d in v))},
}


def _four(values: tuple[int, ...], data_format: str) -> tuple[int, ...]:
    """TF.js reads windows by position, so short forms are spelled out."""
    pair = values * 2 if len(values) == 1 else values
    if len(pair) != 2:  # noqa: PLR2004 - height and width
        return pair
    return (1, *pair, 1) if data_format == "NHWC" else (1, 1, *pair)


def function_json(name: str, function: Graph, weights: dict[str, Array]) -> dict[str, Any]:
    """A FunctionDef. Each result is an Identity of its own: TF.js keeps one output index a node."""
    writer = GraphDefWriter(function, weights)
    writer.write()
    results = {}
    for i, port in enumerate(function.outputs):
        result = writer.unique(f"{port.name}/result_{i}")
        writer.nodes.append({"name": result, "op": "Identity", "input": [writer.names[port.value]], "attr": {}})
        results[f"out{i}"] = f"{result}:output:0"
    return {
        "signature": {
            "name": name, "inputArg": [_arg(p.value, p.dtype) for p in function.inputs],
            "outputArg": [_arg(k, p.dtype) for k, p in zip(results, function.outputs, strict=True)],
        },
        "nodeDef": writer.nodes, "ret": results,
    }


def _arg(name: str, dtype: str) -> dict[str, str]:
    return {"name": name, "type": dtypes.to_tf(dtype) if dtype else "DT_INVALID"}


def library_json(graph: Graph, weights: dict[str, Array]) -> dict[str, Any]:
    """All functions, those of functions too; a name that means two functions cannot be written."""
    found: dict[str, Graph] = {}
    todo: list[Mapping[str, Graph]] = [graph.functions]
    while todo:
        for name, function in todo.pop().items():
            if found.get(name, function) is not function:
                raise ModelError(f"two functions are called {show(name)}", code="model.write")
            if name not in found:
                found[name] = function
                todo.append(function.functions)
    return {"function": [function_json(n, f, weights) for n, f in found.items()]} if found else {}
