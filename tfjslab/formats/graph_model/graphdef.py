"""GraphDef JSON as checked, inert data: nodes, references, attribute values and functions.

This is the shape of the file, not yet of the IR: ops are TensorFlow's, control edges and loop frames are still there.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tfjslab.base import dtypes
from tfjslab.base.errors import DTypeError, ModelError
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.formats.strict_json import each, member, optional, show, typed
from tfjslab.graph.ir import Dims

Ref = tuple[str, int]
NODE_NAME = re.compile(r"[^\s:^][^\s:]*")
_INTEGER = re.compile(r"[+-]?\d{1,20}")
_FLOAT_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
# Functions name a node's outputs ("top:indices:0"); ops with several of them, in order.
_BATCH_NORM = ("y", "batch_mean", "batch_variance")
_OUTPUT_NAMES = {
    "TopKV2": ("values", "indices"), "Unique": ("y", "idx"), "UniqueV2": ("y", "idx"),
    "Switch": ("output_false", "output_true"), "Merge": ("output", "value_index"),
    "FusedBatchNorm": _BATCH_NORM, "FusedBatchNormV2": _BATCH_NORM, "FusedBatchNormV3": _BATCH_NORM,
    "NonMaxSuppressionV4": ("selected_indices", "valid_outputs"),
    "NonMaxSuppressionV5": ("selected_indices", "selected_scores", "valid_outputs"),
    "TensorArrayV3": ("handle", "flow"), "ListDiff": ("out", "idx"), "MaxPoolWithArgmax": ("output", "argmax"),
    "StringSplit": ("indices", "values", "shape"), "StringNGrams": ("ngrams", "ngrams_splits"),
    "SparseFillEmptyRows": ("output_indices", "output_values", "empty_row_indicator", "reverse_index_map"),
    "SparseReshape": ("output_indices", "output_shape"), "RaggedRange": ("rt_nested_splits", "rt_dense_values"),
}


@dataclass(frozen=True)
class RawNode:
    """A NodeDef: data inputs as (node, output index), control inputs by name, attributes as in the file."""

    name: str
    op: str
    inputs: tuple[Ref, ...] = ()
    control: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RawFunction:
    """A function: arguments (name, dtype or ""), results (name, what they are), and its nodes."""

    name: str
    args: tuple[tuple[str, str], ...]
    results: tuple[tuple[str, Ref], ...]
    nodes: Mapping[str, RawNode]


def parse_nodes(raw: object, where: str, extra: Iterable[str] = ()) -> dict[str, RawNode]:
    """Check a list of NodeDefs. Names must be sound and unique; ``extra`` names are taken (arguments)."""
    nodes: dict[str, RawNode] = {}
    written: dict[str, list[str]] = {}
    values = typed(raw, list, where)
    check_limit(f"{where}: number of nodes", len(values), LIMITS.nodes)
    for i, value in enumerate(values):
        node = typed(value, dict, f"{where}[{i}]")
        name = member(node, "name", str, f"{where}[{i}]")
        if not NODE_NAME.fullmatch(name) or name in nodes or name in extra:
            fault = "is used twice" if name in nodes or name in extra else "is not a node name"
            raise ModelError(f"{where}[{i}]: name {show(name)} {fault}", code="model.graph")
        here = f"{where}: node {show(name)}"
        op = member(node, "op", str, here)
        written[name] = each(optional(node, "input", list, [], here), str, f"{here}: input")
        nodes[name] = RawNode(name, op, attrs=optional(node, "attr", dict, {}, here))
    return {n: _with_inputs(node, written[n], nodes, where) for n, node in nodes.items()}


def _with_inputs(node: RawNode, written: list[str], nodes: Mapping[str, RawNode], where: str) -> RawNode:
    control = tuple(w[1:] for w in written if w.startswith("^"))
    data = tuple(parse_ref(w, nodes, f"{where}: node {show(node.name)}") for w in written if not w.startswith("^"))
    return RawNode(node.name, node.op, data, control, node.attrs)


def parse_ref(text: str, nodes: Mapping[str, RawNode], where: str) -> Ref:
    """Read ``node``, ``node:1`` or ``node:output_name:1``."""
    name, *rest = text.split(":")
    index = rest[-1] if rest else "0"
    if not name or len(rest) > 2 or not index.isascii() or not index.isdigit() or len(index) > 6:  # noqa: PLR2004 - name:output:index
        raise ModelError(f"{where}: {show(text)} is not the name of a value", code="model.graph")
    names = _OUTPUT_NAMES.get(nodes[name].op, ()) if name in nodes and len(rest) > 1 else ()
    return name, int(index) + (names.index(rest[0]) if rest and rest[0] in names else 0)


def parse_functions(library: Mapping[str, Any], where: str) -> dict[str, RawFunction]:
    """Check ``library.function``."""
    found: dict[str, RawFunction] = {}
    for i, value in enumerate(each(optional(dict(library), "function", list, [], where), dict, f"{where}.function")):
        here = f"{where}.function[{i}]"
        signature = member(value, "signature", dict, here)
        name = member(signature, "name", str, here)
        if name in found:
            raise ModelError(f"{here}: function {show(name)} is defined twice", code="model.graph")
        found[name] = _parse_function(name, signature, value, f"{where}: function {show(name)}")
    return found


def _parse_function(name: str, signature: dict[str, Any], value: dict[str, Any], where: str) -> RawFunction:
    args = each(optional(signature, "inputArg", list, [], where), dict, f"{where}: inputArg")
    outs = each(optional(signature, "outputArg", list, [], where), dict, f"{where}: outputArg")
    arg_names = [member(a, "name", str, f"{where}: inputArg") for a in args]
    if len(set(arg_names)) != len(arg_names):
        raise ModelError(f"{where}: two arguments have one name", code="model.graph")
    nodes = parse_nodes(value.get("nodeDef") or [], f"{where}: nodeDef", arg_names)
    ret = optional(value, "ret", dict, {}, where)
    results = []
    for out in outs:
        key = member(out, "name", str, f"{where}: outputArg")
        results.append((key, parse_ref(member(ret, key, str, f"{where}: ret"), nodes, f"{where}: ret")))
    typed_args = tuple((n, dtype_or_empty(a.get("type"))) for n, a in zip(arg_names, args, strict=True))
    return RawFunction(name, typed_args, tuple(results), nodes)


def dtype_or_empty(raw: object) -> str:
    """The dtype, or "" when the file does not tell one that can be held; using it fails later, by name."""
    try:
        return dtypes.from_tf(raw) if isinstance(raw, (str, int)) else ""
    except DTypeError:
        return ""


def attr_value(raw: object, where: str) -> Any:
    """Decode an AttrValue: str, int, float, bool, dtype name, Dims, raw tensor, function name, or a list of those."""
    value = typed(raw, dict, where)
    known = [k for k, v in value.items() if k in _DECODERS and v is not None]
    if len(known) != 1:
        kinds = ", ".join(_DECODERS)
        found = show(" ".join(sorted(value)))
        raise ModelError(f"{where}: found {found}, expected one of {kinds}", code="model.attribute")
    return _DECODERS[known[0]](value[known[0]], where)


def _list(raw: object, where: str) -> list[Any]:
    value = typed(raw, dict, where)
    # Files of older converters name every kind, all but one of them empty.
    filled = [k for k, v in value.items() if k in _DECODERS and k != "list" and v not in (None, [], "")]
    if not filled:
        return []
    if len(filled) > 1:
        raise ModelError(f"{where}: a list of {' and '.join(filled)}, expected one kind", code="model.attribute")
    decode = _DECODERS[filled[0]]
    return [decode(v, f"{where}[{i}]") for i, v in enumerate(typed(value[filled[0]], list, where))]


def raw_bytes(raw: object, where: str) -> bytes:
    """Bytes written as base64 or as a list of codes."""
    try:
        if isinstance(raw, str):
            # URL-safe base64 and missing padding are both valid protobuf JSON.
            text = raw.replace("-", "+").replace("_", "/").rstrip("=")
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        return bytes(each(typed(raw, list, where), int, where))
    except (binascii.Error, ValueError):
        fault = f"{where}: {show(raw)} is neither base64 nor a list of bytes"
        raise ModelError(fault, code="model.attribute") from None


def string(raw: object, where: str) -> str:
    """A string attribute."""
    try:
        return raw_bytes(raw, where).decode()
    except UnicodeDecodeError:
        raise ModelError(f"{where}: the string is not UTF-8", code="model.attribute") from None


def integer(raw: object, where: str) -> int:
    """An integer; protobuf JSON writes 64 bit ones as strings."""
    if isinstance(raw, str) and _INTEGER.fullmatch(raw):
        return int(raw)
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    return typed(raw, int, where)


def number(raw: object, where: str) -> float:
    """A float, with protobuf's words for what JSON cannot write."""
    if isinstance(raw, str) and raw in _FLOAT_WORDS:
        return _FLOAT_WORDS[raw]
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or abs(raw) > _MAX_FLOAT:
        raise ModelError(f"{where}: found {show(raw)}, expected a number", code="model.attribute")
    return float(raw)


_MAX_FLOAT = 2**1023


def dtype(raw: object, where: str) -> str:
    """A dtype by name or enum number."""
    if isinstance(raw, bool) or not isinstance(raw, (str, int)):
        raise ModelError(f"{where}: found {show(raw)}, expected a dtype", code="model.attribute")
    try:
        return dtypes.from_tf(raw)
    except DTypeError as e:
        raise ModelError(f"{where}: {e}", code="model.dtype") from None


def shape(raw: object, where: str) -> Dims | None:
    """Dims with None for unknown lengths; None for unknown rank."""
    value = typed(raw, dict, where)
    if value.get("unknownRank"):
        return None
    dims = each(optional(value, "dim", list, [], where), dict, where)
    check_limit(f"{where}: rank", len(dims), LIMITS.rank)
    lengths = [integer(d.get("size", 0), where) for d in dims]
    if any(n < -1 for n in lengths):
        raise ModelError(f"{where}: shape {lengths}; expected lengths >= 0, or -1 for unknown", code="model.attribute")
    return tuple(None if n < 0 else n for n in lengths)


def _function_name(raw: object, where: str) -> str:
    return member(typed(raw, dict, where), "name", str, where)


_DECODERS: dict[str, Any] = {
    "s": string, "i": integer, "f": number, "b": lambda raw, where: typed(raw, bool, where), "type": dtype,
    "shape": shape, "tensor": lambda raw, where: typed(raw, dict, where), "list": _list, "func": _function_name,
}


def called_functions(attrs: Mapping[str, Any]) -> list[str]:
    """Names of the functions that a node's attributes refer to."""
    found: list[str] = []
    for value in attrs.values():
        if isinstance(value, dict) and ("func" in value or "list" in value):
            listed = value.get("list")
            funcs = [value.get("func"), *((listed.get("func") or []) if isinstance(listed, dict) else [])]
            found += [f["name"] for f in funcs if isinstance(f, dict) and isinstance(f.get("name"), str)]
    return found
