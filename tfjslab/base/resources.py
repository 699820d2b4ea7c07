"""Text files that ship with the package: the kernel sources.

In the repository they stand at the top (``kernels/``), where a person looks for them; the wheel carries the same files
as ``tfjslab/kernels``. Both are found here, so that nothing else has to know which of the two it runs from.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from tfjslab.base.errors import BackendUnavailableError


def kernels_root() -> Traversable:
    """The folder of kernel sources: the installed package's, else the repository's.

    Raises BackendUnavailableError (``install.kernels``) when the installation carries neither.
    """
    # A source tree never has the first: hatch copies the folder in only while it builds a wheel.
    places = (files("tfjslab") / "kernels", Path(__file__).parents[2] / "kernels")
    found = next((p for p in places if p.is_dir()), None)
    if found is None:
        listed = " or ".join(str(p) for p in places)
        message = f"kernel sources not found in {listed}; reinstall tfjslab"
        raise BackendUnavailableError(message, code="install.kernels")
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
