"""Results of functions of which some are written for code that awaits."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tfjslab.base.errors import OutOfMemoryError
from tfjslab.base.threads import submit


def settled(result: Any) -> Any:
    """``result`` itself, or what awaiting it gives, also where the caller's thread runs a loop already."""
    if not inspect.isawaitable(result):
        return result
    import asyncio  # noqa: PLC0415 - only few results are awaited

    async def wait() -> Any:
        return await result

    with ThreadPoolExecutor(1) as pool:  # a loop cannot be run inside of another one
        try:
            found = submit(pool, lambda: asyncio.run(wait()))
        except OutOfMemoryError:
            if inspect.iscoroutine(result):
                result.close()  # it has not begun, and never will
            raise
        return found.result()
