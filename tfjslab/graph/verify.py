"""Checks every promise of the IR. Readers run it on what they read, and passes on what they made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfjslab.base.dtypes import DTYPES, is_short, numpy_dtype, of_value
from tfjslab.base.errors import GraphError, TfjslabError, UsageError
from tfjslab.base.limits import LIMITS
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.ops.control import FUNCTION_ATTRS

_SIMPLE = (bool, int, float, str, tuple, type(None))


def verify(graph: Graph, where: str = "graph") -> None:
    """Raise GraphError, naming the node, at the first promise that ``graph`` breaks.

    Promises: names are unique; values exist and are made before they are used; nodes have as many inputs and
    outputs as their op, and attributes that it takes; functions exist, fit their callers and keep the promises
    themselves; constants are arrays of a known dtype; ports are sound.
    """
    if len(graph.nodes) > LIMITS.nodes:
        raise GraphError(f"{where}: {len(graph.nodes)} nodes, above the limit of {LIMITS.nodes}")
    values = _check_sources(graph, where)
    names: set[str] = set()
    for node in graph.nodes:
        here = f"{where}: node '{node.name}'"
        if not node.name or node.name in names:
            raise GraphError(f"{here}: the name is {'used twice' if node.name else 'empty'}")
        names.add(node.name)
        _check_node(node, values, here)
        _check_calls(node, graph.functions, here)
        for value in node.outputs:
            if value in values:
                raise GraphError(f"{here}: value '{value}' is made twice")
            values.add(value)
    _check_ports(graph.outputs, values, f"{where}: output")
    for name, function in graph.functions.items():
        verify(function, f"{where}: function '{name}'")


def _check_sources(graph: Graph, where: str) -> set[str]:
    """Inputs and constants: the values that exist before the first node."""
    values: set[str] = set()
    for name, array in graph.constants.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiubcOUS":
            raise GraphError(f"{where}: constant '{name}' is not an array of a known dtype")
        dtype = of_value(array)
        if dtype != "string" and array.dtype != numpy_dtype(dtype):
            raise GraphError(f"{where}: constant '{name}' is stored as {array.dtype}, expected {numpy_dtype(dtype)}")
        if array.ndim > LIMITS.rank:
            raise GraphError(f"{where}: constant '{name}' has rank {array.ndim}, above the limit of {LIMITS.rank}")
        values.add(name)
    for port in graph.inputs:
        if port.value in values:
            raise GraphError(f"{where}: input '{port.name}': value '{port.value}' is made twice")
        values.add(port.value)
    _check_ports(graph.inputs, values, f"{where}: input")
    return values


def _check_ports(ports: tuple[Port, ...], values: set[str], where: str) -> None:
    names: set[str] = set()
    for port in ports:
        here = f"{where} '{port.name}'"
        if not port.name or port.name in names:
            raise GraphError(f"{here}: the name is {'used twice' if port.name else 'empty'}")
        names.add(port.name)
        if port.value not in values:
            raise GraphError(f"{here}: value '{port.value}' does not exist")
        if port.dtype and port.dtype not in DTYPES and not is_short(port.dtype):
            raise GraphError(f"{here}: dtype '{port.dtype}' is not one of {', '.join(DTYPES)}")
        if port.shape is not None and any(d is not None and (type(d) is not int or d < 0) for d in port.shape):
            raise GraphError(f"{here}: shape {list(port.shape)}; expected lengths >= 0 or None")


def _check_node(node: Node, values: set[str], here: str) -> None:
    try:
        definition = node.definition
    except TfjslabError as e:
        raise GraphError(f"{here}: {e}", code=e.code) from None
    low, high = definition.required_inputs, definition.max_inputs
    if len(node.inputs) < low or (high is not None and len(node.inputs) > high):
        expected = f"{low}" if low == high else f"{low} or more" if high is None else f"{low} to {high}"
        raise GraphError(f"{here}: {node.op} has {len(node.inputs)} inputs, expected {expected}")
    if any(not v for v in node.inputs[:low]):
        raise GraphError(f"{here}: {node.op} lacks one of its {low} required inputs")
    for value in node.uses:
        if value not in values:
            raise GraphError(f"{here}: value '{value}' does not exist, or is made later")
    _check_attrs(node, here)
    wanted = definition.num_outputs if node.attr_inputs else definition.outputs_of(node.attrs, len(node.inputs))
    if not 0 <= node.num_outputs <= LIMITS.nodes or wanted not in (None, node.num_outputs):
        raise GraphError(f"{here}: {node.op} has {node.num_outputs} outputs, expected {wanted}")


def _check_attrs(node: Node, here: str) -> None:
    """Attributes are known ones, canonical, and none is given both ways."""
    definition = node.definition
    known = {a.name: a for a in definition.attrs}
    both = sorted(set(node.attrs) & set(node.attr_inputs))
    stray = sorted((set(node.attrs) | set(node.attr_inputs)) - set(known))
    if both or stray:
        fault = f"attribute '{both[0]}' is given twice" if both else f"{node.op} has no attribute '{stray[0]}'"
        raise GraphError(f"{here}: {fault}")
    try:
        for name, attribute in known.items():
            if name not in node.attr_inputs:
                resolved = attribute.resolve(node.attrs, f"{here}: {node.op}")
                _check_canonical(node.attrs.get(name), resolved, f"{here}: attribute '{name}'")
    except UsageError as e:
        raise GraphError(str(e)) from None


def _check_canonical(found: Any, resolved: Any, here: str) -> None:
    """Attributes are stored as resolved, so that what reads them need not convert again."""
    if isinstance(resolved, _SIMPLE) and type(found) is not type(resolved) and found is not None:
        raise GraphError(f"{here} is {found!r}, expected {resolved!r}")


def _check_calls(node: Node, functions: Mapping[str, Graph], here: str) -> None:
    called = {k: node.attrs[k] for k in FUNCTION_ATTRS if isinstance(node.attrs.get(k), str)}
    for key, name in called.items():
        if name not in functions:
            raise GraphError(f"{here}: function '{name}' of attribute '{key}' does not exist")
        function = functions[name]
        takes = len(node.inputs) - (1 if key in ("then_branch", "else_branch") else 0)
        gives = 1 if key == "cond" else node.num_outputs
        if (len(function.inputs), len(function.outputs)) != (takes, gives):
            raise GraphError(
                f"{here}: function '{name}' of attribute '{key}' has {len(function.inputs)} inputs and "
                f"{len(function.outputs)} outputs, expected {takes} and {gives}",
            )
