"""Which revision of the working folder's repository a result belongs to."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tfjslab.base.children import run_child

_PATIENCE_S = 10.0  # a repository on a slow disk; a result is not worth a longer wait


@dataclass(frozen=True)
class Revision:
    """The commit, empty outside of a repository, and whether tracked files differ from it."""

    commit: str = ""
    dirty: bool = False


def revision_of(folder: Path) -> Revision:
    """What git says of ``folder``; nothing where there is no git, no repository, or no commit yet."""
    git = shutil.which("git")
    head = _asked(git, folder, "rev-parse", "--verify", "HEAD") if git else None
    if git is None or not head:
        return Revision()
    return Revision(head, bool(_asked(git, folder, "status", "--porcelain", "--untracked-files=no")))


def _asked(git: str, folder: Path, *arguments: str) -> str | None:
    try:
        found = run_child([git, "-C", str(folder), *arguments], timeout_s=_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() if found.returncode == 0 else None
