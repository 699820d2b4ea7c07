"""Resource limits that are checked before anything is allocated. Input is hostile until checked."""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.base.errors import LimitError


@dataclass(frozen=True)
class Limits:
    """Upper bounds for what a model file may ask for."""

    model_json_bytes: int = 256 << 20
    weight_bytes: int = 2 << 30
    tensor_bytes: int = 2 << 30
    rank: int = 8
    nodes: int = 200_000
    json_depth: int = 200
    function_depth: int = 32
    loop_iterations: int = 10_000_000
    download_bytes: int = 2 << 30


LIMITS = Limits()


def check_limit(what: str, found: int, limit: int) -> None:
    """Raise LimitError when ``found`` is above ``limit``."""
    if found > limit:
        raise LimitError(f"{what} is {found}, above the limit of {limit}")
