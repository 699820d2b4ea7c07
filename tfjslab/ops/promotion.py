"""Which dtypes an op's inputs are cast to when they have others than it computes in: the rules of TensorFlow.js.

TF.js casts inside of its ops (``makeTypesMatch``, ``upcastType``). Here an op takes one dtype, and casts are nodes of
their own, so that every backend, pass and report sees what is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTHS = ("bool", "int32", "float32", "complex64")  # each holds the values of those before it


@dataclass(frozen=True)
class Promotion:
    """What is done with inputs of different dtypes, or of one that the op does not take.

    takes: the dtypes that the op computes in.
    first: the inputs before this one (conditions) are left alone.
    back: the first output goes back to the widest dtype of the inputs, as in TF.js, whose integer tensors hold the
        whole part of what was computed in float.
    whole: the op changes nothing in whole numbers.
    """

    takes: tuple[str, ...]
    first: int = 0
    back: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Casts:
    """``inputs`` has a dtype for each input, "" where it stays; ``output`` are the casts of the first output in order.

    ``passes_on`` says that then the input is the output.
    """

    inputs: tuple[str, ...]
    output: tuple[str, ...] = ()
    passes_on: bool = False


def casts(rule: Promotion | None, dtypes: Sequence[str]) -> Casts | None:
    """What inputs of ``dtypes`` need, None when that is nothing. Values that are no numbers are never cast."""
    found = set(dtypes[rule.first :]) if rule is not None else set()
    if rule is None or not found or not found <= set(WIDTHS):
        return None
    widest = max(found, key=WIDTHS.index)
    wider = [d for d in WIDTHS[WIDTHS.index(widest) :] if d in rule.takes]
    if not wider or (wider[0] == widest and len(found) == 1):
        return None
    if rule.whole:
        return Casts(("",) * len(dtypes), passes_on=True)
    inputs = tuple("" if i < rule.first or d == wider[0] else wider[0] for i, d in enumerate(dtypes))
    return Casts(inputs, _narrowed(wider[0], widest) if rule.back else ())


def _narrowed(computed: str, wanted: str) -> tuple[str, ...]:
    """The casts from one dtype down to another, one step after the other: half is no truth, as it is 0 in integers."""
    steps = WIDTHS[WIDTHS.index(wanted) : WIDTHS.index(computed) + 1]
    return tuple(narrower for _, narrower in pairwise(reversed(steps)))
