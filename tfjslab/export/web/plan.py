"""What a web module runs: one static program without host steps, or a refusal that names every node in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tfjslab.backends.kernels.lowering import refusal
from tfjslab.backends.wasm.forms import with_kernels
from tfjslab.backends.wasm.lower.registry import TABLE
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ModelError
from tfjslab.base.text import counted
from tfjslab.graph.ir import INITIAL_STATES, Graph, Port
from tfjslab.graph.specialize import Specialized
from tfjslab.model.schedule import NodeStep, PlanStep, Schedule, schedule
from tfjslab.model.states import state_ports
from tfjslab.ops.registry import Spec

DTYPES = ("float32", "int32", "bool", "int8", "uint8", "int16")  # those that a typed array can hold
_BY_DATA = "its shape depends on data, or it is control flow"


@dataclass(frozen=True, eq=False)
class WebState:
    """What a module keeps: the value that ``start`` is in the next call, and what it is at first, if not 0."""

    start: str
    end: str
    first: Array | None


@dataclass(frozen=True, eq=False)
class WebProgram:
    """The program of the model called ``name``, and the model's ports, whose shapes are all known now.

    Those of ``states`` are not among them.

    Where data decide the length of an output, its port has the largest shape, and ``lengths`` the value with the length
    at its place; "" elsewhere. ``quantization`` tells, by a port's name, what its integers stand for.
    """

    name: str
    program: Specialized
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    lengths: tuple[str, ...]
    quantization: Mapping[str, Mapping[str, Any]]
    states: tuple[WebState, ...]

    @property
    def fed(self) -> tuple[str, ...]:
        """The values that the program is given, by its caller and by itself."""
        return (*(p.value for p in self.inputs), *(s.start for s in self.states))

    @property
    def made(self) -> tuple[str, ...]:
        """The values that the program makes for its caller, and for its next run."""
        ends = (s.end for s in self.states)
        return tuple(dict.fromkeys(filter(None, (*(p.value for p in self.outputs), *self.lengths, *ends))))


def web_program(graph: Graph, shapes: Mapping[str, tuple[int, ...]], name: str) -> WebProgram:
    """The whole of ``graph`` as one static program for inputs of ``shapes`` (by input name), without its states.

    Raises ModelError (``export.host``) that names each node which has no WebAssembly kernel, with its reason.
    """
    steps = _steps(graph, shapes)
    if refused := _all_refused(graph, steps, name):
        raise needs_host(name, refused)
    specs = steps.specs
    program = with_kernels(_plans(steps)[0].program, steps.outputs)
    kept = state_ports(graph)
    own = {p.name for pair in kept for p in pair}
    inputs, outputs = ([p for p in ports if p.name not in own] for ports in (graph.inputs, graph.outputs))
    whole = [replace(p, value=steps.cuts.get(p.value, (p.value, ""))[0]) for p in outputs]
    lengths = tuple(steps.cuts.get(p.value, ("", ""))[1] for p in outputs)
    first = graph.metadata.get(INITIAL_STATES) or {}
    states = tuple(WebState(start.value, end.value, first.get(start.name)) for start, end in kept)
    return WebProgram(name, program, _known(inputs, program, specs), _known(whole, program, specs), lengths,
                      graph.metadata.get("quantization", {}), states)


def refused(graph: Graph, shapes: Mapping[str, tuple[int, ...]], name: str) -> list[tuple[str, str]]:
    """Why ``graph`` cannot be a web module, as (reason, node or port), before kernels are chosen; empty when it can."""
    return _all_refused(graph, _steps(graph, shapes), name)


def _steps(graph: Graph, shapes: Mapping[str, tuple[int, ...]]) -> Schedule:
    own = {start.name: tuple(d or 0 for d in start.shape or ()) for start, _ in state_ports(graph)}
    feeds = {p.value: Spec({**own, **shapes}[p.name], p.dtype or "float32") for p in graph.inputs}
    return schedule(graph, feeds, tuple(dict.fromkeys(p.value for p in graph.outputs)))


def _plans(steps: Schedule) -> list[PlanStep]:
    return [s for s in steps.steps if isinstance(s, PlanStep)]


def _all_refused(graph: Graph, steps: Schedule, name: str) -> list[tuple[str, str]]:
    found, specs, plans = _refused(steps), steps.specs, _plans(steps)
    for kind, ports in (("input", graph.inputs), ("output", graph.outputs)):
        found += [(f"{kind}: dtype {specs[p.value].dtype or 'unknown'}", p.name) for p in ports
                  if specs[p.value].dtype not in DTYPES and p.value not in steps.cuts]
    missing = set(steps.outputs) - {v for g in plans for v in g.outputs}
    found += [("output: does not depend on the inputs", v) for v in sorted(missing)]
    return found or ([] if len(plans) == 1 else [("the model falls into several parts", name)])


def _refused(steps: Schedule) -> list[tuple[str, str]]:
    """Why nodes cannot be in a module, and their names, in the model's order."""
    found = []
    for step in steps.steps:
        if isinstance(step, NodeStep):
            found.append((f"{step.node.op}: {_BY_DATA}", step.node.name))
        else:
            program = with_kernels(step.program, step.outputs)
            named = ((n, refusal(TABLE, n, program.specs)) for n in program.graph.nodes)
            found += [(f"{n.op}: {reason}", n.name) for n, reason in named if reason]
    return found


class NeedsHostError(ModelError):
    """Nodes have no WebAssembly kernel; ``reasons`` are why, each once."""

    def __init__(self, message: str, reasons: Sequence[str]) -> None:
        super().__init__(message, code="export.host")
        self.reasons = tuple(reasons)


def needs_host(model: str, refused: list[tuple[str, str]]) -> NeedsHostError:
    """The error that names all nodes in the way, given as (reason, name): those with one reason together."""
    by_reason: dict[str, list[str]] = {}
    for reason, name in refused:
        by_reason.setdefault(reason, []).append(f"'{name}'")
    lines = [f"\n  {reason} ({len(names)}): {', '.join(names)}" for reason, names in by_reason.items()]
    return NeedsHostError(
        f"model '{model}' cannot be a web module: a browser has no host for what has no WebAssembly kernel; found "
        f"{counted(len(refused), 'node')}:{''.join(lines)}", tuple(by_reason),
    )


def _known(ports: Sequence[Port], program: Specialized, specs: Mapping[str, Spec]) -> tuple[Port, ...]:
    """Ports with the shapes and dtypes that hold in the program."""
    found = {**specs, **program.specs}
    return tuple(Port(p.name, p.value, found[p.value].known_shape, found[p.value].dtype) for p in ports)
