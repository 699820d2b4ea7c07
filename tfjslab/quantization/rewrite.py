"""Rewrites a float32 graph so that chosen nodes run in integers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Graph
from tfjslab.graph.verify import verify
from tfjslab.ops.registry import Spec
from tfjslab.quantization.choose import DYNAMIC_FORM, MERGED, Choice
from tfjslab.quantization.forms import FORMS
from tfjslab.quantization.forms.form import Rewrite
from tfjslab.quantization.forms.sums import CLAMP
from tfjslab.quantization.forms.weighted import dynamic
from tfjslab.quantization.rewriter import Rewriter
from tfjslab.quantization.scheme import Scale

_REWRITES: dict[str, Rewrite] = {
    "": Rewriter.keep, MERGED: Rewriter.merge, DYNAMIC_FORM: dynamic, **{name: f.rewrite for name, f in FORMS.items()},
}


@dataclass(frozen=True, eq=False)
class Rewritten:
    """The new graph; for each value that has an integer form its name and its encoding."""

    graph: Graph
    integers: Mapping[str, str]
    encodings: Mapping[str, Scale]


def rewrite(
    graph: Graph, choices: Sequence[Choice], specs: Mapping[str, Spec], scales: Mapping[str, Scale],
    means: Mapping[str, Array] = MappingProxyType({}),
) -> Rewritten:
    """The graph with all nodes in their chosen form; verified. ``scales`` has every value that becomes integer.

    ``means`` are those of the channels of values, as far as they are known: see ``quantize_weights``.
    """
    r = Rewriter(graph, specs, scales, means)
    for c in choices:
        _REWRITES[c.form](r, c.node)
    for port in graph.outputs:
        r.real(port.value)
    used = {v for n in r.nodes for v in n.uses} | {p.value for p in graph.outputs}
    constants = {k: v for k, v in r.constants.items() if k in used}
    made = graph.with_(nodes=tuple(r.nodes), constants=constants)
    verify(made)
    return Rewritten(made, r.integers, r.encodings)


def encoded(graph: Graph, choices: Sequence[Choice]) -> list[str]:
    """The values whose range must be known to ``rewrite``."""
    weighted = [c.node for c in choices if c.form not in ("", DYNAMIC_FORM)]
    found = dict.fromkeys(v for n in weighted for v in (*n.inputs, n.name) if v not in graph.constants)
    return list(found)


def cuts(graph: Graph, choices: Sequence[Choice]) -> list[tuple[str, str, bool]]:
    """Values whose range another value bounds: (value, the other summand, whether a ReLU6 cuts at the top as well).

    What a value has below minus the other's largest becomes 0 in the ReLU behind the sum, whatever it is, and needs no
    steps. Only values that nothing else reads, and that have an encoding of their own.
    """
    uses = Counter(v for n in graph.nodes for v in n.uses)
    kept = {p.value for p in graph.outputs}
    weighted = {c.node.name for c in choices if c.form in FORMS and FORMS[c.form].weighted}
    active = {c.node.inputs[0]: c.node.op for c in choices if c.form == CLAMP}
    found = []
    for c in choices:
        if c.form == MERGED and c.node.name in active:
            a, b = c.node.inputs
            found += [(v, w, active[c.node.name] == "Relu6") for v, w in ((a, b), (b, a))
                      if uses[v] == 1 and v not in kept and v in weighted]
    return found
