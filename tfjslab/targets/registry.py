"""The targets whose files this house writes or knows, one row each; the web module's is beside its exporter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.graph.ir import Graph
from tfjslab.targets import tfjs, tflite
from tfjslab.targets.refusal import TargetRefusal


@dataclass(frozen=True)
class RunTarget:
    """Who would run the model: ``source`` says which version the answers are about."""

    name: str
    source: Callable[[], str]
    refusals: Callable[[Graph], tuple[TargetRefusal, ...]]


TARGETS: dict[str, RunTarget] = {
    **{b: RunTarget(b, tfjs.source, partial(tfjs.refusals, backend=b)) for b in tfjs.BACKENDS},
    "tflite": RunTarget("tflite", lambda: tflite.SOURCE, tflite.refusals),
}


def target_called(name: str) -> RunTarget:
    """The target of that name; UsageError lists them."""
    if name not in TARGETS:
        raise UsageError(f"target '{name}' is not one of {', '.join(TARGETS)}{did_you_mean(name, TARGETS)}")
    return TARGETS[name]


def refused_everywhere(graph: Graph) -> tuple[TargetRefusal, ...]:
    """The nodes that TensorFlow.js refuses on every backend: no page could run the model."""
    by_backend = [{r.node: r for r in TARGETS[b].refusals(graph)} for b in tfjs.BACKENDS]
    first, others = by_backend[0], by_backend[1:]
    return tuple(r for name, r in first.items() if all(name in found for found in others))
