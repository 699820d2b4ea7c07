"""Names that nothing has yet."""

from __future__ import annotations


def reserve(wanted: str, taken: set[str]) -> str:
    """``wanted``, or ``wanted_1`` and so on where it is taken; it is taken afterwards."""
    found, count = wanted, 0
    while found in taken:
        count += 1
        found = f"{wanted}_{count}"
    taken.add(found)
    return found
