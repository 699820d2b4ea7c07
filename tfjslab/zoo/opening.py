"""Opening a model by what a user typed: a name of the zoo, or else a path or an address."""

from __future__ import annotations

from pathlib import Path

from tfjslab.base.errors import ModelError, did_you_mean
from tfjslab.formats.sources import Progress, no_progress
from tfjslab.model.load import load_model
from tfjslab.model.model import Model
from tfjslab.zoo import registry


def open_model(
    name: str, backend: str | None = None, threads: int | None = None, progress: Progress = no_progress, *,
    real: bool = False,
) -> Model:
    """Load a model. A name of the zoo is always that, with its published weights if ``real``; ``./name`` is a path.

    Raises ModelError; for a plain name that is neither a file nor in the zoo it lists the zoo.
    """
    if name in registry.ENTRIES:
        return registry.load(name, real=real, backend=backend, threads=threads, progress=progress)
    if Path(name).name == name and not Path(name).exists():
        known = ", ".join(registry.ENTRIES)
        hint = did_you_mean(name, registry.ENTRIES)
        raise ModelError(
            f"{name}: no such file or folder, and no such model in the zoo ({known}){hint}", code="model.unknown",
        )
    return load_model(name, backend, threads, progress)
