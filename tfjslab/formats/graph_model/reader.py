"""Reader of TensorFlow.js graph models: ``model.json`` with a GraphDef, and its weight shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import GraphError, ModelError
from tfjslab.formats.document import Document
from tfjslab.formats.graph_model import graphdef
from tfjslab.formats.graph_model.build import NodeBuilder
from tfjslab.formats.graph_model.frames import convert_frames
from tfjslab.formats.graph_model.graphdef import RawFunction, RawNode, Ref
from tfjslab.formats.graph_model.initializer import with_initializer
from tfjslab.formats.graph_model.plain import plain_functions, plain_nodes
from tfjslab.formats.graph_model.signature import (
    Endpoint,
    Interface,
    find_interface,
    structured_outputs,
    with_unsigned_inputs,
    without_unknown,
)
from tfjslab.formats.model_json import told, topology, weight_groups
from tfjslab.formats.strict_json import optional, show
from tfjslab.formats.weights import read_weights, with_storage
from tfjslab.graph.ir import Graph, Port
from tfjslab.graph.verify import verify
from tfjslab.ops import registry

FORMAT = "tfjs-graph-model"


def sniff(document: Document) -> bool:
    """Whether the file is a graph model: its topology is a list of nodes."""
    return "node" in topology(document)


def read(document: Document) -> Graph:
    """Read a graph model into a verified Graph.

    Only what the outputs need is kept. Raises ModelError for damaged files, UnknownOpError with all unknown ops.
    """
    where = document.name
    described = topology(document)
    everything = with_initializer(graphdef.parse_nodes(described.get("node"), f"{where}: node"), document)
    functions = graphdef.parse_functions(optional(described, "library", dict, {}, where), f"{where}: library")
    functions = plain_functions(functions, f"{where}: library")
    producer = _producer(described, where)
    interface = without_unknown(find_interface(document.json, everything, producer, where), everything)
    groups = weight_groups(document)
    nodes = plain_nodes(_needed(everything, interface, where), where)
    interface = with_unsigned_inputs(interface, nodes, producer, where)
    converted = convert_frames(nodes, functions, where)
    functions.update(converted.functions)
    outputs = {e.ref: converted.alias.get(e.ref, e.ref) for e in interface.outputs}
    inside = [name for name, _ in outputs.values() if name in nodes and name not in converted.nodes]
    if inside:
        raise ModelError(f"{where}: output {show(inside[0])} comes out of a loop without an Exit", code="model.loop")
    _refuse_unknown_ops(converted.nodes, functions, [*outputs.values()], {e.ref for e in interface.inputs}, where)
    weights = read_weights(groups, document.source.files)
    graph = with_storage(_build(converted.nodes, functions, interface, outputs, weights, where), groups, weights)
    graph = graph.with_(
        inputs=_keyed(graph.inputs, interface.inputs), outputs=_keyed(graph.outputs, interface.outputs),
        metadata=_metadata(document, interface, producer, len(everything)),
    )
    try:
        verify(graph)
    except GraphError as e:
        raise ModelError(f"{where}: {e}", code=e.code) from None
    return graph


def _producer(described: dict[str, Any], where: str) -> int:
    """Version of the GraphDef; a file that does not say is taken to be new."""
    versions = optional(described, "versions", dict, {}, where)
    return graphdef.integer(versions.get("producer", 2**31 - 1), f"{where}: versions.producer")


def _needed(nodes: Mapping[str, RawNode], interface: Interface, where: str) -> dict[str, RawNode]:
    """Nodes that outputs depend on, by data or control: loops are still told apart by control edges."""
    fed = {e.ref[0] for e in interface.inputs}
    found: set[str] = set()
    todo = [(e.ref[0], "the outputs") for e in interface.outputs]
    todo += [(n, "the inputs") for n in fed]
    while todo:
        name, reader = todo.pop()
        if name in found:
            continue
        if name not in nodes:
            raise ModelError(f"{where}: {show(name)}, read by {reader}, is not in the graph", code="model.graph")
        found.add(name)
        if name not in fed:
            node = nodes[name]
            todo += [(n, f"node {show(name)}") for n in (*(n for n, _ in node.inputs), *node.control)]
    return {n: node for n, node in nodes.items() if n in found}


def _refuse_unknown_ops(
    nodes: Mapping[str, RawNode], functions: Mapping[str, RawFunction], outputs: list[Ref], fed: set[Ref], where: str,
) -> None:
    """One error with all unknown ops of what will run, functions included."""
    ops: list[str] = []
    places: dict[str, list[str]] = {}
    called: list[str] = []
    bodies = [(nodes, outputs)]
    while bodies:
        body, roots = bodies.pop()
        seen: set[str] = set()
        todo = [n for n, _ in roots]
        while todo:
            name = todo.pop()
            if name in seen or name not in body:
                continue
            seen.add(name)
            if body is nodes and (name, 0) in fed:
                continue
            node = body[name]
            if node.op != "Const" and not node.op.startswith("Placeholder"):
                ops.append(node.op)
                places.setdefault(node.op, []).append(node.name)
            todo += [n for n, _ in node.inputs]
            new = [f for f in graphdef.called_functions(node.attrs) if f in functions and f not in called]
            called += new
            bodies += [(functions[f].nodes, [r for _, r in functions[f].results]) for f in new]
    registry.require_known_tf(ops, where, places)


def _build(
    nodes: Mapping[str, RawNode], functions: Mapping[str, RawFunction], interface: Interface,
    outputs: Mapping[Ref, Ref], weights: Mapping[str, Array], where: str,
) -> Graph:
    builder = NodeBuilder(functions, weights, where)
    ends = [(e.name, outputs[e.ref], e.shape, e.dtype) for e in interface.outputs]
    return builder.graph(nodes, [(e.name, e.ref, e.shape, e.dtype) for e in interface.inputs], ends)


def _keyed(ports: Sequence[Port], ends: Sequence[Endpoint]) -> tuple[Port, ...]:
    return tuple(replace(port, key=end.key) for port, end in zip(ports, ends, strict=True))


def _metadata(document: Document, interface: Interface, producer: int, nodes: int) -> dict[str, Any]:
    signature = {
        side: {e.key: e.name for e in ends if e.key}
        for side, ends in (("inputs", interface.inputs), ("outputs", interface.outputs))
    }
    signed = {e.name: list(e.signed) for e in interface.inputs if e.signed is not None and e.signed != e.shape}
    return {
        "format": FORMAT, "source": document.name, "producer": producer, "nodes_in_file": nodes, "signature": signature,
        "absent": list(interface.absent), "signature_shapes": signed, **told(document),
        "structured_outputs": structured_outputs(document.json, len(interface.outputs)),
    }
