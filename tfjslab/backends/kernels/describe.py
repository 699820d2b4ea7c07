"""What a profile says of each record, known before the plan runs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from tfjslab.backends.base import BufferLife, CommandInfo
from tfjslab.backends.host import lives
from tfjslab.backends.kernels.builder import Builder, Record
from tfjslab.backends.kernels.memory_plan import Lifetime
from tfjslab.ops.registry import Spec, bytes_moved

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


def _describe(
    b: AnyBuilder, r: Record[Any, Any], end: int, buffers: Sequence[Lifetime], begun: tuple[BufferLife, ...],
) -> CommandInfo:
    ins, outs = _specs(b, r)
    # A record without calls (a reshape that shares bytes) ends before its first step: only what spans it is live.
    live = [x for x in buffers if x.first_use < end and x.last_use >= r.first_step]
    node = r.group.nodes[-1]
    return CommandInfo(
        kernel=r.kernel_name, node=node.name, nodes=tuple(n.name for n in r.group.nodes), layer=node.layer,
        input_shapes=tuple(s.known_shape for s in ins), output_shapes=tuple(s.known_shape for s in outs),
        flops=sum(_flops(b, r, i) for i in range(len(r.group.nodes))), bytes_moved=bytes_moved(ins, outs),
        bytes_added=sum(s.num_bytes for s in outs), bytes_live=sum(x.size_bytes for x in live),
        tensors_added=len(outs), tensors_live=len(live), fallback=r.host is not None, reason=r.reason, buffers=begun,
    )


def _specs(b: AnyBuilder, r: Record[Any, Any]) -> tuple[list[Spec], list[Spec]]:
    return [b.specs[v] for v in r.group.inputs if v], [b.specs[v] for v in r.group.nodes[-1].outputs]


def _flops(b: AnyBuilder, r: Record[Any, Any], index: int) -> int:
    node = r.group.nodes[index]
    ins = [b.specs[v] for v in node.inputs if v]
    return node.definition.flops(ins, [b.specs[v] for v in node.outputs], node.attrs)
