"""Files that are written whole, and folders for what is needed for a moment: nothing half or forgotten is left."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfjslab.base.interrupts import Uninterrupted


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to. What is there at the end of the block takes the place of ``path``; after an error nothing.

    So a file has its old content or all of the new one, also where Ctrl-C comes in between. Links stay links and a
    file keeps its mode. What cannot be replaced, such as a pipe or a terminal, is written to itself. The path given has
    the suffix of ``path``. OSError is that of writing to ``path``.
    """
    target = Path(path).resolve() if Path(path).is_symlink() else Path(path)
    if not _replaceable(target):
        yield target
        return
    work = target.with_name(f".{target.stem}-{secrets.token_hex(4)}{target.suffix}")
    try:
        yield work
        if target.exists():
            shutil.copymode(target, work)
        try:
            work.replace(target)
        except OSError:  # mounted, or another user's in a folder like /tmp: it can only be written to
            shutil.copyfile(work, target)
    finally:
        work.unlink(missing_ok=True)


def _replaceable(target: Path) -> bool:
    """Whether it is a file that may be written, or nothing yet, in a folder that takes files."""
    free = not target.exists() or (target.is_file() and os.access(target, os.W_OK))
    return free and os.access(target.parent, os.W_OK)


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write a file as ``replacing`` does, text as UTF-8; gives its path. OSError where that fails."""
    with replacing(path) as work:
        work.write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(path)


@contextmanager
def scratch_folder(prefix: str = "tfjslab-", place: Path | None = None) -> Iterator[Path]:
    """An empty folder of this user's own, which is removed with all that is in it at the end of the block.

    It is made in ``place``, else where the system has temporary files.
    """
    with Uninterrupted():
        # Its finalizer removes it where Ctrl-C comes before the block begins, or before its end begins.
        folder = tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True)
    try:
        yield Path(folder.name)
    finally:
        with Uninterrupted():
            folder.cleanup()
