"""What ``tfjslab inspect`` says of ops by backends, and of programs that would refuse some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from tfjslab.base.errors import InputError, UsageError, each_with_nearest
from tfjslab.base.text import NOTHING, counted
from tfjslab.cli.output import print_table
from tfjslab.export import targets
from tfjslab.graph.ir import Port
from tfjslab.model.model import Model
from tfjslab.targets.refusal import TargetRefusal, told

_ALL = "all"
# How a node can run, and where a backend's row counts that by op. The rest is settled while a plan is made.
_KINDS = {"kernel": "in_kernels", "host": "fallback", "later": "compiled_later", "executor": "control"}
_PLANNED = "planned"


def chosen_targets(given: Sequence[str]) -> list[str]:
    """The targets of ``--target``; UsageError names all that are unknown, with the nearest."""
    names = [n.strip() for text in given for n in text.split(",") if n.strip()]
    unknown = [n for n in names if n not in (*targets.NAMES, _ALL)]
    if unknown:
        known = (*targets.NAMES, _ALL)
        raise UsageError(f"--target: these are no targets: {each_with_nearest(unknown, known)}; "
                         f"known: {', '.join(known)}")
    return list(targets.NAMES) if _ALL in names else list(dict.fromkeys(names))


def target_row(model: Model, name: str, ports: Sequence[Port]) -> dict[str, Any]:
    """What a target would refuse; None with a reason where that cannot be told."""
    shapes = {p.name: tuple(1 if d is None else d for d in p.shape) for p in ports if p.shape is not None}
    row: dict[str, Any] = {"name": name, "source": targets.source_of(name), "refused": None, "reason": ""}
    try:
        return {**row, "refused": [asdict(r) for r in targets.refusals(model, name, shapes)]}
    except InputError as e:
        return {**row, "reason": str(e)}


def show_targets(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """One block for each target: that it would run the model, or all that it would refuse."""
    for row in rows:
        refused = None if row["refused"] is None else [TargetRefusal(**r) for r in row["refused"]]
        what = "cannot be told" if refused is None else (
            f"refuses {counted(len(refused), 'node')}" if refused else "refuses nothing")
        console.print(f"\n{row['name']} {what} ({row['source']})")
        for line in [row["reason"]] if refused is None else told(refused):
            console.print(f"  {line}")


def matrix(ops: Mapping[str, int], backends: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By op and backend, how many nodes run in which way, and why some are on the host; None where that is unknown."""
    return {op: {b["name"]: _cell(op, nodes, b) for b in backends} for op, nodes in ops.items()}


def _cell(op: str, nodes: int, backend: Mapping[str, Any]) -> dict[str, Any] | None:
    if backend["fallback"] is None:
        return None
    counts = {kind: backend[key].get(op, 0) for kind, key in _KINDS.items()}
    # Shapes that are known when a plan is made, lists of known length, and what such values are made of.
    counts[_PLANNED] = max(nodes - sum(counts.values()), 0)
    return {"nodes": nodes, **counts, "reason": backend["fallback_reasons"].get(op, "")}


def _text(cell: Mapping[str, Any] | None) -> str:
    """How an op's nodes run on a backend, with numbers where they differ."""
    if cell is None:
        return NOTHING
    counts = {kind: cell[kind] for kind in (*_KINDS, _PLANNED) if cell[kind]}
    return next(iter(counts)) if len(counts) == 1 else ", ".join(f"{kind} {n}" for kind, n in counts.items())


def show_matrix(console: Console, data: Mapping[str, Any]) -> None:
    """Ops by backends, then every step on the host: its reason, its nodes, and the backends on which that is so."""
    names = [b["name"] for b in data["backends"]]
    rows = [(op, data["ops"][op], *(_text(cells[n]) for n in names)) for op, cells in data["matrix"].items()]
    print_table(console, "Ops by backends", ("op", "nodes", *names), rows)
    console.print("kernel: in the backend's kernels, fused or not; host: left to numpy; later: compiled when a run has "
                  "found the shapes; executor: loops, branches and calls; planned: settled or rewritten in planning")
    steps: dict[tuple[str, str, str], list[str]] = {}
    for b in data["backends"]:
        for s in b["host_steps"] or ():
            steps.setdefault((s["node"], s["op"], s["reason"]), []).append(b["name"])
    if steps:
        listed = [(*step, ", ".join(where)) for step, where in steps.items()]
        print_table(console, "Steps on the host", ("node", "op", "reason", "backends"), listed, left=4)
