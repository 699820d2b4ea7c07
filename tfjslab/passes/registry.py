"""All passes in the order in which they run: one row each. ``run_passes`` is the only way in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from tfjslab.base.errors import UsageError, did_you_mean, each_with_nearest
from tfjslab.graph.ir import Graph, Node
from tfjslab.graph.verify import verify
from tfjslab.ops.control import FUNCTION_ATTRS
from tfjslab.passes import (
    activations,
    batch_norm,
    chains,
    constants,
    dead,
    duplicates,
    epilogues,
    identities,
    padding,
    shapes,
)
from tfjslab.passes.base import TARGETS, Pass, Target
from tfjslab.passes.draft import Draft
from tfjslab.passes.report import Change, PassReport, Refusal, check_claims

PASSES: dict[str, Pass] = {p.name: p for p in (
    dead.PASS, constants.PASS, shapes.PASS, identities.PASS, chains.CASTS, chains.RESHAPES, chains.TRANSPOSES,
    activations.PASS, duplicates.PASS, batch_norm.AFTER, batch_norm.BEFORE, padding.PASS, epilogues.PASS,
)}


def target_called(name: str) -> Target:
    """The target of that name; UsageError lists them."""
    if name not in TARGETS:
        raise UsageError(f"target '{name}' is not one of {', '.join(TARGETS)}{did_you_mean(name, TARGETS)}")
    return TARGETS[name]


def chosen(passes: Iterable[str] | None = None, skip: Collection[str] = ()) -> tuple[Pass, ...]:
    """The passes asked for (None means all) without those to skip, in their order; UsageError for unknown names."""
    wanted = list(PASSES) if passes is None else list(passes)
    unknown = [name for name in dict.fromkeys((*wanted, *skip)) if name not in PASSES]
    if len(unknown) == 1:
        raise UsageError(f"pass '{unknown[0]}' is not one of {', '.join(PASSES)}{did_you_mean(unknown[0], PASSES)}")
    if unknown:
        raise UsageError(f"these are no passes: {each_with_nearest(unknown, PASSES)}; known: {', '.join(PASSES)}")
    return tuple(p for name, p in PASSES.items() if name in wanted and name not in skip)


def run_passes(
    graph: Graph, passes: Sequence[Pass] | None = None, target: str = "tfjs",
) -> tuple[Graph, tuple[PassReport, ...]]:
    """Run passes one after the other, verifying after each; the optimized graph and a report of each.

    The graph that is given stays as it is. Inputs and outputs keep their names, order, shapes and dtypes.
    """
    who = target_called(target)
    reports = []
    for row in chosen() if passes is None else passes:
        before = _count(graph)
        graph, changes, refusals = _apply(row, graph, who, "")
        verify(graph, f"after pass '{row.name}'")
        reports.append(PassReport(row.name, tuple(changes), tuple(refusals), before, _count(graph)))
    return graph, tuple(reports)


def _count(graph: Graph) -> int:
    return sum(len(g.nodes) for g in graph.all_graphs())


def _apply(row: Pass, graph: Graph, target: Target, where: str) -> tuple[Graph, list[Change], list[Refusal]]:
    """One pass on a graph and on the functions that it still calls, whose nodes are told with the function's name."""
    draft = Draft(graph)
    row.run(draft, target)
    made = draft.finish()
    check_claims(graph, made, row.name, draft.changes)
    changes = [Change(c.what, *(_at(where, names) for names in (c.removed, c.changed, c.constants)))
               for c in draft.changes]
    refusals = [Refusal(_at(where, r.nodes), r.reason) for r in draft.refusals]
    functions = {}
    uncalled = _called(graph.nodes) - _called(made.nodes)
    for name, function in graph.functions.items():
        if name in uncalled:
            nodes = _at(f"{where}{name}: ", (n.name for n in function.nodes))
            changes.append(Change(f"nothing calls function {name} any more", nodes, (), ()))
            continue
        functions[name], more, left = _apply(row, function, target, f"{where}{name}: ")
        changes += more
        refusals += left
    same = all(functions.get(k) is v for k, v in graph.functions.items())
    return made if same else made.with_(functions=functions), changes, refusals


def _at(where: str, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{where}{n}" for n in names)


def _called(nodes: Iterable[Node]) -> set[str]:
    return {str(n.attrs[k]) for n in nodes for k in FUNCTION_ATTRS if k in n.attrs}
