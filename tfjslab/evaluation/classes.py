"""What a file calls the classes of its answers, and the best of one answer by these names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.messages import plain
from tfjslab.graph.ir import Graph

TOP = 5


@dataclass(frozen=True)
class ClassScore:
    """One class of an answer: its number, what the file calls it, and its score as a real number."""

    number: int
    label: str
    score: float


def own_names(graph: Graph, classes: int) -> Sequence[str] | None:
    """The labels in the model's file, where there is one for each class."""
    found: Sequence[str] = graph.metadata.get("labels", ())
    return found if len(found) == classes else None


def top_classes(graph: Graph, output: str, values: Array, count: int = TOP) -> tuple[ClassScore, ...]:
    """The ``count`` best classes of one sample, the best first; of equal ones the lower number.

    Stored integers become what they stand for. Empty where the file has no label for each of the values, or some are
    not finite.
    """
    names = own_names(graph, values.size)
    if not names or values.shape[-1] != values.size or values.dtype.kind not in "fiu":
        return ()
    scores = values.reshape(-1).astype(np.float64)
    if told := graph.metadata.get("quantization", {}).get(output):
        scores = told["scale"] * (scores - told["zero_point"])
    if not np.isfinite(scores).all():
        return ()
    best = np.argsort(-scores, kind="stable")[:count]
    return tuple(ClassScore(int(i), plain(names[i]), float(scores[i])) for i in best)
