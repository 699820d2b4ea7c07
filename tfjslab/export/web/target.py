"""The folder that an export is written to: made anew, or in place of an earlier export, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tfjslab.base.errors import InputError
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.export.web.folder import REPORTS, SIGNATURE

_MARK, _LIST = "model.js", "package.json"
_MODE = 0o755  # any server may read it; temporary folders are private
_MOST_NAMED = 5


def target_folder(given: str | os.PathLike[str]) -> Path:
    """The folder's full path. InputError (``export.folder``) where it holds anything but an earlier export."""
    folder = Path(given).resolve()
    if folder.is_dir():
        foreign = _foreign(folder)
        if not foreign:
            return folder
        named = ", ".join(foreign[:_MOST_NAMED]) + (", .." if len(foreign) > _MOST_NAMED else "")
        raise InputError(f"{given} holds what no export writes ({named}); choose another folder", code="export.folder")
    if folder.exists():
        raise InputError(f"{given} is not a folder; choose another name", code="export.folder")
    return folder


def _foreign(folder: Path) -> list[str]:
    """Names in the folder that an export did not write: all but those that it lists itself, if it is signed."""
    names = sorted(p.name for p in folder.iterdir())
    ours = {*_listed(folder / _LIST), *REPORTS} if _signed(folder / _MARK) else set()
    return [n for n in names if n not in ours]


def _listed(package: Path) -> list[str]:
    try:
        found = json.loads(package.read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [n for n in found if isinstance(n, str)] if isinstance(found, list) else []


def _signed(mark: Path) -> bool:
    if not mark.is_file():
        return False
    with mark.open(encoding="utf-8", errors="replace") as f:
        return SIGNATURE in f.readline()


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files or none: into a folder beside, which then takes the place of the old one."""
    old: Path | None = None
    made: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with Uninterrupted():
            made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        for name, data in files.items():
            (made / name).write_bytes(data)
        made.chmod(_MODE)
        if folder.exists():
            old = made.with_name(f"{made.name}-old")
            folder.rename(old)
        made.rename(folder)
    except OSError as e:
        raise InputError(f"{folder} cannot be written: {e}", code="export.folder") from e
    finally:
        if old is not None and not folder.exists():  # it failed, or Ctrl-C came, between the two renames
            old.rename(folder)
        for left in filter(None, (made, old)):
            shutil.rmtree(left, ignore_errors=True)
