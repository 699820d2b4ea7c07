"""How to install an optional part of the package: one definition for every message that says so."""

from __future__ import annotations

_SOURCE = "."  # the folder of the repository; the package's own name once a registry has it


def install(extra: str) -> str:
    """The command that brings an extra, and where to run it.

    Example:
        >>> install("lab")
        "run pip install '.[lab]' in the folder of the repository"

    """
    return f"run pip install '{_SOURCE}[{extra}]' in the folder of the repository"
