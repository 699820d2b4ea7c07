"""Recurrent layers: all steps in one call, with the recurrent weights in the order in which they are read."""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.matmul import pack_panels, panels_kernel
from tfjslab.backends.wasm.lower.operands import WasmEpilogue
from tfjslab.backends.wasm.lower.registry import lowering
from tfjslab.backends.wasm.text.packing import Block, packer
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import Array
from tfjslab.ops.cells import Traced, elementwise_activation, trace
from tfjslab.ops.expr import Expr, X, flops, replace_expr
from tfjslab.ops.recurrent import cell_of, optional_inputs
from tfjslab.passes.fusion import Group

_LINE = 64
_SUMS = WasmEpilogue(X, (), ())


@dataclass(frozen=True)
class _Phase:
    """What the kernel source needs of a phase; see there.

    ``left`` is "" for the state, else a name in scratch, ``gate`` the first of its gates. ``results`` are numbers of
    expressions and where each goes.
    """

    left: str
    gate: int
    panels: int
    results: tuple[tuple[int, str], ...]


@lowering("SimpleRNN", "LSTM", "GRU")
def lower_recurrent(b: WasmBuilder, group: Group) -> None:
    """Rows of the batch are shared among threads; steps are not, for each needs all of the one before."""
    core = group.core_node
    x, weights, *_ = core.inputs
    others = optional_inputs(core.op, core.inputs)
    batch, steps, wide = b.shape(x)
    units, cell, attrs = b.shape(weights)[0], cell_of(core.op, core.attrs), core.attrs
    activations = attrs["activation"], attrs.get("recurrent_activation", "linear")
    if not all(map(elementwise_activation, activations)):
        b.refuse(core, "an activation that is no function of single elements")
        return
    traced = trace(cell, *activations, biased=bool(others.bias))
    parts = [panels_kernel(_SUMS, (1, units, len(p.gates) * units), b.lanes) for p in traced.phases]
    packed = [
        b.packed(weights, ("gates", p.gates, made.panel), pack_gates(p.gates[0], p.gates[-1], made.panel))
        for p, made in zip(traced.phases, parts, strict=True)
    ]
    if None in packed:
        b.refuse(core, "recurrent weights that are no constant")
        return
    sources = {"x": b.rows(x)} | {f"w{i}": w for i, w in enumerate(packed) if w}
    sources |= {n: b.rows(v) for n, v in (("bias", others.bias), ("mask", others.mask)) if v}
    sources |= {f"given{i}": b.rows(v) for i, v in enumerate(others.states)}
    results = dict(zip(("y", *(f"last{i}" for i in range(cell.states))), map(b.new, core.outputs), strict=True))
    phases, leaves, expressions = _phases(traced, [made.units for made in parts])
    stored = (*(f"h{i}" for i in range(cell.states)), *(p.left for p in phases if p.left), "sums")
    row = -(-4 * (units + b.lanes) // _LINE) * _LINE
    k = kernel(
        "recurrent", (*sources, *results), expressions=expressions, parts=tuple(made.kernel for made in parts),
        units=units, steps=steps, gates=cell.gates, states=cell.states, given=bool(others.states),
        masked=bool(others.mask), backwards=attrs["go_backwards"], leaves=leaves, phases=phases, row=row,
        places=tuple((name, i * row) for i, name in enumerate(stored)),
    )
    work = batch * steps * wide * (2 * units + sum(map(flops, expressions)))
    scratch = row * (len(stored) + cell.gates)
    b.call(k, (*sources.values(), *results.values()), batch, flops=work, scratch_bytes=scratch)


def _phases(traced: Traced, panels: list[int]) -> tuple[tuple[_Phase, ...], tuple[str, ...], tuple[Expr, ...]]:
    """The phases, the names of all leaves, and the expressions that the phases number.

    Of the states the first, which is the output, comes last: it is an expression of the other.
    """
    leaves, results = list(traced.leaves), list(traced.results)
    for i in range(1, len(results)):
        leaves.append(f"n{i}")
        results[0] = replace_expr(results[0], results[i], Expr("in", leaf=len(leaves) - 1))
    ends = [(results[i], f"h{i}") for i in reversed(range(len(results)))]
    expressions: list[Expr] = []
    phases = []
    lefts = [p.left for p in traced.phases[1:]]
    for i, p in enumerate(traced.phases):
        after = lefts[i] if i < len(lefts) else None
        made = ends if i == len(lefts) else [(after, f"left{i + 1}")] if after is not None else []
        numbers = tuple((len(expressions) + n, place) for n, (_, place) in enumerate(made))
        expressions += [e for e, _ in made]
        phases.append(_Phase(f"left{i}" if p.left is not None else "", p.gates[0], panels[i], numbers))
    return tuple(phases), tuple(leaves), tuple(expressions)


@packer
def pack_gates(w: Array, first: int, last: int, panel: int) -> Block:
    """Recurrent weights [units, gates * units] of some neighbouring gates as column panels."""
    units = len(w)
    columns = w[:, first * units : (last + 1) * units]
    return pack_panels((1, *columns.shape, panel), False)(columns)  # noqa: FBT003 - not transposed
