"""From the IR to GraphDef JSON: nodes by the registry's spelling, constants, functions."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tfjslab.base import dtypes
from tfjslab.base.dtypes import Array, of_array
from tfjslab.base.errors import ModelError
from tfjslab.base.names import reserve
from tfjslab.formats.graph_model.graphdef import NODE_NAME
from tfjslab.formats.strict_json import show
from tfjslab.graph.ir import Dims, Graph, Node, Port, value_name
from tfjslab.ops.attrs import Attr
from tfjslab.ops.control import FUNCTION_ATTRS
from tfjslab.ops.registry import OpDef, Tf

_WINDOWS = ("strides", "dilations", "ksize")
_TENSOR_DTYPES = {"int": np.int32, "ints": np.int32, "pairs": np.int32, "dims": np.int32, "float": np.float32,
                  "value": np.float32, "bool": np.bool_, "bools": np.bool_}


@dataclass
class GraphDefWriter:
    """Collects the nodes of a graph; ``weights`` is shared by a model and its functions, as it is in TF.js.

    ``names`` maps values to what the file calls them. With ``frames``, loops are written as TensorFlow 1 frames, as
    converters do it; ``pivot`` is then the node that ties others to the loop around them. (TF.js 4.22 also has loops
    over functions, but frees what their bodies put into TensorLists.)
    """

    weights: dict[str, Array]
    frames: bool = False
    pivot: str = ""
    nodes: list[dict[str, Any]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def unique(self, wanted: str) -> str:
        """A node name as close to ``wanted`` as can be."""
        base = "".join("_" if c in ":^" or c.isspace() else c for c in wanted) or "node"
        return reserve(base, self.taken)

    def graph(self, graph: Graph) -> None:
        """Constants and nodes. Names of inputs and outputs are reserved first, inputs keep theirs."""
        self.taken |= {p.value for p in graph.inputs} | {p.name for p in graph.outputs if p.name != p.value}
        self.names.update({p.value: p.value for p in graph.inputs})
        self.body(graph)

    def body(self, graph: Graph) -> None:
        """Constants and nodes of a graph whose inputs have names already."""
        files = [self.unique(node.name) for node in graph.nodes]
        for node, name in zip(graph.nodes, files, strict=True):
            self.names.update({v: value_name(name, i) for i, v in enumerate(node.outputs)})
        for name, array in graph.constants.items():
            self.names[name] = self.constant(name, array)
        for node, name in zip(graph.nodes, files, strict=True):
            if self.frames and node.op == "While":
                write_frame(self, node, name, graph.functions)
            else:
                self.node(node, name)

    def emit(self, name: str, op: str, inputs: list[str], attr: dict[str, Any] | None = None) -> str:
        """Add a node as it stands in the file, and give its name."""
        self.nodes.append({"name": name, "op": op, "input": inputs, "attr": attr or {}})
        return name

    def placeholder(self, port: Port) -> None:
        """An input of the model (functions have arguments instead)."""
        dtype, shape = dtypes.to_tf(port.dtype or "float32"), shape_json(port.shape)
        self.emit(port.value, "Placeholder", [], {"dtype": {"type": dtype}, "shape": {"shape": shape}})

    def constant(self, wanted: str, array: Array) -> str:
        """A Const node whose value stands among the weights."""
        same = self.weights.get(wanted)
        free = wanted not in self.taken and (same is None or same is array)
        name = wanted if free and NODE_NAME.fullmatch(wanted) else self.unique(wanted)
        while self.weights.get(name, array) is not array:
            name = self.unique(wanted)
        self.taken.add(name)
        self.weights[name] = array
        dtype = dtypes.to_tf(of_array(array))
        value = {"tensor": {"dtype": dtype, "tensorShape": shape_json(array.shape)}}
        return self.emit(name, "Const", [], {"dtype": {"type": dtype}, "value": value})

    def node(self, node: Node, name: str) -> None:
        """One node of the IR, with Const nodes for the attributes that files give as tensors."""
        definition = node.definition
        form = spelling(node, definition)
        known = {a.name: a for a in definition.attrs}
        as_tensor = {w[1:].strip("?") for w in form.args.split() if w.startswith("@")}
        inputs: list[str] = []
        attr: dict[str, Any] = {}
        for word in form.args.split():
            if word.startswith("@"):
                inputs.append(self._attribute(node, name, known[word[1:].strip("?")]))
                continue
            values = values_of(node, definition, word)
            inputs += [self.names[v] for v in values]
            if word.startswith("*"):
                attr["num_args" if word == "*args" else "N"] = {"i": str(len(values))}
        for key, value in node.attrs.items():
            if key not in as_tensor and key not in form.fixed and value is not None:
                attr[form.rename.get(key, key)] = attr_json(known[key], node, value)
        attr.update({k: {"b": v} if isinstance(v, bool) else _text(v) for k, v in form.only.items() if k not in attr})
        self.emit(name, form.op, inputs + ([f"^{self.pivot}"] if self.pivot else []), attr)

    def _attribute(self, node: Node, name: str, attribute: Attr) -> str:
        if attribute.name in node.attr_inputs:
            return self.names[node.attr_inputs[attribute.name]]
        dtype = _TENSOR_DTYPES.get(attribute.kind)
        value = np.asarray(node.attrs[attribute.name], dtype)
        if attribute.kind == "dims" and value.tolist() == [-1]:
            value = value.reshape(())  # of unknown rank, which files say with a scalar
        if node.op == "Conv2DBackpropInput" and value[0] < 0:
            return self._with_batch(node, name, value[1:])
        value = value.reshape(-1, 2) if attribute.kind == "pairs" else value
        return self.constant(f"{name}/{attribute.name}", value)

    def _with_batch(self, node: Node, name: str, rest: Array) -> str:
        """The shape of an output whose batch is the input's: TF.js takes no -1 there."""
        shape = self.emit(self.unique(f"{name}/Shape"), "Shape", [self.names[node.inputs[0]]])
        ends = [self.constant(f"{name}/{k}", np.array([v], np.int32)) for k, v in (("begin", 0), ("size", 1))]
        batch = self.emit(self.unique(f"{name}/batch"), "Slice", [shape, *ends])
        axis = self.constant(f"{name}/axis", np.array(0, np.int32))
        parts = [batch, self.constant(f"{name}/rest", rest), axis]
        return self.emit(self.unique(f"{name}/output_shape"), "ConcatV2", parts, {"N": {"i": "2"}})

    def output(self, port: Port) -> str:
        """The file's name of an output: its value, behind an Identity where the two are called differently."""
        if self.names[port.value] == port.name:
            return port.name
        free = NODE_NAME.fullmatch(port.name) and port.name not in self.names.values()
        name = port.name if free else self.unique(port.name)
        return self.emit(name, "Identity", [self.names[port.value]])


def spelling(node: Node, definition: OpDef) -> Tf:
    """The spelling that says what the node does: the preferred one whose tensors and fixed attributes are there."""
    for form in sorted(definition.tf, key=lambda f: not f.write):
        # TF.js itself wants them all, also those that a file may leave out.
        needed = [w[1:].strip("?") for w in form.args.split() if w.startswith("@")]
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
        value = _spelled_out(value, node.attrs.get("data_format", "NHWC"))
    if attribute.kind not in _ENCODERS:
        raise ModelError(f"node {show(node.name)}: attribute '{attribute.name}' cannot be written", code="model.write")
    return _ENCODERS[attribute.kind](value)


_WORDS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_ENCODERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "int": lambda v: {"i": str(v)}, "float": lambda v: {"f": v if np.isfinite(v) else _WORDS[str(v)]},
    "bool": lambda v: {"b": v}, "dtype": lambda v: {"type": dtypes.to_tf(v)}, "str": _text, "word": _text,
    "ints": lambda v: {"list": {"i": [str(i) for i in v]}},
    "strs": lambda v: {"list": {"s": [_text(s)["s"] for s in v]}},
    "dtypes": lambda v: {"list": {"type": [dtypes.to_tf(d) for d in v]}},
    "dims": lambda v: {"shape": shape_json(tuple(None if d < 0 else d for d in v))},
}


def _spelled_out(values: tuple[int, ...], data_format: str) -> tuple[int, ...]:
    """TF.js reads windows by position, so short forms are spelled out."""
    axes = len(data_format) - 2  # without batch and channels
    inner = values * axes if len(values) == 1 else values
    if len(inner) != axes:
        return inner
    return (1, *inner, 1) if data_format.endswith("C") else (1, 1, *inner)


def function_json(name: str, function: Graph, weights: dict[str, Array]) -> dict[str, Any]:
    """A FunctionDef. Each result is an Identity of its own: TF.js keeps one output index a node."""
    writer = GraphDefWriter(weights)
    writer.graph(function)
    results = {}
    for i, port in enumerate(function.outputs):
        result = writer.emit(writer.unique(f"{port.name}/result_{i}"), "Identity", [writer.names[port.value]])
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
    """All functions that are still called by name, those of functions too; a name that means two is refused."""
    found: dict[str, Graph] = {}
    todo = [(graph, True)]
    while todo:
        caller, frames = todo.pop()
        for node in caller.nodes:
            in_frame = frames and node.op == "While"
            for name in (node.attrs[k] for k in FUNCTION_ATTRS if k in node.attrs):
                function = caller.functions[name]
                if in_frame:
                    todo.append((function, True))
                elif name not in found:
                    found[name] = function
                    todo.append((function, False))
                elif found[name] is not function:
                    raise ModelError(f"two functions are called {show(name)}", code="model.write")
    return {"function": [function_json(n, f, weights) for n, f in found.items()]} if found else {}


def write_frame(writer: GraphDefWriter, node: Node, name: str, functions: Mapping[str, Graph]) -> None:
    """A loop as Enter, Merge, Switch, Exit and NextIteration for each variable around its condition and body."""
    condition, body = functions[node.attrs["cond"]], functions[node.attrs["body"]]
    frame = {"frame_name": _text(name), "is_constant": {"b": False}, "parallel_iterations": {"i": "10"}}
    typed = [{"T": {"type": dtypes.to_tf(p.dtype)}} if p.dtype else {} for p in body.inputs]
    parts = {
        role: [writer.unique(f"{name}/{role}_{i}") for i in range(len(node.inputs))]
        for role in ("enter", "merge", "switch", "exit", "next")
    }
    for i, value in enumerate(node.inputs):
        writer.emit(parts["enter"][i], "Enter", [writer.names[value]], {**frame, **typed[i]})
        writer.emit(parts["merge"][i], "Merge", [parts["enter"][i], parts["next"][i]], {"N": {"i": "2"}, **typed[i]})
    (truth,) = _inline(writer, condition, parts["merge"], parts["merge"][0])
    decided = writer.emit(writer.unique(f"{name}/LoopCond"), "LoopCond", [truth])
    for merge, switch, leave in zip(parts["merge"], parts["switch"], parts["exit"], strict=True):
        writer.emit(switch, "Switch", [merge, decided])
        writer.emit(leave, "Exit", [switch])
    pivot = writer.emit(writer.unique(f"{name}/body_control"), "Identity", [f"{parts['switch'][0]}:1"])
    results = _inline(writer, body, [f"{s}:1" for s in parts["switch"]], pivot)
    for step, result in zip(parts["next"], results, strict=True):
        writer.emit(step, "NextIteration", [result])
    writer.names.update(dict(zip(node.outputs, parts["exit"], strict=True)))


def _inline(writer: GraphDefWriter, function: Graph, arguments: list[str], pivot: str) -> list[str]:
    """Write a function's nodes where it is called, and give what the file calls its results."""
    inner = replace(writer, pivot=pivot, names=dict(zip((p.value for p in function.inputs), arguments, strict=True)))
    inner.body(function)
    return [inner.names[p.value] for p in function.outputs]
