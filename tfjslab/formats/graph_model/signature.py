"""Which nodes are a graph model's inputs and outputs, in the order and by the names of TensorFlow.js.

TF.js takes ``userDefinedMetadata.signature`` before ``signature``; without either, placeholders are the inputs and
nodes that nobody reads the outputs (``OperationMapper.transformGraph`` of tfjs-converter 4.22).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tfjslab.base.errors import ModelError
from tfjslab.formats.graph_model import graphdef
from tfjslab.formats.graph_model.graphdef import RawNode, Ref
from tfjslab.formats.strict_json import member, optional, show, typed
from tfjslab.graph.ir import Dims, value_name
from tfjslab.ops import registry

# Placeholders written before this GraphDef version say "scalar" where they mean "unknown" (TensorFlow's op docs).
_SCALAR_MEANS_SCALAR = 24
_MUST_BE_FED = ("Placeholder", "PlaceholderV2")
# What readers turn into constants, inputs and loops.
_STRUCTURE = ("Const", *_MUST_BE_FED, "Enter", "RefEnter", "Exit", "RefExit", "LoopCond", "NextIteration",
              "RefNextIteration")
_NO_VALUE = ("Const", "NoOp", "Assert", *_MUST_BE_FED)


@dataclass(frozen=True)
class Endpoint:
    """An input or output: its port name, its value, signature key ("" without one) and what the file declares.

    ``signed`` is the signature's shape of an input, which may tell more than what its placeholder accepts.
    """

    name: str
    ref: Ref
    key: str
    shape: Dims | None
    dtype: str
    signed: Dims | None = None


@dataclass(frozen=True)
class Interface:
    """All endpoints; ``absent`` are signature entries whose nodes are not in the graph (TF.js leaves them out)."""

    inputs: tuple[Endpoint, ...]
    outputs: tuple[Endpoint, ...]
    absent: tuple[str, ...]


def find_interface(model: Mapping[str, Any], nodes: Mapping[str, RawNode], producer: int, where: str) -> Interface:
    """The inputs and outputs of the graph."""
    metadata = optional(dict(model), "userDefinedMetadata", dict, {}, where)
    signature = metadata.get("signature") or model.get("signature") or {}
    here = f"{where}: signature"
    absent: list[str] = []
    signed = {
        side: _entries(optional(typed(signature, dict, here), side, dict, {}, here), nodes, f"{here}.{side}", absent)
        for side in ("inputs", "outputs")
    }
    inputs = signed["inputs"] or [_unsigned(n) for n in _placeholders(nodes)]
    outputs = signed["outputs"] or [_unsigned(n) for n in _unread(nodes)]
    if not outputs:
        listed = f"; the signature's {', '.join(show(a) for a in absent)} are not in it" if absent else ""
        raise ModelError(f"{where}: the graph has no outputs{listed}", code="model.signature")
    return Interface(tuple(_declared(e, nodes, producer, where) for e in inputs), tuple(outputs), tuple(absent))


def with_unsigned_inputs(interface: Interface, nodes: Mapping[str, RawNode], producer: int, where: str) -> Interface:
    """Add placeholders that the outputs need but the signature does not name: without them nothing could run."""
    named = {e.ref[0] for e in interface.inputs}
    others = [_unsigned(n) for n in nodes.values() if n.op in _MUST_BE_FED and n.name not in named]
    return replace(interface, inputs=(*interface.inputs, *(_declared(e, nodes, producer, where) for e in others)))


def structured_outputs(model: Mapping[str, Any], count: int) -> list[str]:
    """The keys under which ``predict`` gives the outputs, in their order; none where it gives a list."""
    metadata = model.get("userDefinedMetadata")
    keys = metadata.get("structuredOutputKeys") if isinstance(metadata, dict) else None
    fit = isinstance(keys, list) and len(set(map(str, keys))) == count and all(isinstance(k, str) for k in keys)
    return list(keys) if fit and keys else []


def _placeholders(nodes: Mapping[str, RawNode]) -> list[RawNode]:
    """Those that must be fed, else those with a default. A default that is not fed over is part of the model."""
    must = [n for n in nodes.values() if n.op in _MUST_BE_FED]
    return must or [n for n in nodes.values() if n.op.startswith("Placeholder")]


def without_unknown(interface: Interface, nodes: Mapping[str, RawNode]) -> Interface:
    """Without the outputs that need an unknown op, where the file names none and others are left: TF.js loads it."""
    if any(e.key for e in interface.outputs):
        return interface
    fed = {e.ref[0] for e in interface.inputs}
    known = [e for e in interface.outputs if not _needs_unknown(e.ref[0], nodes, fed)]
    lost = [e.name for e in interface.outputs if e not in known]
    return replace(interface, outputs=tuple(known), absent=(*interface.absent, *lost)) if known else interface


def _needs_unknown(name: str, nodes: Mapping[str, RawNode], fed: set[str]) -> bool:
    seen: set[str] = set()
    todo = [name]
    while todo:
        found = todo.pop()
        if found in seen or found in fed or found not in nodes:
            continue
        seen.add(found)
        op = nodes[found].op
        if op not in _STRUCTURE and registry.find_tf(op) is None:
            return True
        todo += [n for n, _ in nodes[found].inputs]
    return False


def _entries(entries: dict[str, Any], nodes: Mapping[str, RawNode], where: str, absent: list[str]) -> list[Endpoint]:
    found: dict[str, Endpoint] = {}
    for key in script_order(entries):
        info = typed(entries[key], dict, f"{where}.{key}")
        ref = graphdef.parse_ref(member(info, "name", str, f"{where}.{key}"), nodes, f"{where}.{key}")
        if ref[0] not in nodes:
            absent.append(value_name(*ref))
            continue
        raw_shape = optional(info, "tensorShape", dict, {"unknownRank": True}, f"{where}.{key}")
        name = value_name(*ref)
        shape = graphdef.shape(raw_shape, f"{where}.{key}: tensorShape")
        # Two keys of one tensor are one output, with the last key and the first one's place, as in TF.js.
        found[name] = Endpoint(name, ref, key, shape, graphdef.dtype_or_empty(info.get("dtype")))
    return [found[n] for n in script_order(found)]


def script_order(keys: Iterable[str]) -> list[str]:
    """Keys in the order JavaScript walks an object: array indices first, ascending."""
    listed = list(keys)
    numbers = [k for k in listed if k.isascii() and k.isdigit() and str(int(k)) == k and int(k) < 2**32 - 1]
    return sorted(numbers, key=int) + [k for k in listed if k not in set(numbers)]


def _unsigned(node: RawNode) -> Endpoint:
    return Endpoint(node.name, (node.name, 0), "", None, "")


def _unread(nodes: Mapping[str, RawNode]) -> list[RawNode]:
    read = {n for node in nodes.values() for n in (*(name for name, _ in node.inputs), *node.control)}
    return [n for n in nodes.values() if n.name not in read and n.op not in _NO_VALUE]


def _declared(end: Endpoint, nodes: Mapping[str, RawNode], producer: int, where: str) -> Endpoint:
    """An input with the shape and dtype of its placeholder, which is what TF.js checks; else the signature's."""
    attrs = nodes[end.ref[0]].attrs if nodes[end.ref[0]].op.startswith("Placeholder") else {}
    here = f"{where}: node {show(end.name)}"
    shape = end.shape
    if "shape" in attrs:
        own = graphdef.shape(member(typed(attrs["shape"], dict, here), "shape", dict, here), here)
        shape = own if own != () or producer >= _SCALAR_MEANS_SCALAR else end.shape
    raw = typed(attrs.get("dtype", {}), dict, here).get("type")
    dtype = graphdef.dtype(raw, here) if raw is not None else end.dtype or "float32"
    return replace(end, shape=shape, dtype=dtype, signed=end.shape)
