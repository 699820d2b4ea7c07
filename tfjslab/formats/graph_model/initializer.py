"""The initializer of a graph model: what fills its look-up tables before it runs for the first time.

TensorFlow.js runs ``modelInitializer``, a graph of its own, when a model is loaded; tables of the same name are the
same tables. Here a table is a value, so what fills it becomes a part of the model's graph, and whoever reads the table
reads it filled. The same holds where the model's own graph fills a table, of which only control edges tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tfjslab.base.errors import ModelError
from tfjslab.base.names import reserve
from tfjslab.formats.document import Document
from tfjslab.formats.graph_model import graphdef
from tfjslab.formats.graph_model.graphdef import RawNode, Ref
from tfjslab.formats.strict_json import optional, show
from tfjslab.ops import registry

Nodes = Mapping[str, RawNode]


def with_initializer(nodes: Nodes, document: Document) -> dict[str, RawNode]:
    """The nodes of a model with those of its ``modelInitializer``; every table is read behind what fills it."""
    where = f"{document.name}: modelInitializer"
    raw = optional(document.json, "modelInitializer", dict, {}, where)
    extra = _renamed(graphdef.parse_nodes(raw.get("node", []), f"{where}: node"), nodes, where)
    merged = {**nodes, **extra}
    filling = [n for n in merged.values() if _op(n) == "LookupTableImport" and n.inputs]
    filled = {_table(n.inputs[0][0], merged): n.name for n in filling}
    return {name: _reading(node, filled) for name, node in merged.items()} if filled else merged


def _op(node: RawNode) -> str:
    """The name of an op here, whatever version of it the file has."""
    found = registry.find_tf(node.op)
    return found[0].name if found else ""


def _renamed(extra: Nodes, nodes: Nodes, where: str) -> dict[str, RawNode]:
    """The initializer's nodes under names that are free. Its tables are the model's, and its constants may be."""
    names: dict[str, str] = {}
    taken = {*nodes, *extra}
    for name, node in extra.items():
        same = _same_table(node, nodes) if _op(node) == "HashTable" else name
        clash = same in nodes and _op(node) != "HashTable" and node.op != "Const"
        if node.op == "Const" and same in nodes and nodes[same].op != "Const":
            raise ModelError(f"{where}: constant {show(name)} has the name of another node", code="model.graph")
        names[name] = reserve(f"initializer/{name}", taken) if clash else same

    def read(ref: Ref) -> Ref:
        return names.get(ref[0], ref[0]), ref[1]

    # Control edges only order what runs, and here everything is a value.
    made = (replace(n, name=names[n.name], inputs=tuple(map(read, n.inputs)), control=()) for n in extra.values())
    return {n.name: n for n in made if n.name not in nodes}


def _same_table(table: RawNode, nodes: Nodes) -> str:
    """The model's node for a table of the initializer: of its name, or else its only one with that shared name."""
    shared = table.attrs.get("shared_name")
    alike = [n.name for n in nodes.values() if _op(n) == "HashTable" and n.attrs.get("shared_name") == shared]
    return alike[0] if shared and table.name not in nodes and len(alike) == 1 else table.name


def _table(name: str, nodes: Nodes) -> str:
    """The node that makes a table, behind those that pass it on."""
    seen = {name}
    while name in nodes and _op(nodes[name]) == "Identity" and nodes[name].inputs[:1]:
        name = nodes[name].inputs[0][0]
        if name in seen:
            break
        seen.add(name)
    return name


def _reading(node: RawNode, filled: Mapping[str, str]) -> RawNode:
    """The node with filled tables in place of empty ones."""
    if _op(node) == "LookupTableImport" or not any(name in filled for name, _ in node.inputs):
        return node
    return replace(node, inputs=tuple((filled.get(name, name), index) for name, index in node.inputs))
