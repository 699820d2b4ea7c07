"""Files that ship with the package: the kernel sources and the notebooks.

In the repository they stand at the top (``kernels/``, ``notebooks/``), where a person looks for them; the wheel carries
the same files as ``tfjslab/kernels`` and ``tfjslab/notebooks``. Both are found here, so that nothing else has to know
which of the two it runs from.
"""

from __future__ import annotations

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
