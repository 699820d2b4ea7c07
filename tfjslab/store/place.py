"""Where the store is: in the project's folder where there is one, else with the user's data."""

from __future__ import annotations

import os
from pathlib import Path

from tfjslab.base.errors import UsageError
from tfjslab.base.user_cache import data_root

PROJECT_FOLDER, FILE = ".tfjslab", "results.sqlite"


def store_file(given: str | os.PathLike[str] | None = None) -> Path:
    """The file of the store. It may not exist yet.

    A path that is given is the file itself, or a folder in which it is to be. Without one it is
    ``.tfjslab/results.sqlite`` in the working folder or the nearest one above it that has a ``.tfjslab``, else
    ``results.sqlite`` with the user's data.
    """
    if given:
        path = Path(given)
        return path / FILE if path.is_dir() else path
    here = Path.cwd()
    project = next((f / PROJECT_FOLDER for f in (here, *here.parents) if (f / PROJECT_FOLDER).is_dir()), None)
    return (project or data_root()) / FILE


def make_folder(path: Path) -> None:
    """The folder of the store, for this user only where it is new; UsageError where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as e:
        raise UsageError(f"results store {path}: its folder cannot be made ({e.strerror})", code="store.folder") from e
