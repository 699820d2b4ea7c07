"""Einsum, written with transpositions and one product of batches of matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tfjslab.base.shapes import Shape
from tfjslab.formats.tflite.writer.node import NodeWriter, writes

_MOST = 2  # operands


@dataclass(frozen=True)
class _Term:
    """A tensor whose axes are letters."""

    tensor: int
    letters: str


@writes("Einsum")
def _einsum(w: NodeWriter) -> int:
    """Letters that both terms and the result have are batches, those that only both terms have are summed over."""
    left, _, right = w.attr("equation").replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) > _MOST or any(len(set(t)) < len(t) for t in terms):
        raise w.fail(f"equation {w.attr('equation')!r}; one or two terms without repeated letters are written")
    if w.dtype() != "float32":
        raise w.fail(f"it works on {w.dtype()}; products of matrices take floats")
    work = _Einsum(w, {c: n for i, t in enumerate(terms) for c, n in zip(t, w.shape(i), strict=True)})
    found = work.reduced(_Term(w.x(), terms[0]), {*"".join(terms[1:]), *right})
    if len(terms) == _MOST:
        found = work.product(found, work.reduced(_Term(w.x(1), terms[1]), {*terms[0], *right}), right)
    return work.turned(found, right)


@dataclass(frozen=True)
class _Einsum:
    """Steps of one node; ``lengths`` by letter."""

    w: NodeWriter
    lengths: dict[str, int]

    def shape(self, letters: str) -> Shape:
        """The lengths of these axes."""
        return tuple(self.lengths[c] for c in letters)

    def reduced(self, term: _Term, kept: set[str]) -> _Term:
        """Without the axes that nothing else has: their sum."""
        lost = [i for i, c in enumerate(term.letters) if c not in kept]
        if not lost:
            return term
        rest = "".join(c for c in term.letters if c in kept)
        return _Term(self.w.op("SUM", [term.tensor, self.w.ints("lost", lost)], self.shape(rest)), rest)

    def turned(self, term: _Term, letters: str) -> int:
        """With its axes in this order."""
        if term.letters == letters:
            return term.tensor
        perm = [term.letters.index(c) for c in letters]
        return self.w.op("TRANSPOSE", [term.tensor, self.w.ints("perm", perm)], self.shape(letters))

    def product(self, a: _Term, b: _Term, right: str) -> _Term:
        """The sums of products, as matrices of all rows by all that is summed, for each batch."""
        batch = "".join(c for c in a.letters if c in b.letters and c in right)
        inner = "".join(c for c in a.letters if c in b.letters and c not in right)
        rows, columns = ("".join(c for c in t.letters if c not in batch + inner) for t in (a, b))
        count, m, k, n = (math.prod(self.shape(part)) for part in (batch, rows, inner, columns))
        x = self.w.reshaped(self.turned(a, batch + rows + inner), (count, m, k))
        y = self.w.reshaped(self.turned(b, batch + inner + columns), (count, k, n))
        out = batch + rows + columns
        made = self.w.op("BATCH_MATMUL", [x, y], (count, m, n))
        return _Term(self.w.reshaped(made, self.shape(out)), out)
