"""Depth-first order of anything that needs something else, without recursion."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

_K = TypeVar("_K", bound=Hashable)


class CycleError(ValueError):
    """Something needs itself; ``item`` is one on the cycle."""

    def __init__(self, item: Hashable) -> None:
        super().__init__(f"{item} needs itself")
        self.item = item


def depth_first(roots: Sequence[_K], needs: Callable[[_K], Iterable[_K]]) -> list[_K]:
    """All that ``roots`` need, each after what it needs itself; first come first served. CycleError on a cycle."""
    done: dict[_K, bool] = {}
    for root in roots:
        stack = [(root, False)]
        while stack:
            item, finished = stack.pop()
            if finished:
                # Taken out and put in again: a dict keeps the order of insertion, which is the order of finishing.
                del done[item]
                done[item] = True
            elif item not in done:
                done[item] = False
                stack.append((item, True))
                waiting = dict.fromkeys(n for n in needs(item) if not done.get(n))
                stack.extend((n, False) for n in reversed(waiting))
            elif not done[item]:
                # Met again while open: shared items that only wait are taken before their opener finishes.
                raise CycleError(item)
    return list(done)
