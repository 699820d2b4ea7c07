"""How long work tells what it is at."""

from __future__ import annotations

from collections.abc import Callable

# What is being done (such as "mobilenet_v2 on wasm-simd: steady"), steps done, steps in all.
Progress = Callable[[str, int, int], None]


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""
