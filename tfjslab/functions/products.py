"""Products of vectors and matrices."""

from __future__ import annotations

from tfjslab.base.errors import ShapeError
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import Value, as_tensor, check_rank, composed, many, op


@composed
def dot(t1: Value, t2: Value) -> Tensor:
    """The product of two vectors, of two matrices, or of one of each; one number for two vectors."""
    a, b = as_tensor(t1), as_tensor(t2)
    check_rank("dot", "t1", a, 1, 2)
    check_rank("dot", "t2", b, 1, 2)
    if a.shape[-1] != b.shape[0]:
        raise ShapeError(f"dot: shapes {a.shape} and {b.shape}; expected inner dimensions that match")
    rows = op.reshape(a, [1, -1]) if a.rank == 1 else a
    columns = op.reshape(b, [-1, 1]) if b.rank == 1 else b
    return op.reshape(op.mat_mul(rows, columns), [*a.shape[:-1], *b.shape[1:]])


@composed
def outer_product(v1: Value, v2: Value) -> Tensor:
    """Every element of one vector times every element of another, as a matrix."""
    a, b = as_tensor(v1), as_tensor(v2)
    check_rank("outer_product", "v1", a, 1)
    check_rank("outer_product", "v2", b, 1)
    return op.mat_mul(op.reshape(a, [-1, 1]), op.reshape(b, [1, -1]))


@composed
def diag(x: Value) -> Tensor:
    """A tensor of twice the rank with ``x`` on its diagonal and zeros beside it."""
    values = as_tensor(x)
    places = [[i, i] for i in range(values.size)]
    matrix = op.scatter_nd(as_tensor(places, "int32"), op.reshape(values, [-1]), [values.size] * 2)
    return op.reshape(matrix, values.shape * 2)


@composed
def gram_schmidt(xs: Value) -> Tensor | list[Tensor]:
    """The vectors (a list of them, or the rows of a matrix) made orthonormal, by the process of Gram and Schmidt."""
    rows = [as_tensor(x) for x in xs] if isinstance(xs, (list, tuple)) else many.unstack(as_tensor(xs))
    for row in rows:
        check_rank("gram_schmidt", "a vector", row, 1)
    sizes = {row.size for row in rows}
    if len(sizes) != 1:
        raise ShapeError(f"gram_schmidt: vectors of {sorted(sizes)} elements; expected some of one length")
    if len(rows) > rows[0].size:
        raise ShapeError(f"gram_schmidt: {len(rows)} vectors of {rows[0].size} elements; expected at most as many")
    found: list[Tensor] = []
    for row in rows:
        rest = row
        for unit in found:
            rest = op.sub(rest, op.mul(op.sum(op.mul(unit, rest)), unit))
        found.append(op.div(rest, op.euclidean_norm(rest)))
    return found if isinstance(xs, (list, tuple)) else op.stack(found)
