"""What a notebook shows of the visor or of a surface follows it: it changes in place when something is drawn there.

IPython calls ``show`` when it displays one, so it is loaded then, and needs not be imported. The last place where a
thing was shown follows it. Drawing all again takes time, so what changes faster is shown as often as leaves most of the
time to the work, and once more when the cell has ended.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

LEAST_S, SHARE = 0.25, 0.2  # between two pictures, and of the time that drawing them may take


class Shown(Protocol):
    """The visor or a surface."""

    def _repr_mimebundle_(self, **wanted: Any) -> dict[str, str]: ...


@dataclass
class _Place:
    """Where one is shown: IPython's handle, when its picture is due, and whether it is older than what it shows."""

    handle: Any
    due: float = 0.0
    stale: bool = False


_PLACES: WeakKeyDictionary[Any, _Place] = WeakKeyDictionary()


def show(shown: Shown) -> None:
    """Display it in the cell that runs, and let this place follow it; a terminal cannot change what it has printed."""
    display = sys.modules["IPython.display"]
    handle = display.display(shown._repr_mimebundle_(), raw=True, display_id=in_notebook() or None)
    if handle is None:
        return
    if not _PLACES:
        _events("register")
    _PLACES[shown] = _Place(handle)


def follows(*shown: Shown | None) -> bool:
    """Whether some place follows one of them."""
    return any(s in _PLACES for s in shown if s is not None)


def in_notebook() -> bool:
    """Whether a kernel runs this, whose front end can change what it has shown."""
    shell = _shell()
    return shell is not None and getattr(shell, "kernel", None) is not None


def changed(shown: Shown) -> None:
    """Something was drawn there: show it, now or soon."""
    place = _PLACES.get(shown)
    if place is None:
        return
    if time.monotonic() < place.due:
        place.stale = True
    else:
        _update(shown, place)


def settle(shown: Shown) -> None:
    """Nothing more is drawn there: show it as it is now, and let the place be."""
    place = _PLACES.pop(shown, None)
    if place is not None:
        _update(shown, place)


def _update(shown: Shown, place: _Place) -> None:
    start = time.monotonic()
    place.stale = False
    place.handle.update(shown._repr_mimebundle_(), raw=True)
    end = time.monotonic()
    place.due = end + max(LEAST_S, (end - start) / SHARE)


def _after_cell(*_result: Any) -> None:
    for shown, place in list(_PLACES.items()):
        if place.stale:
            _update(shown, place)
    if not _PLACES:
        _events("unregister")


def _events(do: str) -> None:
    shell = _shell()
    if shell is not None:
        getattr(shell.events, do)("post_run_cell", _after_cell)


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
