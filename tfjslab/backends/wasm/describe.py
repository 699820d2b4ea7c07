"""What a profile says of each record, known before the plan runs."""

from __future__ import annotations

from collections.abc import Sequence

from tfjslab.backends.base import CommandInfo
from tfjslab.backends.wasm.builder import Builder, Record
from tfjslab.memory_plan import Lifetime
from tfjslab.ops.registry import Spec, bytes_moved


def describe_records(b: Builder, buffers: Sequence[Lifetime]) -> tuple[CommandInfo, ...]:
    """One CommandInfo for each record of the builder, with the arena's live bytes while it runs."""
    ends = [*(r.first_step for r in b.records[1:]), b.num_steps][: len(b.records)]
    return tuple(_describe(b, r, end, buffers) for r, end in zip(b.records, ends, strict=True))


def _describe(b: Builder, r: Record, end: int, buffers: Sequence[Lifetime]) -> CommandInfo:
    ins, outs = _specs(b, r)
    last = max(end - 1, r.first_step)
    live = [x for x in buffers if x.first_use <= last and x.last_use >= r.first_step]
    node = r.group.nodes[-1]
    return CommandInfo(
        kernel=r.kernel_name, node=node.name, nodes=tuple(n.name for n in r.group.nodes), layer=node.layer,
        input_shapes=tuple(s.known_shape for s in ins), output_shapes=tuple(s.known_shape for s in outs),
        flops=sum(_flops(b, r, i) for i in range(len(r.group.nodes))), bytes_moved=bytes_moved(ins, outs),
        bytes_added=sum(s.num_bytes for s in outs), bytes_live=sum(x.size_bytes for x in live),
        tensors_added=len(outs), tensors_live=len(live), fallback=r.host is not None, reason=r.reason,
    )


def _specs(b: Builder, r: Record) -> tuple[list[Spec], list[Spec]]:
    return [b.spec(v) for v in r.group.inputs if v], [b.spec(v) for v in r.group.nodes[-1].outputs]


def _flops(b: Builder, r: Record, index: int) -> int:
    node = r.group.nodes[index]
    ins = [b.spec(v) for v in node.inputs if v]
    return node.definition.flops(ins, [b.spec(v) for v in node.outputs], node.attrs)
