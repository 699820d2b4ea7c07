"""Loops, branches and calls: the ops that the executor itself runs, one handler each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfjslab.base.errors import BackendError, InputError
from tfjslab.base.limits import LIMITS, check_limit, check_run, check_seconds
from tfjslab.graph.ir import Node
from tfjslab.model.run import GraphRunner, Run


class _Dead:
    """A value on a branch that was not taken."""

    def __repr__(self) -> str:
        return "DEAD"


DEAD = _Dead()
Handler = Callable[[GraphRunner, Node, Sequence[Any], Run], Sequence[Any]]


def call_function(executor: GraphRunner, name: str, arguments: Sequence[Any], run: Run) -> list[Any]:
    """Run a function of the library on ``arguments``, in the order of its inputs."""
    function = executor.function(name)
    ports = function.graph.inputs
    if len(ports) != len(arguments):
        raise InputError(f"function '{name}' takes {len(ports)} inputs and is called with {len(arguments)}")
    feeds = {p.value: a for p, a in zip(ports, arguments, strict=True)}
    return function.run(feeds, tuple(p.value for p in function.graph.outputs), run.nested())


def _truth(value: Any, node: Node) -> bool:
    """A predicate's value; anything but one element is an error that names the node."""
    array = np.asarray(value)
    if array.size != 1:
        found = f"its condition has shape {list(array.shape)}; expected one element"
        raise InputError(f"node '{node.name}' ({node.op}): {found}")
    return bool(array.reshape(())[()])


def _while(executor: GraphRunner, node: Node, inputs: Sequence[Any], run: Run) -> Sequence[Any]:
    values = list(inputs)
    count, began = 0, time.perf_counter()
    while _truth(call_function(executor, node.attrs["cond"], values, run)[0], node):
        count += 1
        check_limit(f"node '{node.name}': number of loop iterations", count, LIMITS.loop_iterations)
        check_seconds(f"node '{node.name}': the loop", time.perf_counter() - began)
        check_run(f"another iteration of node '{node.name}'")
        values = call_function(executor, node.attrs["body"], values, run)
    return values


def _if(executor: GraphRunner, node: Node, inputs: Sequence[Any], run: Run) -> Sequence[Any]:
    branch = "then_branch" if _truth(inputs[0], node) else "else_branch"
    return call_function(executor, node.attrs[branch], inputs[1:], run)


def _call(executor: GraphRunner, node: Node, inputs: Sequence[Any], run: Run) -> Sequence[Any]:
    return call_function(executor, node.attrs["f"], inputs, run)


def _switch(_executor: GraphRunner, node: Node, inputs: Sequence[Any], _run: Run) -> Sequence[Any]:
    data, predicate = inputs
    return (DEAD, data) if _truth(predicate, node) else (data, DEAD)


def _merge(_executor: GraphRunner, _node: Node, inputs: Sequence[Any], _run: Run) -> Sequence[Any]:
    alive = [i for i, value in enumerate(inputs) if value is not DEAD]
    return (inputs[alive[0]], np.array(alive[0], np.int32)) if alive else (DEAD, DEAD)


HANDLERS: dict[str, Handler] = {"While": _while, "If": _if, "Call": _call, "Switch": _switch, "Merge": _merge}


def run_control(executor: GraphRunner, node: Node, inputs: Sequence[Any], run: Run) -> Sequence[Any]:
    """Run a control node through its handler."""
    if node.op not in HANDLERS:
        raise BackendError(f"node '{node.name}': the executor cannot run the control op {node.op}")
    return HANDLERS[node.op](executor, node, inputs, run)
