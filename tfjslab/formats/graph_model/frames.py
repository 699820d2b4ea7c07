"""TensorFlow 1 loops (Enter, Merge, Switch, LoopCond, NextIteration, Exit) become structured ``While`` nodes.

A frame's loop variables are its Enter -> Merge pairs. What leads to LoopCond is the condition, what leads to the
NextIterations is the body; both become functions over the same arguments: the variables, then the constant Enters,
then values from outside that the file uses without an Enter. Inner frames are converted before the outer ones, so a
function's own loops are ``While`` nodes in it. Constants are copied into the functions that use them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tfjslab.base.errors import ModelError
from tfjslab.base.limits import LIMITS
from tfjslab.formats.graph_model import graphdef
from tfjslab.formats.graph_model.graphdef import RawFunction, RawNode, Ref
from tfjslab.formats.strict_json import show, typed

_ENTER, _MERGE, _SWITCH = ("Enter", "RefEnter"), ("Merge", "RefMerge"), ("Switch", "RefSwitch")
_EXIT, _NEXT = ("Exit", "RefExit"), ("NextIteration", "RefNextIteration")


@dataclass(frozen=True)
class Converted:
    """Nodes without frames, the functions made, and where the values of Exits went."""

    nodes: dict[str, RawNode]
    functions: dict[str, RawFunction]
    alias: Mapping[Ref, Ref]


@dataclass
class _Work:
    """The graph while frames are taken out of it, with who reads whom kept up to date."""

    where: str
    nodes: dict[str, RawNode]
    consumers: dict[str, list[str]] = field(default_factory=dict)
    functions: dict[str, RawFunction] = field(default_factory=dict)
    alias: dict[Ref, Ref] = field(default_factory=dict)

    def connect(self, node: RawNode) -> None:
        """Note what ``node`` reads."""
        for name in dict.fromkeys((*(n for n, _ in node.inputs), *node.control)):
            self.consumers.setdefault(name, []).append(node.name)

    def fail(self, node: str, reason: str) -> ModelError:
        """The error for a malformed frame."""
        return ModelError(f"{self.where}: loop at node {show(node)}: {reason}", code="model.loop")


@dataclass(frozen=True)
class _Frame:
    """One loop's parts. ``variables`` are (Enter, Merge, NextIteration) names; ``arguments`` maps refs to positions."""

    name: str
    members: frozenset[str]
    variables: tuple[tuple[str, str, str], ...]
    invariants: tuple[str, ...]
    condition: str
    switches: Mapping[str, int]


def convert_frames(nodes: Mapping[str, RawNode], functions: Iterable[str], where: str) -> Converted:
    """Replace every frame. ``functions`` are names already taken. ModelError (``model.loop``) on malformed frames."""
    work = _Work(where, _read_constants_directly(nodes))
    for node in work.nodes.values():
        work.connect(node)
    frames: dict[str, list[str]] = {}
    for node in nodes.values():
        if node.op in _ENTER:
            frames.setdefault(_frame_name(node, where), []).append(node.name)
    taken = set(functions)
    for name in _innermost_first(work, frames):
        _convert(work, name, frames[name], taken)
    return Converted(work.nodes, work.functions, work.alias)


def _read_constants_directly(nodes: Mapping[str, RawNode]) -> dict[str, RawNode]:
    """Let readers of ``Enter(constant)`` read the constant, so that shapes and axes stay known inside of loops.

    A control edge to the Enter stays: it tells that the reader is inside of the loop.
    """
    entered: dict[Ref, tuple[Ref, str]] = {}
    for node in nodes.values():
        source = node
        for _ in range(LIMITS.function_depth):
            if source.op not in _ENTER or source.attrs.get("is_constant") != {"b": True} or len(source.inputs) != 1:
                break
            name, index = source.inputs[0]
            if name not in nodes:
                break
            source = nodes[name]
            if source.op == "Const" and index == 0:
                entered[node.name, 0] = (source.name, 0), node.name
    out = dict(nodes)
    for node in nodes.values():
        hit = [entered[r][1] for r in node.inputs if r in entered]
        if hit and node.op not in _ENTER and node.op not in _MERGE:
            inputs = tuple(entered[r][0] if r in entered else r for r in node.inputs)
            out[node.name] = replace(node, inputs=inputs, control=(*node.control, *hit))
    return out


def _frame_name(enter: RawNode, where: str) -> str:
    name = graphdef.attr_value(enter.attrs.get("frame_name"), f"{where}: node {show(enter.name)}: frame_name")
    if not isinstance(name, str) or len(enter.inputs) != 1:
        raise ModelError(f"{where}: node {show(enter.name)}: expected a frame name and one input", code="model.loop")
    return name


def _innermost_first(work: _Work, frames: Mapping[str, list[str]]) -> list[str]:
    """Frames by size: an inner frame's nodes are a part of its outer frame's."""
    sizes: dict[str, int] = {}
    total = 0
    for name, enters in frames.items():
        sizes[name] = len(_members(work, enters))
        total += sizes[name]
        # Each level of nesting counts its nodes again; this bounds the work on files made to waste it.
        if total > LIMITS.function_depth * len(work.nodes):
            raise work.fail(enters[0], f"frames are nested deeper than {LIMITS.function_depth}")
    return sorted(frames, key=lambda n: sizes[n])


def _members(work: _Work, enters: Iterable[str]) -> frozenset[str]:
    """All nodes that depend on the frame's Enters, up to and including its Exits."""
    depth = dict.fromkeys(enters, 0)
    queue = deque(depth)
    while queue:
        name = queue.popleft()
        if work.nodes[name].op in _EXIT and depth[name] < 0:
            continue
        for user in work.consumers.get(name, ()):
            if user in work.nodes and user not in depth:
                op = work.nodes[user].op
                depth[user] = depth[name] + (op in _ENTER) - (op in _EXIT)
                queue.append(user)
    return frozenset(depth)


def _convert(work: _Work, name: str, enters: list[str], taken: set[str]) -> None:
    frame = _analyse(work, name, enters)
    loop = name if name not in work.nodes and ":" not in name and name.strip() else f"{enters[0]}/while"
    variables = frame.variables
    arguments: dict[Ref, int] = {}
    names: list[tuple[str, str]] = []
    outside: list[Ref] = []
    for enter, local in [(e, m) for e, m, _ in variables] + [(e, e) for e in frame.invariants]:
        arguments[local, 0] = len(names)
        kind = typed(work.nodes[enter].attrs.get("T", {}), dict, f"{work.where}: node {show(enter)}: T")
        names.append((local, graphdef.dtype_or_empty(kind.get("type"))))
        outside.append(work.nodes[enter].inputs[0])
    extract = _Extract(work, frame, arguments, names, outside)
    test = extract.run([work.nodes[frame.condition].inputs[0]])
    for switch, index in frame.switches.items():
        arguments[switch, 1] = index
    steps = [work.nodes[n].inputs[0] for _, _, n in variables]
    body = extract.run(steps)
    results = [extract.local(s) for s in steps] + [(n, 0) for n, _ in names[len(variables):]]
    made = {
        "cond": RawFunction("", tuple(names), (("cond", extract.local(work.nodes[frame.condition].inputs[0])),), test),
        "body": RawFunction("", tuple(names), tuple((f"out{i}", r) for i, r in enumerate(results)), body),
    }
    attrs = {}
    for role, function in made.items():
        unique = f"{loop}/{role}"
        while unique in taken:
            unique += "_"
        taken.add(unique)
        work.functions[unique] = replace(function, name=unique)
        attrs[role] = {"func": {"name": unique}}
    _splice(work, frame, RawNode(loop, "While", tuple(outside), attrs=attrs))


def _analyse(work: _Work, name: str, enters: list[str]) -> _Frame:
    """Find the frame's parts and refuse whatever is not a loop as TensorFlow builds them."""
    members = _members(work, enters)
    nodes = work.nodes
    here = {op: [m for m in sorted(members) if nodes[m].op == op] for op in ("LoopCond", *_SWITCH, *_NEXT)}
    if len(here["LoopCond"]) != 1 or len(nodes[here["LoopCond"][0]].inputs) != 1:
        raise work.fail(enters[0], f"{len(here['LoopCond'])} LoopCond nodes in frame {show(name)}, expected one")
    condition = here["LoopCond"][0]
    variables: list[tuple[str, str, str]] = []
    invariants: list[str] = []
    for enter in enters:
        readers = [c for c in work.consumers.get(enter, ()) if c in nodes and (enter, 0) in nodes[c].inputs]
        merges = [c for c in readers if nodes[c].op in _MERGE]
        # One that only control edges lead to is a constant that is read directly.
        invariants += [enter] if readers and not merges else []
        variables.extend((enter, m, _next_of(work, m, enter)) for m in merges)
    position = {m: i for i, (_, m, _) in enumerate(variables)}
    if len(position) != len(variables):
        raise work.fail(enters[0], "a Merge has two Enters")
    switches: dict[str, int] = {}
    for switch in (s for op in _SWITCH for s in here[op]):
        inputs = nodes[switch].inputs
        if len(inputs) == 2 and inputs[1] == (condition, 0):  # noqa: PLR2004 - data, predicate
            if inputs[0][0] not in position or inputs[0][1] != 0:
                raise work.fail(switch, "a Switch of the loop does not take a loop variable")
            switches[switch] = position[inputs[0][0]]
    return _Frame(name, members, tuple(variables), tuple(invariants), condition, switches)


def _next_of(work: _Work, merge: str, enter: str) -> str:
    inputs = work.nodes[merge].inputs
    others = [n for n, _ in inputs if n != enter]
    if len(inputs) != 2 or len(others) != 1 or others[0] not in work.nodes:  # noqa: PLR2004 - Enter, NextIteration
        raise work.fail(merge, "a loop's Merge takes an Enter and a NextIteration")
    step = work.nodes[others[0]]
    if step.op not in _NEXT or len(step.inputs) != 1:
        raise work.fail(merge, f"found {show(step.op)} where a NextIteration closes the loop")
    return step.name


@dataclass
class _Extract:
    """Copies what a function needs, adding an argument for each outside value it meets."""

    work: _Work
    frame: _Frame
    arguments: dict[Ref, int]
    names: list[tuple[str, str]]
    outside: list[Ref]

    def run(self, roots: Iterable[Ref]) -> dict[str, RawNode]:
        """The nodes that compute ``roots``, reading arguments by their names."""
        found: dict[str, RawNode] = {}
        todo = list(roots)
        while todo:
            ref = todo.pop()
            if ref in self.arguments or ref[0] in found:
                continue
            node = self.work.nodes.get(ref[0])
            if node is None:
                raise self.work.fail(ref[0], "no such node outside of an inner loop; values leave loops by an Exit")
            if node.op != "Const" and node.name not in self.frame.members:
                self._capture(ref)
                continue
            self._refuse_frame_ops(node)
            found[node.name] = node
            todo.extend(node.inputs)
        return {n: replace(v, inputs=tuple(self.local(r) for r in v.inputs), control=()) for n, v in found.items()}

    def _capture(self, ref: Ref) -> None:
        self.arguments[ref] = len(self.names)
        self.names.append((f"{ref[0]}/captured_{ref[1]}", ""))
        self.outside.append(ref)

    def _refuse_frame_ops(self, node: RawNode) -> None:
        loop_merge = node.op in _MERGE and any(node.name == m for _, m, _ in self.frame.variables)
        if node.op in (*_ENTER, *_EXIT, *_NEXT, "LoopCond") or node.name in self.frame.switches or loop_merge:
            raise self.work.fail(node.name, f"its {node.op} is read where TensorFlow never reads it")

    def local(self, ref: Ref) -> Ref:
        """What ``ref`` is called inside of the function."""
        index = self.arguments.get(ref)
        return ref if index is None else (self.names[index][0], 0)


def _splice(work: _Work, frame: _Frame, loop: RawNode) -> None:
    """Put ``loop`` in the place of the frame's nodes and of its Exits' values."""
    moved: dict[str, int] = {}
    for name in frame.members:
        node = work.nodes[name]
        if node.op in _EXIT:
            source = node.inputs[0] if len(node.inputs) == 1 else ("", -1)
            if source[0] not in frame.switches or source[1] != 0:
                raise work.fail(name, "an Exit takes the first output of a Switch of its loop")
            moved[name] = frame.switches[source[0]]
    readers = [c for e in moved for c in work.consumers.get(e, ()) if c in work.nodes]
    for name in frame.members:
        del work.nodes[name]
    work.nodes[loop.name] = loop
    work.connect(loop)
    work.alias.update({(e, 0): (loop.name, i) for e, i in moved.items()})
    for name in dict.fromkeys(readers):
        reader = work.nodes[name]
        inputs = tuple((loop.name, moved[n]) if n in moved and i == 0 else (n, i) for n, i in reader.inputs)
        control = tuple(loop.name if c in moved else c for c in reader.control)
        work.nodes[name] = replace(reader, inputs=inputs, control=control)
        work.consumers.setdefault(loop.name, []).append(name)
