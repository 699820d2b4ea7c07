"""Downloads that are kept on disk: one record an address, contents stored once by their SHA-256.

A kept file is used again when the server says that it has not changed (ETag, Last-Modified), or cannot be reached.
Every write goes to a temporary file first and is then renamed, so a cache shared by processes is never half written.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request

from tfjslab.base.errors import ModelError
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.base.user_cache import cache_root, write_atomically
from tfjslab.formats.connection import STALL_SECONDS, body, opener

_NOT_MODIFIED = 304
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """What the cache knows of one address."""

    url: str
    sha256: str
    size: int
    etag: str
    last_modified: str


def fetch(
    url: str, role: str, cache: Path | None, progress: Callable[[int, int | None], None],
    headers: Mapping[str, str] | None = None,
) -> Path:
    """A local copy of ``url``. ModelError (code ``model.download``) says why there is none.

    ``headers`` are sent beside those of the cache; what they unlock is kept apart from what others may see.
    """
    root = (cache or cache_root()) / "models"
    key = url if not headers else json.dumps([url, sorted(headers.items())])
    record = root / "urls" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
    known = _load(record, root)
    sent = {**(headers or {}), "Accept-Encoding": "identity", "User-Agent": "tfjslab"}
    request = Request(url, headers=sent)  # noqa: S310 - opened below by HTTP(S) handlers only
    if known and known.etag:
        request.add_header("If-None-Match", known.etag)
    if known and known.last_modified:
        request.add_header("If-Modified-Since", known.last_modified)
    try:
        with opener().open(request, timeout=STALL_SECONDS) as response:
            entry = _store(url, response, root, progress)
    except HTTPError as e:
        e.close()
        if e.code == _NOT_MODIFIED and known:
            return _kept(known, root, progress)
        raise _failed(url, role, f"the server answers {e.code} {e.reason}") from None
    except (URLError, OSError, http.client.HTTPException, ValueError) as e:
        if known:
            # Offline is no reason to refuse a model that is here.
            return _kept(known, root, progress)
        raise _failed(url, role, getattr(e, "reason", None) or e) from None
    write_atomically(record, json.dumps(asdict(entry)).encode())
    return _blob(root, entry.sha256)


def _failed(url: str, role: str, reason: object) -> ModelError:
    return ModelError(f"{url}: {role} cannot be downloaded: {' '.join(str(reason).split())}", code="model.download")


def _kept(entry: Entry, root: Path, progress: Callable[[int, int | None], None]) -> Path:
    progress(entry.size, entry.size)
    return _blob(root, entry.sha256)


def _blob(root: Path, sha256: str) -> Path:
    return root / "blobs" / sha256


def _load(record: Path, root: Path) -> Entry | None:
    """The record, if it is sound and its content is still there in full length."""
    try:
        raw = json.loads(record.read_bytes())
        entry = Entry(**{k: type(v)(raw[k]) for k, v in asdict(Entry("", "", 0, "", "")).items()})
        if _SHA256_HEX.fullmatch(entry.sha256) and _blob(root, entry.sha256).stat().st_size == entry.size:
            return entry
    except (OSError, ValueError, TypeError, KeyError):
        pass
    return None


def _store(url: str, response: Any, root: Path, progress: Callable[[int, int | None], None]) -> Entry:
    """Stream the body into the cache, checking its announced length and the download limit as it comes."""
    announced = response.headers.get("Content-Length", "")
    total = int(announced) if announced.isdigit() else None
    check_limit(f"{url}: bytes to download", total or 0, LIMITS.download_bytes)
    digest, size = hashlib.sha256(), 0
    blobs = root / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    temporary = blobs / f"{secrets.token_hex(8)}.part"
    try:
        temporary.touch(0o600, exist_ok=False)
        with temporary.open("wb") as f:
            for chunk in body(response, url):
                size += len(chunk)
                check_limit(f"{url}: bytes to download", size, LIMITS.download_bytes)
                digest.update(chunk)
                f.write(chunk)
                progress(size, total)
        if total is not None and size != total:
            raise ModelError(f"{url}: the connection ended after {size} of {total} bytes", code="model.download")
        temporary.replace(_blob(root, digest.hexdigest()))
    finally:
        temporary.unlink(missing_ok=True)
    headers = response.headers
    return Entry(url, digest.hexdigest(), size, headers.get("ETag", ""), headers.get("Last-Modified", ""))
