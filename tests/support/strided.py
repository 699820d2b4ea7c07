"""What the nested loops of a web module do with weights."""

from __future__ import annotations

import numpy as np


def copied(copies, source, shape, fill=0):
    """The source's elements where the copies put them, and ``fill`` elsewhere."""
    found = np.full(int(np.prod(shape, dtype=np.int64)), fill, source.dtype)
    flat = source.ravel()
    for c in copies:
        for index in np.ndindex(*c.counts):
            at = sum(i * s for i, s in zip(index, c.source_steps, strict=True))
            to = sum(i * s for i, s in zip(index, c.target_steps, strict=True))
            found[c.target + to] = flat[c.source + at]
    return found.reshape(shape)
