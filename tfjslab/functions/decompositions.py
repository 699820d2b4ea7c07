"""Decompositions of matrices. They are a loop over columns with tiny steps, so numpy does them on the host."""

from __future__ import annotations

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.engine.create import make_tensor
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import Value, as_floats, composed

_MATRIX = 2


@composed
def qr(x: Value, full_matrices: bool = False) -> list[Tensor]:
    """Matrices (the last two axes) as an orthogonal one times an upper triangular one, ``[q, r]``.

    By Householder reflections with the signs of TensorFlow.js. Without ``full_matrices`` a tall matrix gives as many
    columns of ``q`` and rows of ``r`` as it has columns. Computed on the host, in double precision.
    """
    values = as_floats(x).numpy()
    if values.ndim < _MATRIX:
        raise ShapeError(f"qr: shape {list(values.shape)}; expected rank 2 or more")
    *outer, m, n = values.shape
    kept = m if full_matrices else min(m, n)
    pairs = [_qr(a.astype(np.float64)) for a in values.reshape(-1, m, n)]
    q = np.array([q[:, :kept] for q, _ in pairs]).reshape(*outer, m, kept)
    r = np.array([r[:kept] for _, r in pairs]).reshape(*outer, kept, n)
    return [make_tensor(part.astype(np.float32), "float32") for part in (q, r)]


def _qr(r: Array) -> tuple[Array, Array]:
    """Reflect one column after the other onto the diagonal; ``r`` is changed."""
    m, n = r.shape
    q = np.eye(m)
    for j in range(min(m, n)):
        column = r[j:, j]
        length = np.linalg.norm(column)
        sign = -1.0 if column[0] > 0 else 1.0
        first = column[0] - sign * length
        if not length:
            continue  # nothing to reflect; TensorFlow.js divides by zero here
        w = column / first
        w[0] = 1
        scaled = -sign * first / length * w
        r[j:] -= np.outer(scaled, w @ r[j:])
        q[:, j:] -= np.outer(q[:, j:] @ w, scaled)
    return q, r
