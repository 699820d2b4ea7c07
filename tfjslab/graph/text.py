"""A graph as text that people can read and diff: one line a value, in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tfjslab.base.dtypes import of_value
from tfjslab.graph.ir import Dims, Graph, Node, Port

_SHOWN_ITEMS = 12


def dump(graph: Graph, indent: str = "") -> str:
    """The graph, its constants by dtype and shape, and its functions, as text without addresses or times."""
    return "\n".join(indent + line for line in _lines(graph))


def shape_text(shape: Dims | None) -> str:
    """``[1, ?, 3]``, or ``[...]`` for unknown rank."""
    return "[...]" if shape is None else f"[{', '.join('?' if d is None else str(d) for d in shape)}]"


def _lines(graph: Graph) -> Iterator[str]:
    for port in graph.inputs:
        yield f"input {_port(port)}"
    for name, array in graph.constants.items():
        yield f"const {name}: {of_value(array)} {shape_text(array.shape)}"
    for node in graph.nodes:
        yield _node(node)
    for port in graph.outputs:
        yield f"output {_port(port)}"
    for name, function in graph.functions.items():
        yield f"function {name} {{"
        yield from (f"  {line}" for line in _lines(function))
        yield "}"


def _port(port: Port) -> str:
    source = "" if port.name == port.value else f" = {port.value}"
    return f"{port.name}: {port.dtype or '?'} {shape_text(port.shape)}{source}"


def _node(node: Node) -> str:
    attrs = [f"{k}={_attr(v)}" for k, v in node.attrs.items()] + [f"{k}=<{v}>" for k, v in node.attr_inputs.items()]
    inputs = ", ".join(v or "-" for v in node.inputs)
    listed = f" {{{', '.join(attrs)}}}" if attrs else ""
    return f"{', '.join(node.outputs) or node.name} = {node.op}({inputs}){listed}"


def _attr(value: Any) -> str:
    """Long lists are cut: the text is for reading."""
    items = np.asarray(value, dtype=object).ravel().tolist() if isinstance(value, (list, tuple, np.ndarray)) else []
    if len(items) > _SHOWN_ITEMS:
        return f"<{len(items)} items>"
    return repr(value.tolist() if isinstance(value, np.ndarray) else value)
