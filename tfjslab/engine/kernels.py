"""Running one op on tensors: a plan of one node on the eager session, cached by op, shapes, dtypes and attributes."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfjslab.backends import rows
from tfjslab.backends.base import CommandInfo, Plan, RunStamps
from tfjslab.backends.host import Live, describe, run_promoted, spec_of
from tfjslab.backends.host_threads import host_threads
from tfjslab.base.dtypes import ON_HOST
from tfjslab.base.errors import BackendError, DTypeError, TfjslabError
from tfjslab.base.interrupts import UninterruptedBut
from tfjslab.engine.create import make_tensors
from tfjslab.engine.debugging import check_numbers
from tfjslab.engine.recorder import KernelRecorder, active_recorder
from tfjslab.engine.sessions import Data, EagerSession, on_session
from tfjslab.engine.state import STATE
from tfjslab.engine.tensor import Tensor
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.graph.specialize import Specialized, specialize
from tfjslab.graph.suppression import cut, cut_outputs, fix_suppressions
from tfjslab.ops.promotion import casts
from tfjslab.ops.registry import OpDef, Spec


@dataclass(frozen=True, eq=False)
class OneNode:
    """An op with its attributes for inputs of certain shapes. ``plan`` is None when only the host can run it.

    ``cuts`` are outputs that the plan makes longer, with the values that they are cut from.
    """

    node: Node
    plan: Plan | None
    cuts: Mapping[str, tuple[str, str]]

    def dispose(self) -> None:
        """Give the plan back."""
        if self.plan is not None:
            self.plan.dispose()


def run_kernel(
    definition: OpDef, inputs: Sequence[Tensor | None], attrs: Mapping[str, Any], attrs_key: Hashable,
) -> list[Tensor]:
    """Run an op on the current backend. ``attrs`` are resolved; ``attrs_key`` is what tells them apart."""
    with STATE.lock:
        outs = on_session(lambda eager: _run(eager, definition, inputs, attrs, attrs_key))
        if STATE.watch is not None:
            STATE.watch.ran(definition.name, outs)
    check_numbers(definition.api or definition.name, outs)
    return outs


def _run(
    eager: EagerSession, definition: OpDef, inputs: Sequence[Tensor | None], attrs: Mapping[str, Any],
    attrs_key: Hashable,
) -> list[Tensor]:
    recorder = active_recorder()
    if recorder is not None:
        recorder.on(eager.backend)
    key = (definition.name, attrs_key, *[None if t is None else t.signature for t in inputs])
    one = eager.plans.get(key)
    if one is None:
        with UninterruptedBut():
            one = _prepare(eager, definition, inputs, attrs)
            eager.remember(key, one)
    else:
        eager.plans.move_to_end(key)
    if definition.facts.shares_bytes:  # as in TensorFlow.js
        return [_share(one, inputs, attrs)]
    if one.plan is None:
        return _run_on_host(eager, one.node, inputs)
    with UninterruptedBut():
        return _run_plan(eager, one, inputs, recorder)


def _run_plan(
    eager: EagerSession, one: OneNode, inputs: Sequence[Tensor | None], recorder: KernelRecorder | None,
) -> list[Tensor]:
    plan, names = one.plan, one.node.outputs
    if plan is None:
        raise BackendError(f"{one.node.op} has no plan")
    feeds = {name: t.data_ref().on(eager) for name, t in zip(one.node.inputs, inputs, strict=True) if t is not None}
    stamps = None if recorder is None else RunStamps()
    results: Mapping[str, Any] = plan.run(feeds, stamps=stamps, keep=not one.cuts)
    if one.cuts:
        arrays = [cut(results.__getitem__, one.cuts[n]) if n in one.cuts else results[n] for n in names]
        outs = make_tensors(arrays)
    else:
        outs = [Tensor(Data(b.dtype, buffer=b, eager=eager), b.shape, b.dtype) for b in (results[n] for n in names)]
    if recorder is not None and stamps is not None:
        recorder.add(lambda: _counted(plan.info.commands), stamps, Live())
    return outs


def _counted(commands: Sequence[CommandInfo]) -> list[CommandInfo]:
    """The outputs are tensors by the time of recording and are counted as such, wherever the backend has put them."""
    return [*commands[:-1], replace(commands[-1], bytes_live=0, tensors_live=0, buffers=())]


def _prepare(
    eager: EagerSession, definition: OpDef, inputs: Sequence[Tensor | None], attrs: Mapping[str, Any],
) -> OneNode:
    """Infer and compile; raises the typed error of the op's rule with the op's name in front."""
    names = tuple("" if t is None else f"in{i}" for i, t in enumerate(inputs))
    feeds = {name: Spec(t.signature[0], t.dtype) for name, t in zip(names, inputs, strict=True) if t is not None}
    _check(definition, list(feeds.values()), attrs)
    count = definition.outputs_of(attrs, len(inputs))
    if count is None:
        raise BackendError(f"{definition.name} cannot be run by itself: only a model tells how many outputs it has")
    node = Node(definition.name, definition.name, names, attrs, num_outputs=count)
    ports = tuple(Port(v, v, s.shape, s.dtype) for v, s in feeds.items())
    graph = Graph(ports, tuple(Port(v, v, None, "") for v in node.outputs), (node,))
    program = fix_suppressions(specialize(graph, feeds), feeds)
    cuts = cut_outputs(program, node.outputs)
    program = _without(program, cuts)
    outputs = tuple(dict.fromkeys(made for v in node.outputs for made in cuts.get(v, (v,))))
    specs = (*feeds.values(), *(program.specs[v] for v in outputs))
    static = bool(program.graph.nodes) and all(n.name in program.static for n in program.graph.nodes)
    # A node that shape inference computed already (the shape of a tensor) needs no kernel either.
    compiled = static and all(s.dtype not in ON_HOST for s in specs)
    plan = eager.session.compile(program, outputs) if compiled and not definition.facts.shares_bytes else None
    return OneNode(node, plan, cuts)


def _without(program: Specialized, names: Collection[str]) -> Specialized:
    """The program without some of its nodes."""
    nodes = tuple(n for n in program.graph.nodes if n.name not in names)
    return Specialized(program.graph.with_(nodes=nodes), program.specs, program.static)


def _check(definition: OpDef, specs: Sequence[Spec], attrs: Mapping[str, Any]) -> None:
    """Let the op's rule refuse, behind its casts; its error gets the name of the eager function in front."""
    needed = casts(definition.facts.promotes, [s.dtype for s in specs])
    dtypes = needed.inputs if needed else ("",) * len(specs)
    try:
        if needed is None or not needed.passes_on:
            definition.infer([replace(s, dtype=d or s.dtype) for s, d in zip(specs, dtypes, strict=True)], attrs)
    except TfjslabError as e:
        text = str(e).removeprefix(f"{definition.name}: ")
        raise type(e)(f"{definition.api or definition.name}: {text}", code=e.code) from None


def _share(one: OneNode, inputs: Sequence[Tensor | None], attrs: Mapping[str, Any]) -> Tensor:
    (x,) = (t for t in inputs if t is not None)
    (out,) = one.node.definition.infer([Spec(x.signature[0], x.dtype)], attrs)
    made = x.shared(out.known_shape)
    recorder = active_recorder()
    if recorder is not None:
        spec = Spec(x.signature[0], x.dtype)
        recorder.add(lambda: [describe(one.node, [spec], [out], Live())], [0.0], Live())
    return made


def _run_on_host(eager: EagerSession, node: Node, inputs: Sequence[Tensor | None]) -> list[Tensor]:
    recorder = active_recorder()
    before = recorder.clock() if recorder else 0.0
    arrays = [None if t is None else t.numpy() for t in inputs]
    is_host = rows.is_host(eager.backend.name)
    with host_threads(0 if is_host else eager.backend.threads):
        values = run_promoted(node, arrays, node.attrs)
    if not all(isinstance(v, np.ndarray) for v in values):
        raise DTypeError(f"{node.op} makes a list of tensors, which only a model can hold")
    elapsed = (recorder.clock() - before) * 1e3 if recorder else 0.0
    if recorder:
        ins, outs = ([spec_of(v) for v in vs if v is not None] for vs in (arrays, values))
        reason = "" if is_host else "its shape depends on data or it handles strings or complex numbers"
        live = Live(sum(s.num_bytes for s in outs), len(outs))
        recorder.add(lambda: [describe(node, ins, outs, live, fallback=reason)], [elapsed], Live())
    return make_tensors(values)
