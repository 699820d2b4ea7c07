"""How far outputs are apart, without labels."""

from __future__ import annotations

import math

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.text import NOTHING

_MATRIX_RANK = 2


def sqnr_db(wanted: Array, found: Array) -> float | None:
    """Signal to noise in decibels; infinite when equal, None when there is no signal to compare with."""
    signal = float(np.square(wanted.astype(np.float64)).sum())
    noise = float(np.square(wanted.astype(np.float64) - found.astype(np.float64)).sum())
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else None


def cosine(wanted: Array, found: Array) -> float | None:
    """Cosine of the angle between two tensors; None when one of them is zero."""
    a, b = wanted.astype(np.float64).ravel(), found.astype(np.float64).ravel()
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norms if norms > 0 else None


def has_classes(scores: Array) -> bool:
    """Whether these can be scores of classes: [rows, classes]."""
    return scores.ndim == _MATRIX_RANK and scores.shape[0] > 0 and scores.shape[1] > 1


def classes_of(scores: Array) -> int | None:
    """How many different classes come first; None unless these are [rows, classes]."""
    return len(np.unique(scores.argmax(axis=1))) if has_classes(scores) else None


def top1_agreement(wanted: Array, found: Array) -> float | None:
    """Share of rows whose largest value stands at the same place; None unless both are [rows, classes]."""
    if not has_classes(wanted):
        return None
    return float((wanted.argmax(axis=1) == found.argmax(axis=1)).mean())


def decibels(value: float | None) -> str:
    """A signal to noise ratio; ``exact`` where there is no noise."""
    return NOTHING if value is None else "exact" if value == math.inf else f"{value:.1f} dB"


def figure(value: float | None) -> str:
    """A number near 1 with enough digits to tell it from 1."""
    return NOTHING if value is None else f"{value:.6f}"
