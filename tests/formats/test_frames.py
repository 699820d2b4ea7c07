"""TensorFlow 1 loops become structured ones, whatever they look like, or a typed error."""

import base64
import copy

import numpy as np
import pytest

from tfjslab.base.errors import ModelError
from tfjslab.formats.registry import read_model


def text(value):
    return {"s": base64.b64encode(value.encode()).decode()}


def frame(kit, name, variables, condition, body, invariants=()):
    """The nodes of a loop.

    ``variables`` are (short name, initial value, what is next); ``condition`` and ``body`` are nodes;
    ``invariants`` are (short name, value) of constant Enters.
    """
    entering = {"frame_name": text(name), "T": {"type": "DT_INT32"}}
    nodes = [
        kit.node(f"{name}/{n}", "Enter", v, is_constant={"b": True}, frame_name=text(name), T={"type": "DT_INT32"})
        for n, v in invariants
    ]
    for short, start, following in variables:
        nodes += [
            kit.node(f"{name}/{short}/enter", "Enter", start, **entering),
            kit.node(f"{name}/{short}", "Merge", f"{name}/{short}/enter", f"{name}/{short}/next"),
            kit.node(f"{name}/{short}/switch", "Switch", f"{name}/{short}", f"{name}/go"),
            kit.node(f"{name}/{short}/exit", "Exit", f"{name}/{short}/switch"),
            kit.node(f"{name}/{short}/next", "NextIteration", following),
        ]
    return [*nodes, *condition, kit.node(f"{name}/go", "LoopCond", condition[-1]["name"]), *body]


def counting(kit, limit="limit", step="step"):
    """A loop that adds ``step`` to ``start`` while it is below ``limit``."""
    return frame(
        kit,
        "while",
        [("i", "start", "while/add")],
        [kit.node("while/less", "Less", "while/i", limit)],
        [kit.node("while/add", "AddV2", "while/i/switch:1", step)],
    )


CONSTANTS = {"limit": np.int32(10), "step": np.int32(4)}


def model(kit, nodes, output="while/i/exit", weights=None):
    constants = CONSTANTS if weights is None else weights
    all_nodes = [kit.placeholder("start", [], "DT_INT32"), *(kit.const(k, v) for k, v in constants.items()), *nodes]
    return kit.Model(
        [*all_nodes, kit.node("y", "Identity", output)],
        constants,
        signature={"inputs": kit.entries(start=("start:0", [])), "outputs": kit.entries(y=("y:0", []))},
    )


def answer(run, path, start=0, **more):
    return run(read_model(path), {"start": np.int32(start), **more})[0]


def test_a_loop_with_constants_that_have_no_enter(kit, run, tmp_path):
    path = model(kit, counting(kit)).write(tmp_path)
    graph = read_model(path)
    assert [(n.name, n.op, n.inputs) for n in graph.nodes] == [
        ("while", "While", ("start",)),
        ("y", "Identity", ("while",)),
    ]
    assert set(graph.functions) == {"while/cond", "while/body"}
    assert graph.functions["while/body"].constants["step"] == 4, "constants are copied in, shapes stay known"
    assert [p.dtype for p in graph.functions["while/body"].inputs] == ["int32"]
    assert answer(run, path) == 12
    assert answer(run, path, 11) == 11


def test_constant_enters_of_constants_are_read_directly(kit, run, tmp_path):
    nodes = counting(kit, "while/limit", "while/step")
    entering = {"frame_name": text("while"), "is_constant": {"b": True}}
    nodes += [kit.node(f"while/{n}", "Enter", n, **entering) for n in CONSTANTS]
    path = model(kit, nodes).write(tmp_path)
    graph = read_model(path)
    assert len(graph.functions["while/body"].inputs) == 1
    assert answer(run, path) == 12


def test_constant_enters_of_computed_values_are_passed_around(kit, run, tmp_path):
    nodes = [kit.node("twice", "AddV2", "step", "step"), *counting(kit, "while/limit", "while/step")]
    entering = {"frame_name": text("while"), "is_constant": {"b": True}, "T": {"type": "DT_INT32"}}
    nodes += [
        kit.node("while/limit", "Enter", "limit", **entering),
        kit.node("while/step", "Enter", "twice", **entering),
    ]
    path = model(kit, nodes).write(tmp_path)
    loop = next(n for n in read_model(path).nodes if n.op == "While")
    assert loop.inputs == ("start", "twice")
    assert loop.num_outputs == 2
    assert answer(run, path) == 16


def test_values_that_come_in_without_an_enter_are_captured(kit, run, tmp_path):
    nodes = [kit.placeholder("more", [], "DT_INT32"), *counting(kit, step="more")]
    path = model(kit, nodes).write(tmp_path)
    graph = read_model(path)
    assert [p.name for p in graph.inputs] == ["start", "more"]
    assert next(n for n in graph.nodes if n.op == "While").inputs == ("start", "more")
    assert answer(run, path, more=np.int32(7)) == 14


def test_the_exit_itself_may_be_the_output(kit, run, tmp_path):
    built = model(kit, counting(kit))
    built.json["signature"]["outputs"] = kit.entries(y=("while/i/exit:0", []))
    graph = read_model(built.write(tmp_path))
    assert [(p.name, p.value) for p in graph.outputs] == [("while/i/exit", "while")]


def test_nodes_that_only_control_edges_tie_to_the_loop_are_in_it(kit, run, tmp_path):
    """A random number, say, must be drawn anew each time."""
    nodes = counting(kit, step="while/fresh")
    nodes += [
        kit.node("while/pivot", "Identity", "while/i/switch:1"),
        kit.node("while/fresh", "Identity", "step", "^while/pivot"),
    ]
    path = model(kit, nodes).write(tmp_path)
    body = read_model(path).functions["while/body"]
    assert [n.name for n in body.nodes] == ["while/fresh", "while/add"]
    assert answer(run, path) == 12


def nested(kit):
    """Adds i, i - 1, ... 1 to a sum for i = 1 .. start - 1: tetrahedral numbers."""
    inner = frame(
        kit,
        "inner",
        [("k", "outer/i/switch:1", "inner/less1"), ("sum", "outer/sum/switch:1", "inner/plus")],
        [kit.node("inner/more", "Greater", "inner/k", "zero")],
        [
            kit.node("inner/less1", "Sub", "inner/k/switch:1", "one"),
            kit.node("inner/plus", "AddV2", "inner/sum/switch:1", "inner/k/switch:1"),
        ],
    )
    return frame(
        kit,
        "outer",
        [("i", "one", "outer/add"), ("sum", "zero", "inner/sum/exit")],
        [kit.node("outer/less", "Less", "outer/i", "outer/start")],
        [kit.node("outer/add", "AddV2", "outer/i/switch:1", "one"), *inner],
        invariants=[("start", "start")],
    )


def test_nested_loops(kit, run, tmp_path):
    constants = {"zero": np.int32(0), "one": np.int32(1)}
    path = model(kit, nested(kit), "outer/sum/exit", constants).write(tmp_path)
    graph = read_model(path)
    assert [n.op for n in graph.nodes] == ["While", "Identity"]
    assert set(graph.functions) == {"outer/cond", "outer/body"}
    assert set(graph.functions["outer/body"].functions) == {"inner/cond", "inner/body"}
    assert answer(run, path, 5) == 1 + 3 + 6 + 10
    assert answer(run, path, 1) == 0


def test_two_loops_one_after_the_other(kit, run, tmp_path):
    second = copy.deepcopy(counting(kit))
    for n in second:
        n["name"] = n["name"].replace("while", "again")
        n["input"] = [i.replace("while", "again").replace("start", "while/i/exit") for i in n["input"]]
        n["attr"] = {k: text("again") if k == "frame_name" else v for k, v in n["attr"].items()}
    next(n for n in second if n["name"] == "again/less")["input"][1] = "start"
    path = model(kit, counting(kit) + second, "again/i/exit").write(tmp_path)
    assert answer(run, path, 3) == 11


def change(nodes, name, **changes):
    next(n for n in nodes if n["name"] == name).update(changes)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda n: change(n, "while/go", op="Identity"),
            "loop at node 'while/i/enter': 0 LoopCond nodes in frame 'while', expected one",
        ),
        (
            lambda n: change(n, "while/i", input=["while/i/enter"]),
            "loop at node 'while/i': a loop's Merge takes an Enter and a NextIteration",
        ),
        (
            lambda n: change(n, "while/i/next", op="Identity"),
            "loop at node 'while/i': found 'Identity' where a NextIteration closes the loop",
        ),
        (
            lambda n: change(n, "while/i/switch", input=["start", "while/go"]),
            "loop at node 'while/i/switch': a Switch of the loop does not take a loop variable",
        ),
        (
            lambda n: change(n, "while/i/exit", input=["while/i/switch:1"]),
            "loop at node 'while/i/exit': an Exit takes the first output of a Switch of its loop",
        ),
        (
            lambda n: change(n, "while/add", input=["while/i/switch", "step"]),
            "loop at node 'while/i/switch': its Switch is read where TensorFlow never reads it",
        ),
        (
            lambda n: change(n, "while/less", input=["while/i/next", "limit"]),
            "loop at node 'while/i/next': its NextIteration is read where TensorFlow never reads it",
        ),
        (
            lambda n: change(n, "while/i/enter", attr={}),
            "node 'while/i/enter': frame_name: found None, expected an object",
        ),
        (
            lambda n: change(n, "while/i/enter", input=[]),
            "node 'while/i/enter': expected a frame name and one input",
        ),
    ],
)
def test_malformed_loops_are_typed_errors(kit, tmp_path, damage, message):
    nodes = counting(kit)
    damage(nodes)
    path = model(kit, nodes).write(tmp_path)
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert str(caught.value) == f"{path}: {message}"


def test_values_that_leave_a_loop_without_an_exit(kit, tmp_path):
    path = model(kit, counting(kit), "while/add").write(tmp_path)
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert str(caught.value) == f"{path}: output 'y' comes out of a loop without an Exit"


def test_loops_that_nest_without_end_are_refused_in_time(kit, tmp_path):
    """Enters of Enters of Enters: the work stays proportional to the size of the file."""
    nodes, previous = [], "start"
    for i in range(3000):
        nodes.append(kit.node(f"e{i}", "Enter", previous, frame_name=text(f"f{i}")))
        previous = f"e{i}"
    path = model(kit, nodes, previous).write(tmp_path)
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert str(caught.value).endswith("frames are nested deeper than 32")
