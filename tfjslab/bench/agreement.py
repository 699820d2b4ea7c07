"""Whether two programs gave the same answer: what kind of difference there is between two sets of outputs.

One number cannot tell. A detector whose boxes have equal scores may list them in another order, and the largest
difference is then as large as the values are, though nothing is wrong; the same number comes from a wrong kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.base.arrays import reals
from tfjslab.base.dtypes import Array
from tfjslab.base.text import counted
from tfjslab.bench.comparison import paired, relative_difference

# Of the largest value. Sums of thousands of float32 products in another order differ by a few 1e-6 of it; a wrong
# term of such a sum, or one value of a hundred, by far more.
TOLERANCE = 1e-4
MOST_ROWS = 4096  # of which each is compared with each, to find them again in another order
Outputs = Sequence[tuple[str, Array]]

EXACT, ROUNDING, ORDER, TIE, ARGMAX, WRONG = "exact", "rounding", "order", "tie", "argmax", "wrong"
KINDS = (EXACT, ROUNDING, ORDER, TIE, ARGMAX, WRONG)  # from harmless to not


@dataclass(frozen=True)
class Agreement:
    """How outputs differ, one of ``KINDS``, and a sentence that says so.

    ``exact``: not at all. ``rounding``: as sums in another order do. ``order``: the same rows in another order.
    ``tie``: only rows whose scores are equal, between which the program may choose. ``argmax``: more than rounding, but
    the largest of each row is the same. ``wrong``: none of these.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class _Output:
    """One output of both, as rows over its largest value; ``whole`` is how it came."""

    name: str
    ours: Array
    theirs: Array
    whole: Array

    @property
    def far(self) -> Array:
        """Which rows differ by more than rounding."""
        found: Array = np.abs(self.ours - self.theirs).max(axis=1, initial=0.0) > TOLERANCE
        return found

    @property
    def agrees(self) -> bool:
        """Whether no row does."""
        return not self.far.any()

    @property
    def is_list(self) -> bool:
        """Whether its order may mean nothing: numbers of what was found, or a row for each; not classes or a batch."""
        ndim = self.whole.ndim
        return ndim > 2 or (ndim == 1 and self.whole.dtype.kind in "iu")  # noqa: PLR2004 - [1, found, values]

    @property
    def is_score(self) -> bool:
        """Whether it may be what rows are sorted by: one number a row that falls, the same for both."""
        if self.ours.shape[1] != 1 or not self.agrees:
            return False
        steps = np.diff(self.theirs[:, 0])
        return bool((steps <= TOLERANCE).all() and (steps < -TOLERANCE).any())


def agreement(ours: Outputs, theirs: Outputs) -> Agreement:
    """Compare two sets of outputs, matched as ``difference`` does; the worst output decides.

    Rows are along the first length that is not 1. Outputs with as many rows belong together, as the boxes, scores and
    classes of a detector do.
    """
    pairs = paired(ours, theirs)
    if pairs is None:
        return Agreement(WRONG, f"{len(ours)} outputs of ours against {len(theirs)}")
    for name, a, b in pairs:
        if relative_difference(a, b) is None:
            shapes = f"shapes {list(a.shape)} and {list(b.shape)}" if a.shape != b.shape else "other values not finite"
            return Agreement(WRONG, f"{name} has {shapes}")
    if all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for _, a, b in pairs):
        return Agreement(EXACT, "the same bits")
    groups: dict[int, list[_Output]] = {}
    for name, a, b in pairs:
        if a.size:
            groups.setdefault(_rows(a), []).append(_output(name, a, b))
    found = [_of_group(g) for g in groups.values() if not all(o.agrees for o in g)]
    return max(found, key=lambda a: KINDS.index(a.kind), default=Agreement(ROUNDING, "rounding only"))


def _rows(array: Array) -> int:
    return next((n for n in array.shape if n != 1), 1)


def _output(name: str, ours: Array, theirs: Array) -> _Output:
    a, b = (np.nan_to_num(reals(v).astype(np.float64), posinf=0.0, neginf=0.0) for v in (ours, theirs))
    scale = float(np.abs(b).max(initial=0.0)) or 1.0
    return _Output(name, (a / scale).reshape(_rows(ours), -1), (b / scale).reshape(_rows(ours), -1), theirs)


def _of_group(outputs: Sequence[_Output]) -> Agreement:
    """Outputs with as many rows as each other, some of which differ by more than rounding."""
    far: Array = np.any([o.far for o in outputs], axis=0)
    some = f"{int(far.sum())} of {counted(len(far), 'row')}"
    names = ", ".join(o.name for o in outputs if not o.agrees)
    scores = [o for o in outputs if o.is_score]
    if (scores or any(o.is_list for o in outputs)) and _permuted(outputs, far):
        where = f", at equal scores ({scores[0].name})" if any(_tied(s)[far].all() for s in scores) else ""
        return Agreement(ORDER, f"{some} of {names} in another order{where}")
    ties = [*map(_tied, scores), *(_tied_top(o.theirs) for o in outputs if o.agrees and o.ours.shape[1] > 1)]
    if ties and np.any(ties, axis=0)[far].all():
        return Agreement(TIE, f"{some} of {names} differ where scores are equal: either choice is right")
    if all(_same_argmax(o) for o in outputs if not o.agrees):
        return Agreement(ARGMAX, f"values of {names} differ by more than rounding; the largest of each row is the same")
    return Agreement(WRONG, f"{some} of {names} differ")


def _permuted(outputs: Sequence[_Output], far: Array) -> bool:
    """Whether the rows that differ are the same ones in another order, in all outputs together."""
    ours, theirs = (np.concatenate([getattr(o, side)[far] for o in outputs], axis=1) for side in ("ours", "theirs"))
    if not 1 < len(ours) <= MOST_ROWS:
        return False
    left = np.ones(len(theirs), dtype=bool)
    for row in ours:
        fits = left & (np.abs(theirs - row).max(axis=1) <= TOLERANCE)
        if not fits.any():
            return False
        left[fits.argmax()] = False
    return True


def _tied(score: _Output) -> Array:
    """Which rows have the score of a neighbour."""
    equal = np.abs(np.diff(score.theirs[:, 0])) <= TOLERANCE
    tied: Array = np.append(equal, False) | np.insert(equal, 0, False)
    return tied


def _tied_top(rows: Array) -> Array:
    """In which rows the two largest are equal."""
    top = np.sort(rows, axis=1)[:, -2:]
    tied: Array = top[:, 1] - top[:, 0] <= TOLERANCE
    return tied


def _same_argmax(output: _Output) -> bool:
    """Whether it is [examples, classes] with the same answers."""
    if output.whole.ndim != 2 or output.whole.shape[1] < 2 or output.whole.dtype.kind != "f":  # noqa: PLR2004 - a matrix
        return False
    ours, theirs = (side.reshape(output.whole.shape) for side in (output.ours, output.theirs))
    clear = [not _tied_top(side).any() for side in (ours, theirs)]
    return all(clear) and bool((ours.argmax(1) == theirs.argmax(1)).all())
