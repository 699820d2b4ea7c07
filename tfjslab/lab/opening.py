"""Opening the model of a run: by its name or its path with progress, or as whoever made the run hands it in."""

from __future__ import annotations

import os

from tfjslab import zoo
from tfjslab.formats.sources import Progress
from tfjslab.lab.session import RunSettings
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource


def opener(settings: RunSettings, source: ModelSource | None, progress: Progress) -> ModelSource:
    """What ``open_subject`` opens. A path as ``source`` is where the model is that the settings only name."""
    if source is not None and not isinstance(source, (str, os.PathLike)):
        return source
    where = settings.model if source is None else os.fspath(source)

    def load(backend: str | None, threads: int | None) -> Model:
        model = zoo.open_model(where, backend, threads, progress, real=settings.real_weights)
        if source is not None:
            model.name = settings.model
        return model

    return load
