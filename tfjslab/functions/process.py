"""What steers the process and shows what it has: modes, backends, frames, printing."""

from __future__ import annotations

import builtins

from tfjslab.backends import registry, rows
from tfjslab.backends.base import Backend
from tfjslab.backends.flags import env
from tfjslab.functions.base import Value, as_tensor, composed


def find_backend(name: str) -> Backend | None:
    """The backend called ``name``, started if need be; None when there is none or it cannot run here."""
    known = any(row.name == name for row in rows.ROWS)
    return registry.backend(name) if known and registry.availability(name).available else None


def enable_debug_mode() -> None:
    """Warn of each eager op with NaN or infinity in its output; every op is read back, so it is slow."""
    env().set_flags({"DEBUG": True, "PROD": False})


def enable_prod_mode() -> None:
    """Check nothing that only helps finding mistakes: the opposite of ``enable_debug_mode``."""
    env().set_flags({"DEBUG": False, "PROD": True})


async def next_frame() -> None:
    """Let other code that awaits run."""
    import asyncio  # noqa: PLC0415 - code that awaits has loaded it; other code does not need it

    await asyncio.sleep(0)


@composed
def print(x: Value, verbose: bool = False) -> None:  # noqa: A001 - as in TensorFlow.js
    """Print a tensor; with ``verbose`` its dtype, rank and shape in lines of their own first."""
    shown = as_tensor(x)
    if verbose:
        builtins.print(f"dtype: {shown.dtype}\nrank: {shown.rank}\nshape: {shown.shape}")  # noqa: T201 - its purpose
    shown.print()
