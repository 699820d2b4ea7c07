"""The one place that knows dask's package: a client of a scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.base.extras import install

_PATIENCE_S = 10.0  # for the scheduler to answer


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """A client of the scheduler at ``address`` (``tcp://host:8786``), closed at the end; UsageError where none is."""
    try:
        from distributed import Client  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise UsageError(f"--scheduler needs dask.distributed; {install('dask')}", code="cluster.missing") from None
    try:
        opened: Any = Client  # it has no annotations
        client = opened(address, timeout=_PATIENCE_S, set_as_default=False)
    except (OSError, ValueError) as e:
        raise UsageError(f"no dask scheduler answers at {address} ({e}); expected an address such as tcp://host:8786",
                         code="cluster.address") from None
    with client:
        yield client
