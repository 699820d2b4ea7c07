"""Where a model's files are: a folder, a file, a ``file://`` or an ``http(s)://`` address.

A model names its weight shards, so those names are hostile: each must stay inside the model's folder. Remote files
are downloaded to the cache first, so everything after this module reads local files whose size is known.
"""

from __future__ import annotations

import os
import re
import reprlib
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

from tfjslab.base.errors import ModelError, UsageError
from tfjslab.base.limits import check_limit
from tfjslab.formats.cache import fetch
from tfjslab.formats.strict_json import show

MODEL_FILE = "model.json"
Progress = Callable[[str, int, int | None], None]
_UNQUOTE_ROUNDS = 3
# TF.js asks these hosts for single files of a model with this query.
_HUB_HOSTS = ("tfhub.dev", "www.kaggle.com", "kaggle.com")
_HUB_QUERY = "tfjs-format=file"


def no_progress(_name: str, _done: int, _total: int | None) -> None:
    """Report nothing."""


class Files(Protocol):
    """The files of one model."""

    @property
    def where(self) -> str:
        """The folder, for messages."""
        ...

    @property
    def progress(self) -> Progress:
        """Called with (file name, bytes done, bytes in all or None)."""
        ...

    def local(self, name: str, role: str) -> Path:
        """A readable local file for ``name``, downloaded if need be; ModelError when there is none."""
        ...

    def describe(self, name: str) -> str:
        """Full name of the file, for messages."""
        ...


@dataclass(frozen=True)
class Source:
    """An opened model: its files, and which one of them is the model."""

    files: Files
    main: str

    @property
    def name(self) -> str:
        """What messages call the model file."""
        return self.files.describe(self.main)

    @cached_property
    def _path(self) -> Path:
        return self.files.local(self.main, "model file")

    def head(self, count: int) -> bytes:
        """The first ``count`` bytes of the model file, or all of a shorter one."""
        return self._read(count)

    def read(self, limit: int) -> bytes:
        """The model file's bytes, after its size is checked."""
        check_limit(f"{self.name}: size in bytes", self._path.stat().st_size, limit)
        data = self._read(limit + 1)
        check_limit(f"{self.name}: size in bytes", len(data), limit)
        self.files.progress(self.main, len(data), len(data))
        return data

    def _read(self, count: int) -> bytes:
        try:
            with self._path.open("rb") as f:
                return f.read(count)
        except OSError as e:  # a file of the system that cannot be read as one
            raise _missing(self.name, "model file", e) from None


def check_member(name: str, where: str) -> None:
    """Raise ModelError (code ``model.path``) unless ``name`` is a relative path that cannot leave its folder.

    Checked as it stands and after URL unescaping, for both kinds of slashes, so that one rule fits all systems.
    """
    text = name
    for _ in range(_UNQUOTE_ROUNDS):
        parts = text.replace("\\", "/").split("/")
        reason = (
            "is empty" if not text.strip() else
            "is an absolute path" if text[0] in "/\\" or re.match(r"[A-Za-z]:", text) or "://" in text else
            "leaves the model's folder" if ".." in parts else
            "holds a control character" if any(ord(c) < ord(" ") for c in text) else
            "holds a backslash" if "\\" in text else ""
        )
        if reason:
            raise ModelError(
                f"{where}: file name {show(name)} {reason}; expected a name inside of the model's folder",
                code="model.path",
            )
        text = unquote(text)


@dataclass(frozen=True)
class FolderFiles:
    """Files of a local folder."""

    root: Path
    progress: Progress = no_progress

    @property
    def where(self) -> str:
        """The folder."""
        return str(self.root)

    def describe(self, name: str) -> str:
        """Path of the file, as the user would type it."""
        return str(self.root / name)

    def local(self, name: str, role: str) -> Path:
        """The file, which must be a regular one inside of the folder even after symbolic links are followed."""
        check_member(name, self.where)
        try:
            real = (self.root / name).resolve(strict=True)
            root = self.root.resolve(strict=True)
            mode = real.stat().st_mode
        except (OSError, RuntimeError, ValueError) as e:
            raise _missing(self.describe(name), role, e) from None
        if not real.is_relative_to(root):
            raise ModelError(
                f"{self.describe(name)}: a link to {show(str(real))}, outside of the model's folder", code="model.path",
            )
        if not stat.S_ISREG(mode):
            raise ModelError(f"{self.describe(name)}: not a regular file; expected a {role}", code="model.missing_file")
        if not os.access(real, os.R_OK):
            raise ModelError(f"{self.describe(name)}: no permission to read this {role}", code="model.missing_file")
        return real


def _missing(path: str, role: str, error: Exception) -> ModelError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    code = "model.missing_shard" if role == "weight shard" else "model.missing_file"
    return ModelError(f"{path}: {role} cannot be opened: {reason}", code=code)


@dataclass(frozen=True)
class UrlFiles:
    """Files below an ``http(s)`` address, kept in ``cache``. ``query`` is sent with each of them, as TF.js does."""

    base: str
    query: str
    cache: Path | None = None
    progress: Progress = no_progress
    headers: Mapping[str, str] | None = None

    @property
    def where(self) -> str:
        """The folder's address."""
        return self.base

    def describe(self, name: str) -> str:
        """Address of the file."""
        escaped = quote(name, safe="/%")
        return f"{self.base}{escaped}{'?' if self.query else ''}{self.query}"

    def local(self, name: str, role: str) -> Path:
        """The cached copy, fetched or revalidated now."""
        check_member(name, self.where)
        url = self.describe(name)
        if not urlsplit(url).path.startswith(urlsplit(self.base).path):
            raise ModelError(f"{self.where}: file name {show(name)} leaves the model's folder", code="model.path")
        told = PurePosixPath(name).name
        return fetch(url, role, self.cache, lambda done, total: self.progress(told, done, total), self.headers)


def open_source(
    where: str | os.PathLike[str], suffixes: tuple[str, ...], *, progress: Progress = no_progress,
    cache: Path | None = None, headers: Mapping[str, str] | None = None,
) -> Source:
    """Find the model that ``where`` means: a folder, a model file, a ``file://`` or an ``http(s)://`` address.

    ``suffixes`` are those of model files, by which one is found in a folder; ``headers`` are sent to an address.
    Nothing is read yet, except for whether a local path exists.
    """
    text = os.fspath(where) if isinstance(where, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise UsageError(f"the model is {reprlib.repr(where)}; expected a path or an address")
    try:
        scheme = urlsplit(text).scheme.lower() if "://" in text else ""
    except ValueError as e:  # brackets that hold no IPv6 address, letters that stand for others
        raise ModelError(f"{text}: not an address: {e}", code="model.path") from None
    if scheme in ("http", "https"):
        return _open_url(text, suffixes, progress, cache, headers)
    if scheme == "file":
        parts = urlsplit(text)
        if parts.netloc not in ("", "localhost"):
            host = show(parts.netloc)
            raise ModelError(f"{text}: file address with host {host}; expected file:///path", code="model.path")
        return _open_path(Path(url2pathname(parts.path)), suffixes, progress)
    if scheme:
        raise ModelError(
            f"{text}: unknown scheme '{scheme}'; expected a path, file://, http:// or https://", code="model.path",
        )
    return _open_path(Path(text), suffixes, progress)


def _open_path(path: Path, suffixes: tuple[str, ...], progress: Progress) -> Source:
    try:
        if path.is_dir():
            return Source(FolderFiles(path, progress), _main_in(path, suffixes))
        path.stat()
    except (OSError, ValueError) as e:
        raise _missing(str(path), "model", e) from None
    return Source(FolderFiles(path.parent, progress), path.name)


def _main_in(folder: Path, suffixes: tuple[str, ...]) -> str:
    """``model.json``, or the only model file of the folder."""
    if (folder / MODEL_FILE).exists():
        return MODEL_FILE
    found = sorted(p.name for p in folder.iterdir() if p.suffix in suffixes)
    if len(found) == 1:
        return found[0]
    held = f"found {', '.join(found)}" if found else f"found no {', '.join(suffixes[:-1])} or {suffixes[-1]} file"
    raise ModelError(f"{folder}: {held}; expected {MODEL_FILE} or one model file", code="model.missing_file")


def _open_url(
    url: str, suffixes: tuple[str, ...], progress: Progress, cache: Path | None, headers: Mapping[str, str] | None,
) -> Source:
    parts = urlsplit(url)
    if not parts.hostname:
        raise ModelError(f"{url}: address without a host", code="model.path")
    folder, _, name = parts.path.rpartition("/")
    query = parts.query
    if not name.endswith(suffixes):
        # The address of a folder, as published on TensorFlow Hub and Kaggle.
        folder, name = parts.path.rstrip("/"), MODEL_FILE
        if parts.hostname in _HUB_HOSTS and not query:
            query = _HUB_QUERY
    base = urlunsplit((parts.scheme, parts.netloc, f"{folder}/", "", ""))
    return Source(UrlFiles(base, query, cache, progress, headers), unquote(name))
