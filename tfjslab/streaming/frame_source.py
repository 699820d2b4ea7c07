"""What a source of frames is."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Protocol, Self

END = object()  # what a source gives after its last frame


class FrameSource(Protocol):
    """Gives frames one after the other. ``fps`` is its own rate, if it has one.

    Of a ``live`` source frames come when they come, at a rate that nobody can choose. A ``held`` one has them in
    memory, so that reading takes no time. ``length`` is None where it is not known.
    """

    name: str
    fps: float | None
    live: bool
    held: bool
    length: int | None

    def read(self, skip: int = 0) -> tuple[int, Any]:
        """Pass over ``skip`` frames: how many it went on by, and the next one, or ``END`` after the last."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None: ...
