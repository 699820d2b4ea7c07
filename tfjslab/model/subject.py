"""The model to measure: one that is loaded here, with the time that took, or one that was loaded before."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from tfjslab.base.closing import Disposing
from tfjslab.engine.measure import Clock
from tfjslab.model.load import load_model
from tfjslab.model.model import Model

# A loader is given the backend's name and the thread count; None means the current ones.
Loader = Callable[[str | None, int | None], Model]
ModelSource = Model | Loader | str | os.PathLike[str]


@dataclass(frozen=True)
class Subject(Disposing):
    """A model to measure. ``load_ms`` is None where it was loaded before; ``owned`` models are disposed at the end."""

    model: Model
    load_ms: float | None
    owned: bool

    def dispose(self) -> None:
        """Dispose the model where it is owned."""
        if self.owned:
            self.model.dispose()


def open_subject(source: ModelSource, backend: str | None, threads: int | None, clock: Clock) -> Subject:
    """Load ``source`` (a path, an address or a loader) under ``clock``, which gives seconds.

    A ``Model`` is measured as it is, or, when a backend is named, as a copy of its graph there.
    """
    if isinstance(source, Model):
        if backend is None and threads is None:
            return Subject(source, None, owned=False)
        return Subject(Model(source.graph, backend, threads, source.name), None, owned=True)
    before = clock()
    model = source(backend, threads) if callable(source) else load_model(source, backend, threads)
    return Subject(model, (clock() - before) * 1e3, owned=True)
