"""What ``inspect`` shows of a file with operators of its own: these, quantized weights, what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from tfjslab.base.text import shape
from tfjslab.cli.output import print_table

_SHOWN_LABELS = 5


def file_facts(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """The facts as JSON has them; None for files whose operators are our ops already."""
    if "operators" not in metadata:
        return None
    return {
        "operators": metadata["operators"], "operators_in_file": metadata["nodes_in_file"],
        "quantized_weights": [_weight(w) for w in metadata["quantized_weights"]],
        "signatures": metadata["signatures"], "metadata": metadata.get("model_metadata"),
        "states": list(metadata.get("states", ())),
    }


def _weight(told: Mapping[str, Any]) -> dict[str, Any]:
    """A weight with the range of its scales and zero points, of which there may be one for each channel."""
    scale, zero = told["scale"], told["zero_point"]
    return {"name": told["name"], "dtype": told["dtype"], "shape": told["shape"], "scales": len(scale),
            "scale": [min(scale), max(scale)], "zero_point": [min(zero), max(zero)]}


def show_file(console: Console, facts: Mapping[str, Any], nodes: int) -> None:
    """Print the facts."""
    print_table(console, "Operators of the file", ("operator", "number"), list(facts["operators"].items()))
    console.print(f"{facts['operators_in_file']} operators became {nodes} nodes")
    rows = [(w["name"], w["dtype"], shape(w["shape"]), w["scales"], _range(w["scale"]), _range(w["zero_point"]))
            for w in facts["quantized_weights"]]
    if rows:
        columns = ("name", "dtype", "shape", "scales", "scale", "zero point")
        print_table(console, "Quantized weights", columns, rows, left=3)
    if facts["states"]:
        console.print(f"kept from call to call: {', '.join(facts['states'])}")
    _show_metadata(console, facts["metadata"] or {})


def _range(ends: Sequence[float]) -> str:
    low, high = (f"{e:.4g}" for e in ends)
    return low if low == high else f"{low} to {high}"


def _show_metadata(console: Console, told: Mapping[str, Any]) -> None:
    """Texts that the file's metadata has, then how inputs are normalized and what outputs are called."""
    lines = [f"{key}: {told[key]}" for key in ("name", "description", "version", "author", "damaged") if told.get(key)]
    for end in (*told.get("inputs", ()), *told.get("outputs", ())):
        if end.get("mean"):
            lines.append(f"{end['name']}: (x - {_range(_ends(end['mean']))}) / {_range(_ends(end['std']))}")
        if labels := end.get("labels"):
            more = ", ..." if len(labels) > _SHOWN_LABELS else ""
            lines.append(f"{end['name']}: {len(labels)} labels: {', '.join(labels[:_SHOWN_LABELS])}{more}")
    for line in lines:
        console.print(line, markup=False, highlight=False)


def _ends(numbers: Sequence[float]) -> tuple[float, float]:
    return min(numbers, default=0), max(numbers, default=0)
