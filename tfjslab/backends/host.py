"""Running ops with numpy: what the ``cpu`` backend does for every node and others for nodes without a kernel.

Also what is known of a node's work before it runs: the ``CommandInfo`` and the lifetimes that reports show.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from tfjslab.backends.base import BufferLife, CommandInfo
from tfjslab.backends.kernels.memory_plan import ALIGNMENT, Lifetime, lower_bound, rounded_up
from tfjslab.base.dtypes import Array, numpy_dtype, of_value
from tfjslab.base.errors import BackendError, TfjslabError
from tfjslab.base.limits import RUN_LIMITS, check_flops, check_memory
from tfjslab.base.out_of_memory import backend_out_of_memory
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import check_made
from tfjslab.ops import registry
from tfjslab.ops.promotion import casts
from tfjslab.ops.registry import Spec, bytes_moved

_FEW = 4096  # elements
_NO_SPEC = Spec((), "")  # of a temporary


def of_node(node: Node, e: TfjslabError) -> TfjslabError:
    """The same error with the node's name in front."""
    return type(e)(f"node '{node.name}' ({node.op}): {e}", code=e.code)


def run_node(node: Node, inputs: Sequence[Any], attrs: Mapping[str, Any]) -> list[Any]:
    """Run one node's numpy reference; errors name the node. Numbers come back as arrays, handles as they are."""
    try:
        with np.errstate(all="ignore"):  # inf and NaN are values here, as on every other backend
            outs = node.definition.run(inputs, attrs)
    except TfjslabError as e:
        raise of_node(node, e) from None
    except MemoryError as e:
        raise backend_out_of_memory(f"node '{node.name}' ({node.op})", e) from e
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as e:
        raise BackendError(f"node '{node.name}' ({node.op}) failed: {type(e).__name__}: {e}") from e
    return [np.asarray(v) if isinstance(v, np.generic) else v for v in outs]


def run_promoted(node: Node, inputs: Sequence[Any], attrs: Mapping[str, Any]) -> list[Any]:
    """``run_node`` for inputs whose shapes and dtypes were not known before.

    They are cast as the op's rule has it; LimitError when what it would make is more than a run may take.
    """
    rule = node.definition.facts.promotes
    needed = casts(rule, [spec_of(x).dtype for x in inputs]) if rule is not None else None
    if needed is None:
        return _run_bounded(node, inputs, attrs)
    if needed.passes_on:
        return list(inputs)
    cast = [x.astype(numpy_dtype(d)) if d else x for x, d in zip(inputs, needed.inputs, strict=True)]
    first, *others = _run_bounded(node, cast, attrs)
    for dtype in needed.output:
        first = registry.get("Cast").run([first], {"dtype": dtype})[0]
    return [first, *others]


def _run_bounded(node: Node, inputs: Sequence[Any], attrs: Mapping[str, Any]) -> list[Any]:
    ins = [spec_of(x) for x in inputs if x is not None]
    try:
        made = node.definition.infer(ins, attrs)
    except TfjslabError as e:
        raise of_node(node, e) from None
    check_made(node, made)
    told = all(s.shape is not None for s in made)
    if told and any(s.size > _FEW for s in (*ins, *made)):  # counting FLOPs takes longer than a small node
        check_flops(f"node '{node.name}' ({node.op})", node.definition.flops(ins, made, attrs))
    return run_node(node, inputs, attrs)


def check_promise(node: Node, promised: Sequence[Spec], values: Sequence[Any]) -> None:
    """BackendError when a value is not what shape inference said it would be."""
    if len(promised) != len(values):
        raise BackendError(f"node '{node.name}' ({node.op}) made {len(values)} values; expected {len(promised)}")
    for spec, value in zip(promised, values, strict=True):
        if not isinstance(value, np.ndarray):
            continue
        if spec.shape is not None and value.shape != spec.shape:
            raise BackendError(
                f"node '{node.name}' ({node.op}) made shape {list(value.shape)}; "
                f"its shape rule promised {list(spec.shape)}",
            )
        if spec.dtype not in ("", "string", "variant") and value.dtype != numpy_dtype(spec.dtype):
            raise BackendError(f"node '{node.name}' ({node.op}) made {value.dtype}; its rule promised {spec.dtype}")


def spec_of(value: Any) -> Spec:
    """The spec of a running value; anything that is not an array is a handle."""
    return Spec(value.shape, of_value(value)) if isinstance(value, np.ndarray) else Spec((), "variant")


@dataclass(frozen=True)
class Live:
    """What is live while one command runs, intermediates and outputs of the plan only."""

    num_bytes: int = 0
    num_tensors: int = 0


def describe(
    node: Node, ins: Sequence[Spec], outs: Sequence[Spec], live: Live, *, fallback: str = "",
    buffers: tuple[BufferLife, ...] = (),
) -> CommandInfo:
    """The facts of one node as a command of its own; ``fallback`` is the reason why it runs on the host."""
    flops, moved = node.definition.flops(ins, outs, node.attrs), bytes_moved(ins, outs)
    return command(node.op, [node], (ins, outs), (flops, moved), live, fallback, buffers)


def command(
    kernel: str, nodes: Sequence[Node], values: tuple[Sequence[Spec], Sequence[Spec]], work: tuple[int, int],
    live: Live, fallback: str, buffers: tuple[BufferLife, ...],
) -> CommandInfo:
    """The facts of nodes that run as one: what goes in and comes out, FLOPs and bytes moved.

    ``fallback`` is the reason why they run on the host.
    """
    (ins, outs), (flops, moved) = values, work
    return CommandInfo(
        kernel=kernel, node=nodes[-1].name, nodes=tuple(n.name for n in nodes), layer=nodes[-1].layer,
        input_shapes=tuple(s.known_shape for s in ins), output_shapes=tuple(s.known_shape for s in outs),
        flops=flops, bytes_moved=moved, bytes_added=sum(s.num_bytes for s in outs),
        bytes_live=live.num_bytes, tensors_added=len(outs), tensors_live=live.num_tensors, fallback=bool(fallback),
        reason=fallback, buffers=buffers,
    )


def check_commands(commands: Sequence[CommandInfo]) -> None:
    """LimitError when the arithmetic of one is more than a node may take."""
    for c in commands:
        check_flops(f"node '{c.node}' ({c.kernel})", c.flops)


def lifetimes(nodes: Sequence[Node], specs: Mapping[str, Spec], outputs: Sequence[str]) -> list[Lifetime]:
    """When each value made by ``nodes`` is live, in node indexes; outputs live to the end."""
    last = {v: i for i, n in enumerate(nodes) for v in (*n.outputs, *n.uses)}
    last.update(dict.fromkeys(outputs, len(nodes) - 1))
    return [Lifetime(v, specs[v].num_bytes, i, last[v]) for i, n in enumerate(nodes) for v in n.outputs]


def check_live(nodes: Sequence[Node], specs: Mapping[str, Spec], outputs: Sequence[str]) -> None:
    """LimitError when what nodes make and read is more at once than a run may take.

    It is asked of the nodes as the model has them, so that all backends refuse the same models: one that fuses nodes
    may need less.
    """
    # Every plan asks, so the usual answer is found first: even all values at once are not too much.
    if sum(specs[v].num_bytes + ALIGNMENT for n in nodes for v in n.outputs) > RUN_LIMITS.memory_bytes:
        check_memory("what the nodes make and read", lower_bound(rounded_up(lifetimes(nodes, specs, outputs))))


def live_at(buffers: Sequence[Lifetime], num_commands: int) -> list[Live]:
    """What is live at each command."""
    size, number = [0] * (num_commands + 1), [0] * (num_commands + 1)  # how they change before each command
    for b in buffers:
        size[b.first_use] += b.size_bytes
        number[b.first_use] += 1
        size[b.last_use + 1] -= b.size_bytes
        number[b.last_use + 1] -= 1
    return [Live(*both) for both in zip(accumulate(size[:-1]), accumulate(number[:-1]), strict=True)]


def lives(
    buffers: Sequence[Lifetime], nodes: Sequence[str], specs: Mapping[str, Spec], outputs: Collection[str],
) -> list[tuple[BufferLife, ...]]:
    """For each command, by the name of its node, the buffers that begin at it. Lifetimes are in command indexes.

    A buffer in ``outputs`` is held to the end for the caller.
    """
    found: list[list[BufferLife]] = [[] for _ in nodes]
    for b in buffers:
        spec = specs.get(b.name, _NO_SPEC)
        reader = "" if b.name in outputs else nodes[b.last_use]
        found[b.first_use].append(BufferLife(
            b.name, spec.known_shape, spec.dtype, b.size_bytes, b.last_use - b.first_use + 1, reader,
        ))
    return [tuple(made) for made in found]


def own_array(value: Array, foreign: Sequence[Array]) -> Array:
    """``value`` as a row-major array that shares no memory with ``foreign`` ones; copied only when it must be."""
    flags = value.flags
    # What is not writable is a weight or something that was fed: others rely on it.
    if flags.owndata and flags.c_contiguous and flags.writeable and not any(value is f for f in foreign):
        return value
    return np.array(value, order="C", copy=True)
