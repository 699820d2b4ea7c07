"""What a profile says of each record, known before the plan runs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from tfjslab.backends.base import BufferLife, CommandInfo
from tfjslab.backends.host import Live, command, lives
from tfjslab.backends.kernels.builder import Builder, Record
from tfjslab.backends.kernels.memory_plan import Lifetime

AnyBuilder = Builder[Any, Any, Any]


def describe_records(b: AnyBuilder, arena: Sequence[Lifetime]) -> tuple[CommandInfo, ...]:
    """One CommandInfo for each record of the builder: the arena's buffers and the outputs made so far are live.

    The arena's buffers are named ``value@layout``, or like no value.
    """
    outs = b.output_lifetimes()
    ends = [*(r.first_step for r in b.records[1:]), b.num_steps][: len(b.records)]
    begun = _begun(b, arena, outs)
    return tuple(_describe(b, r, end, [*arena, *outs], new) for r, end, new in zip(b.records, ends, begun, strict=True))


def _begun(b: AnyBuilder, arena: Sequence[Lifetime], outs: Sequence[Lifetime]) -> list[tuple[BufferLife, ...]]:
    """The buffers that begin at each record."""
    starts, nodes = [r.first_step for r in b.records], [r.group.nodes[-1].name for r in b.records]

    def by_record(buffers: Sequence[Lifetime]) -> list[Lifetime]:
        """Lifetimes in records; several that start at one step make no calls but the last, which is the one found."""
        return [
            Lifetime(x.name, x.size_bytes, bisect_right(starts, x.first_use) - 1, bisect_right(starts, x.last_use) - 1)
            for x in buffers
        ]

    inner = [Lifetime(_value(b, x.name), x.size_bytes, x.first_use, x.last_use) for x in arena]
    held = lives(by_record(outs), nodes, b.specs, b.outputs)
    return [(*x, *y) for x, y in zip(lives(by_record(inner), nodes, b.specs, ()), held, strict=True)]


def _value(b: AnyBuilder, buffer: str) -> str:
    """The value that a buffer of the arena holds in some layout."""
    value = buffer.rpartition("@")[0]
    return value if value in b.specs else "temporary"


def flops_of(b: AnyBuilder, r: Record[Any, Any]) -> int:
    """What the nodes of a record compute."""
    specs = b.specs
    return sum(
        n.definition.flops([specs[v] for v in n.inputs if v], [specs[v] for v in n.outputs], n.attrs)
        for n in r.group.nodes)


def _describe(
    b: AnyBuilder, r: Record[Any, Any], end: int, buffers: Sequence[Lifetime], begun: tuple[BufferLife, ...],
) -> CommandInfo:
    nodes, specs = r.group.nodes, b.specs
    # A record without calls (a reshape that shares bytes) ends before its first step: only what spans it is live.
    live = [x for x in buffers if x.first_use < end and x.last_use >= r.first_step]
    flops = flops_of(b, r)
    values = [specs[v] for v in r.group.inputs if v], [specs[v] for v in nodes[-1].outputs]
    moved = sum(map(b.moved_bytes, (*values[0], *values[1])))
    now = Live(sum(x.size_bytes for x in live), len(live))
    return command(r.kernel_name, nodes, values, (flops, moved), now, r.reason, begun)
