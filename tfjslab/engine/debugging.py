"""What the flag ``DEBUG`` does: each eager op is looked at for numbers that are none."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from tfjslab.backends.flags import env
from tfjslab.engine.tensor import Tensor


class NotFiniteWarning(UserWarning):
    """The output of an op has NaN or infinity in it."""


def check_numbers(op: str, outputs: Sequence[Tensor]) -> None:
    """Where the flag is set, warn when an output of ``op`` has NaN or infinity in it, with how many there are."""
    if not env().get("DEBUG"):
        return
    for t in outputs:
        values = t.numpy() if t.dtype == "float32" else np.zeros(0)
        nans, infinities = int(np.isnan(values).sum()), int(np.isinf(values).sum())
        if nans or infinities:
            found = f"{nans} NaN and {infinities} infinite values"
            warnings.warn(f"{op}: {found} in an output of shape {t.shape}", NotFiniteWarning, stacklevel=5)
