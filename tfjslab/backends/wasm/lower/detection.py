"""Which boxes to keep: non-maximum suppression with outputs of a fixed size and a count."""

from __future__ import annotations

from dataclasses import replace

from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.graph.ir import Node
from tfjslab.ops.detection import soft_scale
from tfjslab.passes.fusion import Group

_QUEUED_BYTES, _KEPT_BYTES = 16, 48  # of a candidate, and of a box that is kept
_SCORED = 3  # outputs: indices, scores, count


def _numbers(node: Node, specs: Specs) -> str:
    """Boxes and scores are float32; the outputs are integers and floats by definition."""
    return empty(node, specs) or TABLE.only(replace(node, num_outputs=0), specs, "float32")


@lowering("NonMaxSuppressionV4", "NonMaxSuppressionV5", refuses=_numbers)
def lower_suppression(b: WasmBuilder, group: Group) -> None:
    """One unit of work: what is kept depends on all that was kept before."""
    core = group.core_node
    attrs = core.attrs
    boxes, size = b.shape(core.inputs[0])[0], attrs["max_output_size"]
    most, scored = min(boxes, size), core.num_outputs == _SCORED
    sources = tuple(map(b.rows, core.inputs))
    room = b.temporary(_QUEUED_BYTES * boxes), b.temporary(_KEPT_BYTES * most)
    k = kernel(
        "suppress", ("boxes", "scores", "queue", "kept", "indices", *["kept_scores"] * scored, "count"), boxes=boxes,
        size=size, most=most, scored=scored, overlap=float(attrs["iou_threshold"]),
        threshold=float(attrs["score_threshold"]), scale=soft_scale(attrs.get("soft_nms_sigma", 0.0)),
    )
    b.call(k, (*sources, *room, *map(b.new, core.outputs)), 1)
