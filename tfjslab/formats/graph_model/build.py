"""From GraphDef nodes to the IR: ops by the registry's spelling, constants by name, functions as graphs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tfjslab.base import dtypes
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ModelError, UsageError
from tfjslab.base.limits import LIMITS
from tfjslab.formats.graph_model import graphdef, tensor_proto
from tfjslab.formats.graph_model.graphdef import RawFunction, RawNode, Ref
from tfjslab.formats.strict_json import optional, show, typed
from tfjslab.graph.ir import Dims, Graph, Node, Port, value_name
from tfjslab.graph.order import CycleError, depth_first
from tfjslab.ops import registry
from tfjslab.ops.registry import OpDef, Tf

# (name, value, shape, dtype) of an input or output.
End = tuple[str, Ref, Dims | None, str]
_SCOPES_OF_EXPORT = ("StatefulPartitionedCall/", "PartitionedCall/")


@dataclass
class NodeBuilder:
    """Builds graphs of one file; functions are built once each, when a node first calls them."""

    functions: Mapping[str, RawFunction]
    weights: Mapping[str, Array]
    where: str
    built: dict[str, Graph] = field(default_factory=dict)
    stack: list[str] = field(default_factory=list)

    def graph(self, nodes: Mapping[str, RawNode], inputs: Sequence[End], outputs: Sequence[End]) -> Graph:
        """The part of ``nodes`` that ``outputs`` need, in an order in which values are made before they are used."""
        fed = {ref[0] for _, ref, _, _ in inputs}
        if any(ref[1] for _, ref, _, _ in inputs):
            raise ModelError(f"{self.where}: an input is not the first output of its node", code="model.signature")
        ordered = topological(nodes, [ref[0] for _, ref, _, _ in outputs], fed, self.where)
        constants = {n.name: self._constant(n) for n in ordered if n.op == "Const"}
        highest: dict[str, int] = {}
        for name, index in (*(r for n in ordered for r in n.inputs), *(ref for _, ref, _, _ in outputs)):
            highest[name] = max(index, highest.get(name, 0))
        functions: dict[str, Graph] = {}
        made = [self._node(n, constants, highest.get(n.name, 0), functions) for n in ordered if n.op != "Const"]
        used = {v for n in made for v in n.uses} | {value_name(*ref) for _, ref, _, _ in outputs}
        return Graph(
            tuple(_port(e) for e in inputs), tuple(_port(e) for e in outputs), tuple(made),
            {n: c for n, c in constants.items() if n in used}, functions,
        )

    def _node(self, raw: RawNode, constants: Mapping[str, Array], highest: int, functions: dict[str, Graph]) -> Node:
        where = f"{self.where}: node {show(raw.name)}"
        # One that is not fed passes its default on.
        op = "Identity" if raw.op == "PlaceholderWithDefault" else raw.op
        found = registry.find_tf(op)
        if found is None:
            registry.require_known_tf([op], self.where)
            raise ModelError(f"{where}: unknown op {show(op)}", code="model.unknown_op")
        definition, form = found
        node = convert_node(raw, definition, form, constants, where)
        for name in graphdef.called_functions(raw.attrs):
            functions[name] = self._function(name, where)
        return replace(node, num_outputs=_count_outputs(node, definition, highest, functions))

    def _constant(self, raw: RawNode) -> Array:
        """The weight of that name, or the tensor in the node."""
        where = f"{self.where}: constant {show(raw.name)}"
        value = typed(raw.attrs.get("value", {}), dict, where)
        proto = optional(value, "tensor", dict, {}, where)
        weight = self.weights.get(raw.name)
        if weight is None:
            weight = tensor_proto.decode(proto, where) if proto else None
            if weight is None:
                raise ModelError(f"{where} has no value, in weightsManifest or the node", code="model.missing_weight")
            return weight
        if proto:
            _check_declared(proto, weight, where)
        return weight

    def _function(self, name: str, where: str) -> Graph:
        if name in self.built:
            return self.built[name]
        if name not in self.functions:
            raise ModelError(f"{where}: function {show(name)} is not in the library", code="model.graph")
        if name in self.stack or len(self.stack) >= LIMITS.function_depth:
            fault = "calls itself" if name in self.stack else f"is nested deeper than {LIMITS.function_depth}"
            raise ModelError(f"{where}: function {show(name)} {fault}", code="model.graph")
        raw = self.functions[name]
        self.stack.append(name)
        arguments: list[End] = [(n, (n, 0), None, dtype) for n, dtype in raw.args]
        results: list[End] = [(n, ref, None, "") for n, ref in raw.results]
        self.built[name] = self.graph(raw.nodes, arguments, results)
        self.stack.pop()
        return self.built[name]


def _check_declared(proto: dict[str, Any], weight: Array, where: str) -> None:
    """The weight is of the dtype and shape that the node announces."""
    shape = graphdef.shape(optional(proto, "tensorShape", dict, {}, where), where)
    dtype = graphdef.dtype(proto.get("dtype"), where)
    if (dtype, shape) != (dtypes.of_array(weight), weight.shape):
        raise ModelError(
            f"{where}: its weight is {dtypes.of_array(weight)} {list(weight.shape)}, "
            f"the graph declares {dtype} {'of unknown rank' if shape is None else list(shape)}",
            code="model.weight_spec",
        )


def _port(end: End) -> Port:
    name, ref, shape, dtype = end
    return Port(name, value_name(*ref), shape, dtype)


def topological(nodes: Mapping[str, RawNode], roots: Sequence[str], fed: set[str], where: str) -> list[RawNode]:
    """Nodes that ``roots`` need, depth first, without those in ``fed``; ModelError on cycles and absent nodes."""

    def needs(name: str) -> list[str]:
        if name not in nodes:
            raise ModelError(f"{where}: {show(name)} is read, but not in the graph", code="model.graph")
        return [n for n, _ in nodes[name].inputs if n not in fed]

    try:
        return [nodes[n] for n in depth_first([r for r in roots if r not in fed], needs)]
    except CycleError as e:
        raise ModelError(f"{where}: node {show(e.item)} depends on itself", code="model.graph") from None


def convert_node(raw: RawNode, definition: OpDef, form: Tf, constants: Mapping[str, Array], where: str) -> Node:
    """Sort a node's tensors into inputs and attributes by the op's spelling, and check its attributes."""
    bound = _bind(raw, form, where)
    _check_only(raw, form, where)
    inputs: list[str] = []
    for wanted in (name.strip("*?") for name in definition.inputs):
        refs = bound.get(wanted, [])
        inputs += [value_name(*r) for r in refs] or ([""] if f"*{wanted}" not in definition.inputs else [])
    while inputs and not inputs[-1]:
        inputs.pop()
    attrs: dict[str, Any] = dict(form.fixed)
    attr_inputs: dict[str, str] = {}
    for attribute in definition.attrs:
        names = (form.rename.get(attribute.name, attribute.name), form.also.get(attribute.name, ""))
        key = next((n for n in names if raw.attrs.get(n)), "")
        source = bound.get(f"@{attribute.name}")
        if source:
            value = constants.get(value_name(*source[0]))
            if value is None:
                attr_inputs[attribute.name] = value_name(*source[0])
            else:
                attrs[attribute.name] = value
        elif attribute.name not in attrs and key:
            attrs[attribute.name] = graphdef.attr_value(raw.attrs[key], f"{where}: attribute {show(key)}")
    try:
        attrs = definition.resolve_attrs(attrs, where, attr_inputs)
    except UsageError as e:
        raise ModelError(str(e), code="model.attribute") from None
    return Node(raw.name, definition.name, tuple(inputs), attrs, attr_inputs, layer=_layer(raw.name))


def _check_only(raw: RawNode, form: Tf, where: str) -> None:
    """Refuse attributes that ask for something else than what the op computes."""
    for key, expected in form.only.items():
        if not raw.attrs.get(key):
            continue
        found = graphdef.attr_value(raw.attrs[key], f"{where}: attribute {show(key)}")
        if found != expected:
            fault = f"{raw.op} with {key} {show(found)}; only {show(expected)} is supported"
            raise ModelError(f"{where}: {fault}", code="model.attribute")


def _bind(raw: RawNode, form: Tf, where: str) -> dict[str, list[Ref]]:
    """Which tensors each word of ``form.args`` stands for; what follows a ``*`` word is counted from the end."""
    words = form.args.split()
    refs = list(raw.inputs)
    star = next((i for i, w in enumerate(words) if w.startswith("*")), None)
    required = sum(not w.endswith("?") and not w.startswith("*") for w in words)
    if len(refs) < required or (star is None and len(refs) > len(words)):
        bound_kind = "" if required == len(words) else "at least " if len(refs) < required else "at most "
        expected = f"{bound_kind}{required if len(refs) < required else len(words)}"
        raise ModelError(f"{where}: {raw.op} has {len(refs)} inputs, expected {expected}", code="model.graph")
    if star is None:
        return {w.strip("?"): [r] for w, r in zip(words, refs, strict=False)}
    after = len(words) - star - 1
    bound = {w: [r] for w, r in zip(words[:star], refs, strict=False)}
    bound[words[star][1:]] = refs[star : len(refs) - after]
    bound.update({w: [r] for w, r in zip(words[star + 1 :], refs[len(refs) - after :], strict=True)})
    return bound


def _count_outputs(node: Node, definition: OpDef, highest: int, functions: Mapping[str, Graph]) -> int:
    """Outputs of ops whose attributes or functions decide; else what is read of them."""
    if definition.num_outputs is not None:
        return definition.num_outputs
    with contextlib.suppress(TypeError):  # a count of outputs that the file leaves out
        if (told := definition.outputs_of(node.attrs, len(node.inputs))) is not None:
            return told
    called = [functions[v] for v in node.attrs.values() if isinstance(v, str) and v in functions]
    return len(called[-1].outputs) if called else highest + 1


def _layer(name: str) -> str:
    """The name scope, without the scopes that exporting adds."""
    for scope in _SCOPES_OF_EXPORT:
        name = name.removeprefix(scope)
    return name.rpartition("/")[0]
