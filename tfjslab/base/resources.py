"""Files that ship with the package: the kernel sources and the notebooks.

In the repository they stand at the top (``kernels/``, ``notebooks/``), where a person looks for them; the wheel carries
the same files as ``tfjslab/kernels`` and ``tfjslab/notebooks``. Both are found here, so that nothing else has to know
which of the two it runs from.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from tfjslab.base.errors import BackendUnavailableError, UsageError

REPOSITORY = Path(__file__).parents[2]


def _places(name: str) -> tuple[Traversable, Traversable]:
    """Where a folder may be. A source tree never has the first: hatch copies it in only while it builds a wheel."""
    return files("tfjslab") / name, REPOSITORY / name


def _found(name: str) -> Traversable | None:
    return next((p for p in _places(name) if p.is_dir()), None)


def _missing(name: str, what: str) -> str:
    return f"{what} not found in {' or '.join(str(p) for p in _places(name))}; reinstall tfjslab"


def kernels_root() -> Traversable:
    """The folder of kernel sources: the installed package's, else the repository's.

    Raises BackendUnavailableError (``install.kernels``) when the installation carries neither.
    """
    found = _found("kernels")
    if found is None:
        raise BackendUnavailableError(_missing("kernels", "kernel sources"), code="install.kernels")
    return found


def kernel_text(relative: str) -> str:
    """The text of one kernel source, such as ``"wasm/matmul.wat"``.

    Raises BackendUnavailableError (``install.kernels``) when there is no such file.
    """
    root = kernels_root()
    try:
        return root.joinpath(*PurePosixPath(relative).parts).read_text(encoding="utf-8")
    except OSError:
        message = f"kernel source '{relative}' not found in {root}; reinstall tfjslab"
        raise BackendUnavailableError(message, code="install.kernels") from None


def notebooks_root() -> Traversable:
    """The folder of the notebooks: the installed package's, else the repository's.

    Raises UsageError (``install.notebooks``) when the installation carries neither.
    """
    found = _found("notebooks")
    if found is None:
        raise UsageError(_missing("notebooks", "notebooks"), code="install.notebooks")
    return found


def contents(folder: Path, suffix: str) -> Iterator[tuple[str, bytes]]:
    """The files at any depth of a folder that end in ``suffix``, in the order of their names: path below it, bytes.

    For digests of code, which each start makes: as texts this takes half the time that paths would.
    """
    root, places, folders = os.fspath(folder), [], [os.fspath(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name.endswith(suffix):
                    places.append(entry.path)
                elif entry.is_dir() and entry.name != "__pycache__":
                    folders.append(entry.path)
    for place in sorted(places):
        with open(place, "rb", buffering=0) as f:  # noqa: PTH123 - as above
            yield place[len(root) + 1 :].replace(os.sep, "/"), f.read()
