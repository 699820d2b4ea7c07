"""Backends of a user, beside those of the table."""

from __future__ import annotations

from collections.abc import Callable

from tfjslab.backends import registry, rows
from tfjslab.backends.base import Backend, BackendDef
from tfjslab.base.errors import UsageError
from tfjslab.base.signatures import SIGNATURE, require_callable, require_free, require_own

_OWN: set[str] = set()


def register_backend(name: str, factory: Callable[[], Backend], priority: int = 0, doc: str = "") -> None:
    """Offer a backend of yours wherever a backend can be named.

    Args:
        name: how it is called from now on, in ``set_backend``, ``--backend`` and the rest.
        factory: makes it when it is first used; what it gives has what ``tfjslab.backends.base.Backend`` lists.
        priority: higher ones are chosen first when nobody names a backend; 0 is never chosen so.
        doc: a few words for the list of backends.

    Raises UsageError when the name is taken or the factory cannot be called without arguments.

    """
    require_free("backend", name, [row.name for row in rows.ROWS])
    require_callable(f"backend '{name}': its factory", factory, 0)
    if type(priority) is not int or priority < 0:
        raise UsageError(f"backend '{name}': priority {priority!r}; expected an integer >= 0", code=SIGNATURE)
    text = doc or "registered by a user"
    rows.ROWS.append(BackendDef(name, priority, text, "no backend of tfjs", "", factory=factory))
    _OWN.add(name)


def remove_backend(name: str) -> None:
    """Dispose a backend that was registered and forget it; the current backend is chosen anew if it was that one."""
    registry.forget(require_own("backend", name, _OWN))
    _OWN.discard(name)
    rows.ROWS[:] = [row for row in rows.ROWS if row.name != name]
