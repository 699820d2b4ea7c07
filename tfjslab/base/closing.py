"""What holds something until it is closed or disposed, by hand or at the end of a ``with`` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self


def _surely(give_back: Callable[[], None]) -> None:
    """Call it, and again where Ctrl-C came before it had begun; a second call does nothing."""
    try:
        give_back()
    except KeyboardInterrupt:
        give_back()
        raise


class Closing(ABC):
    """A ``with`` block gives the object, and closes it at its end, after an error as well."""

    @abstractmethod
    def close(self) -> None:
        """Give back what is held. A second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        _surely(self.close)


class Disposing:
    """The same of what has to be disposed. It is no ``ABC``: asking whether something is a tensor has to be fast."""

    __slots__ = ()

    def dispose(self) -> None:
        """Give back what is held. A second call does nothing."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        _surely(self.dispose)
