"""The accuracy check of a backend that computes in float16: its outputs are compared with those in float32.

It runs once for each model on such a backend, on the first inputs, before any result is returned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfjslab.backends import registry, rows
from tfjslab.backends.base import Backend
from tfjslab.backends.flags import env
from tfjslab.base.arrays import reals
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import BackendError
from tfjslab.graph.ir import Graph
from tfjslab.model.executor import Executor
from tfjslab.model.run import Run

# Of an output's largest value. Rounding to 11 bits costs a value 5e-4 of itself; image models were seen to end at 3e-4
# to 1.2e-3 on pictures, and a single small score at 8e-3 on noise. Outputs that jump (a detector that keeps the best of
# nearly equal boxes) end at some tenths.
BOUND = 1e-2
FLAG = "WEBGPU_ANY_PRECISION"


@dataclass(frozen=True)
class Precision:
    """The largest error of ``backend`` compared with ``reference``, over the largest value of the same output."""

    backend: str
    reference: str
    error: float
    output: str
    bound: float

    @property
    def within(self) -> bool:
        """Whether the error is within the bound; NaN is not."""
        return self.error <= self.bound

    def to_json(self) -> dict[str, Any]:
        """Plain values; an error that is no number, or none at all, is None."""
        error = self.error if np.isfinite(self.error) else None
        return {**asdict(self), "error": error, "within": self.within, "text": str(self)}

    def __str__(self) -> str:
        return (f"{self.backend} is off by up to {self.error:.2g} of the largest value of output '{self.output}', "
                f"against {self.reference} on the first inputs; the bound is {self.bound:g}")


def check_precision(graph: Graph, feeds: Mapping[str, Array], outputs: Sequence[str], backend: Backend) -> Precision:
    """Run a model on ``backend`` and on the one that it is checked against.

    Raises BackendError (``backend.precision``) when the error is above ``BOUND``, unless the flag
    ``WEBGPU_ANY_PRECISION`` is set.
    """
    reference = rows.checked_against(backend.name)
    full, found = (_run(graph, feeds, outputs, b) for b in (registry.backend(reference), backend))
    errors = [(relative_error(f, w), name) for f, w, name in zip(found, full, outputs, strict=True)]
    worst, name = max(errors, key=lambda e: (not np.isfinite(e[0]), e[0]), default=(0.0, ""))
    made = Precision(backend.name, reference, worst, name, BOUND)
    if not made.within and not env().get(FLAG):
        raise BackendError(
            f"{made}; tf.env().set('{FLAG}', True) or TFJSLAB_ANY_PRECISION=1 runs it nevertheless",
            code="backend.precision",
        )
    return made


def _run(graph: Graph, feeds: Mapping[str, Array], outputs: Sequence[str], backend: Backend) -> list[Any]:
    session = backend.open_session()
    executor = Executor(graph, session, "")
    try:
        return executor.run(dict(feeds), tuple(outputs), Run())
    finally:
        executor.dispose()
        session.dispose()


def relative_error(found: Any, wanted: Any) -> float:
    """The largest difference over the largest value, which counts as 1 where all are 0.

    Infinite where shapes differ, or where one of both is no number.
    """
    if not isinstance(wanted, np.ndarray) or not isinstance(found, np.ndarray):
        return 0.0  # no numbers to compare
    if found.shape != wanted.shape:
        return float("inf")
    f, w = (reals(v).astype(np.float64) for v in (found, wanted))
    same = (f == w) | (np.isnan(f) & np.isnan(w))
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0.0, np.abs(f - w))
    if not np.all(np.isfinite(difference)):
        return float("inf")
    scale = float(np.max(np.abs(w), initial=0.0, where=np.isfinite(w)))
    return float(np.max(difference, initial=0.0)) / (scale or 1.0)
