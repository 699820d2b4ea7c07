"""Where things of the user are kept: downloads and compiled modules between runs, results, and copies to work on."""

from __future__ import annotations

import atexit
import hmac
import os
import secrets
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import platformdirs

from tfjslab.base.interrupts import Uninterrupted

CACHE_VARIABLE = "TFJSLAB_CACHE_DIR"
DATA_VARIABLE = "TFJSLAB_DATA_DIR"
KEY = "key"  # the file in a private folder that is no entry
_KEY_BYTES = _DIGEST_BYTES = 32
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
# Links are not followed; systems that have no such flag have no user ids to check either.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_KEYS: dict[str, tuple[tuple[int, ...], bytes]] = {}  # keys that were read, with how they looked then


def cache_root() -> Path:
    """``$TFJSLAB_CACHE_DIR``, or this system's cache folder of the user. It may not exist yet.

    A user without a home folder has one for this process, which is removed when it ends.
    """
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given)
    try:
        found = platformdirs.user_cache_path("tfjslab")
    except RuntimeError:  # no home folder
        return _temporary_root()
    return found if found.is_absolute() else _temporary_root()


@lru_cache(maxsize=1)
def _temporary_root() -> Path:
    with Uninterrupted():
        path = tempfile.mkdtemp(prefix="tfjslab-")
        atexit.register(shutil.rmtree, path, ignore_errors=True)
    return Path(path)


def data_root() -> Path:
    """``$TFJSLAB_DATA_DIR``, or this system's folder for what programs of the user keep. It may not exist yet."""
    given = os.environ.get(DATA_VARIABLE)
    return Path(given) if given else platformdirs.user_data_path("tfjslab")


def documents_root() -> Path:
    """The folder for what the user edits; it may not exist yet."""
    return platformdirs.user_documents_path() / "tfjslab"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old one or the whole new one. Folders are made for this user only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Uninterrupted():
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as f:
                f.write(data)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


class ForeignFolderError(OSError):
    """A folder or file that others could have written to; what is in it is not to be trusted."""


@dataclass(frozen=True)
class PrivateFolder:
    """A folder for what is executed when it is read: nobody but the user may write to it, and entries are signed.

    The key lies in the folder and is the user's alone, so that what came here in another way is not read.
    OSError of a folder that cannot be made, ForeignFolderError of one that is not the user's own.
    """

    path: Path

    def read(self, name: str) -> bytes | None:
        """An entry; None where there is none, or it is not what was written. It counts as used now."""
        place = self._place(name)
        try:
            data = _owned(place)
        except FileNotFoundError:
            return None
        os.utime(place)
        signed, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        return content if hmac.compare_digest(signed, self._signature(name, content)) else None

    def write(self, name: str, content: bytes) -> None:
        """Keep an entry."""
        write_atomically(self.path / name, self._signature(name, content) + content)

    def _signature(self, name: str, content: bytes) -> bytes:
        return hmac.digest(self._key() + name.encode(), content, "sha256")

    def _key(self) -> bytes:
        """The key, made by the process that comes first. Read once, as long as folder and file look as they did."""
        place = self._place(KEY)
        seen, key = _KEYS.get(place, ((), b""))
        with suppress(FileNotFoundError):
            if seen == _looks(self.path, place):
                return key
        if not os.path.lexists(place):
            self._check()
            self._make_key()
        seen = _looks(self.path, place)  # before the check, so that nothing that comes after it is taken for checked
        self._check()
        key = _owned(place)
        _KEYS[place] = (seen, key)
        return key

    def _make_key(self) -> None:
        made = self.path / f"key-{secrets.token_hex(8)}"
        try:
            made.write_bytes(secrets.token_bytes(_KEY_BYTES))
            made.chmod(stat.S_IRUSR | stat.S_IWUSR)
            with suppress(FileExistsError):
                os.link(made, self._place(KEY))  # as a whole, and only where there is none yet
        finally:
            made.unlink(missing_ok=True)

    def _check(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = self.path.lstat()
        if stat.S_ISLNK(found.st_mode):
            raise ForeignFolderError(f"{self.path} is a link")
        _check_own(found, str(self.path))

    def _place(self, name: str) -> str:
        return f"{self.path}{os.sep}{name}"  # a text is made faster than a path, and this is asked at every start


def _looks(folder: Path, key: str) -> tuple[int, ...]:
    """What changes with the owner or mode of the folder, and with all of the key: nobody can set ``st_ctime_ns``."""
    f, k = os.lstat(folder), os.lstat(key)
    return (f.st_dev, f.st_ino, f.st_mode, f.st_uid, k.st_dev, k.st_ino, k.st_mode, k.st_uid, k.st_ctime_ns)


def _owned(place: str) -> bytes:
    """A file, after a look at whose it is; a part of it, where another process cuts it just now."""
    with Uninterrupted():
        file = os.open(place, os.O_RDONLY | _NO_LINK | _BINARY)
        try:
            found = os.fstat(file)
            _check_own(found, place)
            if not stat.S_ISREG(found.st_mode):
                raise ForeignFolderError(f"{place} is no file")
            return os.read(file, found.st_size)
        finally:
            os.close(file)


def _check_own(found: os.stat_result, what: str) -> None:
    if not hasattr(os, "getuid"):
        return
    if found.st_uid != os.getuid():
        raise ForeignFolderError(f"{what} belongs to user {found.st_uid}; this process runs as {os.getuid()}")
    if found.st_mode & _OTHERS_WRITE:
        raise ForeignFolderError(f"others may write to {what}; 'chmod go-w' closes it")
