"""``tf.refusals``: what a program that is to run a model would refuse in it, asked before anything is exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.base.shapes import Shape
from tfjslab.base.version import __version__
from tfjslab.export.web.export import shapes_of
from tfjslab.export.web.plan import refused
from tfjslab.model.model import Model
from tfjslab.passes.registry import run_passes
from tfjslab.targets import TARGETS, TargetRefusal

WEB_MODULE = "web-module"
NAMES = (*TARGETS, WEB_MODULE)


def check_target(name: str) -> None:
    """UsageError unless ``name`` is a target; it lists them."""
    if name not in NAMES:
        raise UsageError(f"target '{name}' is not one of {', '.join(NAMES)}{did_you_mean(name, NAMES)}")


def source_of(name: str) -> str:
    """Which version of a target the answers are about."""
    check_target(name)
    return f"tfjslab {__version__}" if name == WEB_MODULE else TARGETS[name].source()


def refusals(model: Model, target: str, shapes: Mapping[str, Shape] | None = None) -> tuple[TargetRefusal, ...]:
    """The nodes of ``model`` that a target would refuse or compute wrongly, each with the reason; empty when it runs.

    Args:
        model: a loaded model; nothing of it is run or written.
        target: ``tfjs-cpu``, ``tfjs-wasm``, ``tfjs-webgl``, ``tfjs-webgpu``, ``tflite`` or ``web-module``.
        shapes: lengths for inputs that leave some open, by name; 1 without it.

    Raises UsageError for unknown targets, and InputError where a web module would need to know more of an input.

    """
    check_target(target)
    if target != WEB_MODULE:
        given = shapes or {}
        inputs = (replace(p, shape=tuple(given[p.name])) for p in model.inputs if p.name in given)
        return TARGETS[target].refusals(model.graph.with_inputs(inputs))
    full = shapes_of(model, shapes or {})
    graph = model.graph if model.graph.metadata.get("execution") else run_passes(model.graph, target="tfjslab")[0]
    ops = {n.name: n.op for n in graph.nodes}
    return tuple(TargetRefusal(name, ops.get(name, ""), reason.removeprefix(f"{ops.get(name, '')}: "))
                 for reason, name in refused(graph, full, model.name))
