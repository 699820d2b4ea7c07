"""``%load_ext tfjslab``: profiling, memory and the choice of a backend as magics. The only room that knows IPython."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add ``%tfprofile``, ``%%tfprofile``, ``%tfmemory`` and ``%tfbackend``; IPython calls this for ``%load_ext``."""
    from tfjslab.magics.extension import load  # noqa: PLC0415 - ``import tfjslab`` must not load IPython

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics away again."""
    from tfjslab.magics.extension import unload  # noqa: PLC0415 - see above

    unload(shell)
