"""Names that nothing has yet."""

from __future__ import annotations

from itertools import count


def reserve(wanted: str, taken: set[str]) -> str:
    """``wanted``, or ``wanted_1`` and so on where it is taken; it is taken afterwards.

    Thousands of one name are numbered in a row, so the first free number is looked for between powers of two.
    """
    found = wanted
    if found in taken:
        high = next(n for n in (1 << i for i in count()) if f"{wanted}_{n}" not in taken)
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if f"{wanted}_{middle}" in taken else (low, middle)
        found = f"{wanted}_{high}"
    taken.add(found)
    return found
