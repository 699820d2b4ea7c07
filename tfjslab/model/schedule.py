"""Splitting a graph into steps: static nodes become a few plans, the others are run node by node.

Pure functions. A step is a ``PlanStep`` (nodes whose shapes are all known, compiled as one plan) or a ``NodeStep``.
Nodes behind a ``Switch`` may turn out dead, so a group holds only nodes that are dead or alive together.

Nodes that read a value whose shape depends on data come last, one by one: the tail. When a run gets there, these shapes
are known, and the tail is a graph of its own that can be scheduled for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tfjslab.base.dtypes import ON_HOST
from tfjslab.base.errors import GraphError
from tfjslab.graph.ir import Graph, Node, Port, value_name
from tfjslab.graph.loops import specialize_unrolled
from tfjslab.graph.specialize import Specialized
from tfjslab.graph.suppression import cut_outputs, fix_suppressions
from tfjslab.ops.registry import Spec

# What must hold for a node to be alive: (predicate, branch) pairs from Switch, (Merge, -1) where branches do not match.
Condition = frozenset[tuple[str, int]]
SWITCH, MERGE = "Switch", "Merge"


@dataclass(frozen=True, eq=False)
class PlanStep:
    """Nodes for one plan, as a program with its feeds and results."""

    program: Specialized
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def name(self) -> str:
        """For messages."""
        return f"the {len(self.program.graph.nodes)} nodes from '{self.program.graph.nodes[0].name}' on"


@dataclass(frozen=True, eq=False)
class NodeStep:
    """A node that is run by itself, with the specs that shape inference gave its outputs."""

    node: Node
    promised: tuple[Spec, ...]

    @property
    def name(self) -> str:
        """For messages."""
        return f"node '{self.node.name}' ({self.node.op})"


@dataclass(frozen=True, eq=False)
class Schedule:
    """Steps in order; ``last_uses[i]`` are the values that no step after ``i`` reads and that are no outputs.

    The steps from ``len(steps) - len(tail.nodes)`` on are those of ``tail``, whose inputs have no declared shapes.
    ``outputs`` are what the steps make for the caller: what it asked for, but instead of a value in ``cuts`` one that
    is longer, and its length.
    """

    steps: tuple[PlanStep | NodeStep, ...]
    last_uses: tuple[tuple[str, ...], ...]
    constants: Mapping[str, object]
    specs: Mapping[str, Spec]
    tail: Graph
    outputs: tuple[str, ...]
    cuts: Mapping[str, tuple[str, str]]


def prune(graph: Graph, outputs: Sequence[str]) -> Graph:
    """The part of ``graph`` that ``outputs`` need. Ports stay as they are."""
    wanted = set(outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if not wanted.isdisjoint(node.outputs):
            kept.append(node)
            wanted.update(node.uses)
    constants = {k: v for k, v in graph.constants.items() if k in wanted}
    return graph.with_(nodes=tuple(reversed(kept)), constants=constants)


def schedule(
    graph: Graph, feeds: Mapping[str, Spec], outputs: Sequence[str], library: Mapping[str, Graph] | None = None,
) -> Schedule:
    """Specialize ``graph`` for ``feeds`` and split what ``outputs`` need into as few groups as possible.

    ``library`` are the functions that it may call, its own where none are given.
    """
    cut = _cut_at_feeds(graph, feeds)
    unrolled = specialize_unrolled(prune(cut, outputs), feeds, graph.functions if library is None else library)
    program = fix_suppressions(unrolled, feeds)
    # Folding shape arithmetic leaves nodes behind of which only the shape was read.
    program = _pruned(program, outputs)
    cuts = cut_outputs(program, outputs)
    if cuts:
        outputs = tuple(dict.fromkeys(made for v in outputs for made in cuts.get(v, (v,))))
        program = _pruned(program, outputs)
    known, tail = _parted(program)
    steps = (*_make_steps(program, known, outputs), *_node_steps(program, tail.nodes))
    return Schedule(
        steps, _last_uses(steps, outputs), program.graph.constants, program.specs, tail, tuple(outputs), cuts,
    )


def _pruned(program: Specialized, outputs: Sequence[str]) -> Specialized:
    return Specialized(prune(program.graph, outputs), program.specs, program.static)


def _cut_at_feeds(graph: Graph, feeds: Mapping[str, Spec]) -> Graph:
    """Feeding a value from inside the graph replaces the node that makes it."""
    inner = [n for n in graph.nodes if not set(n.outputs).isdisjoint(feeds)]
    for node in inner:
        missing = [v for v in node.outputs if v not in feeds]
        if missing:
            raise GraphError(f"node '{node.name}' is fed without its output '{missing[0]}'; feed all of its outputs")
    fed = {n.name for n in inner}
    constants = {k: v for k, v in graph.constants.items() if k not in feeds}
    return graph.with_(nodes=tuple(n for n in graph.nodes if n.name not in fed), constants=constants)


def _parted(program: Specialized) -> tuple[tuple[Node, ...], Graph]:
    """Nodes whose inputs have known shapes, and the graph of the others, which no node of the former needs."""
    known: list[Node] = []
    others: list[Node] = []
    for node in program.graph.nodes:
        shapes = [program.specs[v].shape for v in node.uses]
        (others if None in shapes else known).append(node)
    tail = _cut_out(program, others, (), lambda value: Port(value, value, None, program.specs[value].dtype))
    return tuple(known), tail


def conditions(nodes: Sequence[Node]) -> dict[str, Condition]:
    """By value: what must hold for it to be alive."""
    found: dict[str, Condition] = {}
    none: Condition = frozenset()
    if not any(n.op == SWITCH for n in nodes):
        return {v: none for n in nodes for v in n.outputs}
    for node in nodes:
        ins = [found.get(v, none) for v in node.uses]
        if node.op == SWITCH:
            here = none.union(*ins)
            for branch in range(node.num_outputs):
                found[value_name(node.name, branch)] = here | {(node.inputs[1], branch)}
            continue
        alive = _merged(node, ins) if node.op == MERGE else none.union(*ins)
        found.update(dict.fromkeys(node.outputs, alive))
    return found


def _merged(node: Node, ins: Sequence[Condition]) -> Condition:
    """A Merge of both branches of a predicate is alive when the predicate is; any other is a condition of its own."""
    common = frozenset.intersection(*ins)
    rest = [c - common for c in ins]
    if len(rest) == 2 and all(len(r) == 1 for r in rest):  # noqa: PLR2004 - two branches
        (a,), (b,) = rest
        if a[0] == b[0] and {a[1], b[1]} == {0, 1}:
            return common
    return common if not all(rest) else common | {(node.name, -1)}


def _make_steps(
    program: Specialized, nodes: Sequence[Node], outputs: Sequence[str],
) -> tuple[PlanStep | NodeStep, ...]:
    alive = conditions(program.graph.nodes)

    def key(node: Node) -> Condition | None:
        """The group key, None for nodes that are run by themselves."""
        uses = [program.specs[v] for v in (*node.uses, *node.outputs)]
        plain = node.name in program.static and all(s.dtype not in ON_HOST for s in uses)
        return alive[node.outputs[0]] if plain and node.outputs else None

    keys = {n.name: key(n) for n in nodes}
    batches = _batches(nodes, keys, singles_first=True)
    if len(batches) > 1:
        batches = min(batches, _batches(nodes, keys, singles_first=False), key=len)
    steps: list[PlanStep | NodeStep] = []
    for batch in batches:
        if keys[batch[0].name] is None:
            steps.extend(_node_steps(program, batch))
        else:
            steps.append(_group(program, batch, _needed_outside(program.graph, batch, outputs)))
    return tuple(steps)


def _node_steps(program: Specialized, nodes: Sequence[Node]) -> list[NodeStep]:
    return [NodeStep(n, tuple(program.specs[v] for v in n.outputs)) for n in nodes]


def _batches(
    nodes: Sequence[Node], keys: Mapping[str, Condition | None], *, singles_first: bool,
) -> list[list[Node]]:
    """Runs of nodes with equal keys, in an order that respects uses.

    Taking all that can be taken of one key before going to the next gives the fewest batches for two keys, once the
    first is chosen.
    """
    waiting, ready, consumers = _readiness(nodes)
    batches: list[list[Node]] = []
    prefer = singles_first
    while ready:
        pool = [n for n in ready if (keys[n.name] is None) == prefer] or ready
        current = keys[pool[0].name]
        batch = _drain(waiting, ready, consumers, lambda n, c=current: keys[n.name] == c)  # type: ignore[misc]
        batches.append(batch)
        prefer = current is not None
    order = {n.name: i for i, n in enumerate(nodes)}
    return [sorted(b, key=lambda n: order[n.name]) for b in batches]


def _readiness(nodes: Sequence[Node]) -> tuple[dict[str, int], list[Node], dict[str, list[Node]]]:
    """How many producers each node waits for, the nodes that wait for none, and the consumers of each node."""
    makers = {v: n.name for n in nodes for v in n.outputs}
    waiting: dict[str, int] = {}
    consumers: dict[str, list[Node]] = {}
    for node in nodes:
        producers = {makers[v] for v in node.uses if v in makers}
        waiting[node.name] = len(producers)
        for p in producers:
            consumers.setdefault(p, []).append(node)
    return waiting, [n for n in nodes if not waiting[n.name]], consumers


def _drain(
    waiting: dict[str, int], ready: list[Node], consumers: Mapping[str, list[Node]], wanted: Callable[[Node], bool],
) -> list[Node]:
    """Take wanted nodes out of ``ready`` until there are none left, adding what becomes ready."""
    taken: list[Node] = []
    stack = [n for n in ready if wanted(n)]
    ready[:] = [n for n in ready if not wanted(n)]
    while stack:
        node = stack.pop()
        taken.append(node)
        for consumer in consumers.get(node.name, ()):
            waiting[consumer.name] -= 1
            if not waiting[consumer.name]:
                (stack if wanted(consumer) else ready).append(consumer)
    return taken


def _needed_outside(graph: Graph, batch: Sequence[Node], outputs: Sequence[str]) -> tuple[str, ...]:
    inside = {n.name for n in batch}
    used = {v for n in graph.nodes if n.name not in inside for v in n.uses} | set(outputs)
    return tuple(v for n in batch for v in n.outputs if v in used)


def _group(program: Specialized, batch: Sequence[Node], outputs: tuple[str, ...]) -> PlanStep:
    """The program of ``batch``."""
    graph = _cut_out(program, batch, outputs, lambda value: _port(program, value))
    specs = {v: program.specs[v] for n in batch for v in (*n.uses, *n.outputs)}
    inputs = tuple(p.value for p in graph.inputs)
    return PlanStep(Specialized(graph, specs, frozenset(n.name for n in batch)), inputs, outputs)


def _cut_out(
    program: Specialized, nodes: Sequence[Node], outputs: Sequence[str], port: Callable[[str], Port],
) -> Graph:
    """A graph of its own for ``nodes``: values from outside become input ports."""
    made = {v for n in nodes for v in n.outputs}
    read = dict.fromkeys(v for n in nodes for v in n.uses)
    constants = {v: program.graph.constants[v] for v in read if v in program.graph.constants}
    inputs = tuple(port(v) for v in read if v not in made and v not in constants)
    return Graph(inputs, tuple(map(port, outputs)), tuple(nodes), constants)


def _port(program: Specialized, value: str) -> Port:
    spec = program.specs[value]
    return Port(value, value, spec.shape, spec.dtype)


def _last_uses(steps: Sequence[PlanStep | NodeStep], outputs: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    last: dict[str, int] = {}
    for i, step in enumerate(steps):
        touched = (*step.inputs, *step.outputs) if isinstance(step, PlanStep) else (*step.node.uses, *step.node.outputs)
        last.update(dict.fromkeys(touched, i))
    found: list[list[str]] = [[] for _ in steps]
    for value, i in last.items():
        if value not in outputs:
            found[i].append(value)
    return tuple(tuple(f) for f in found)
