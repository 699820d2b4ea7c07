"""What a machine can do at most, for rooflines."""

from __future__ import annotations

from tfjslab.backends import registry
from tfjslab.backends.ceilings import Ceilings, ceilings_of
from tfjslab.base.errors import UsageError


def ceilings(backend: str | None = None, threads: int | None = None) -> Ceilings:
    """Measure how much a backend can compute and move in a second, in well below a second.

    Args:
        backend: its name; None for the current one.
        threads: of a threaded backend; None for all cores.

    Raises UsageError for a backend that has none, such as ``cpu``.

    """
    found, reason = ceilings_of(registry.backend(backend, threads))
    if found is None:
        raise UsageError(reason)
    return found
