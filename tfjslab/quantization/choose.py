"""Which nodes can run in integers, and why the others stay float32."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from tfjslab.base.dtypes import DTYPES
from tfjslab.graph.ir import Graph, Node
from tfjslab.ops.registry import Spec
from tfjslab.quantization.forms import FORMS
from tfjslab.quantization.forms.sums import SUM

MERGED = "merged"
DYNAMIC_FORM = "dynamic"


@dataclass(frozen=True)
class Choice:
    """``form`` is how the node runs in integers, a name in ``FORMS``; "" when it stays float32 for ``reason``.

    A ``DYNAMIC_FORM`` is a product that finds the range of activations when it runs. A ``MERGED`` sum has no tensor of
    its own: the activation behind it adds as well, as ``reason`` tells.
    """

    node: Node
    form: str
    reason: str = ""


def choose(
    graph: Graph, specs: Mapping[str, Spec], exclude: Mapping[str, str], forms: Collection[str],
) -> tuple[Choice, ...]:
    """One choice for each node, in order; the nodes in ``exclude`` stay float32 for the reason given there."""
    found: list[Choice] = []
    integer: dict[str, bool] = {}
    for node in graph.nodes:
        form, reason = ("", exclude[node.name]) if node.name in exclude else _form(node, graph, specs)
        if form and form not in forms:
            form, reason = "", f"{node.op} is not run in integers by this kind"
        if form and FORMS[form].moves and not any(integer.get(v) for v in node.inputs):
            form, reason = "", "what it moves is not in integers"
        integer[node.name] = bool(form)
        found.append(Choice(node, form, reason))
    return _merged(graph, found)


def _merged(graph: Graph, choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """Let an activation that is alone behind a sum take it in: one rounding less, and a range that it cut already."""
    readers: dict[str, list[str]] = {}
    for node in graph.nodes:
        for v in node.uses:
            readers.setdefault(v, []).append(node.name)
    kept = {p.value for p in graph.outputs}
    active = {c.node.name: c for c in choices if c.form and FORMS[c.form].takes_sum}

    def merge(c: Choice) -> Choice:
        behind = readers.get(c.node.name, [])
        if c.form != SUM or len(behind) != 1 or behind[0] not in active or c.node.name in kept:
            return c
        reader = active[behind[0]].node
        if reader.inputs[0] != c.node.name or reader.uses.count(c.node.name) != 1:
            return c
        return replace(c, form=MERGED, reason=f"in one step with '{reader.name}'")

    return tuple(map(merge, choices))


def _form(node: Node, graph: Graph, specs: Mapping[str, Spec]) -> tuple[str, str]:
    """The node's form, or "" and the reason."""
    known = [specs.get(v) for v in (*node.uses, *node.outputs)]
    if node.attr_inputs or any(s is None or s.shape is None for s in known):
        return "", "its shape depends on data"
    if any(s is not None and s.size == 0 for s in known):
        return "", "it has an empty tensor"
    stored = next((s.dtype for s in known if s is not None and s.dtype not in DTYPES), "")
    if stored:
        return "", f"it computes in {stored} already"
    name = node.definition.facts.quantized
    reason = FORMS[name].refuses(node, graph, specs) if name else f"no integer form of {node.op}"
    return ("", reason) if reason else (name, "")
