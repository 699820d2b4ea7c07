"""Folders as a web site on this machine's loopback address, with the headers that a page under test is to have."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import Message
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.base.threads import start_thread

# What lets a page have SharedArrayBuffer, and so WebAssembly threads.
ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
TYPES = {
    ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json",
    ".html": "text/html; charset=utf-8", ".css": "text/css", ".bin": "application/octet-stream",
    "": "application/octet-stream",
}
_DIGITS = 18  # of a length; longer ones are no lengths


@contextmanager
def served(
    root: Path, *, mounts: Mapping[str, Path] | None = None, isolated: bool = False, csp: str = "",
) -> Iterator[str]:
    """Serve ``root`` while the block runs; gives its address, which ends with a slash.

    ``mounts`` are further folders by the first part of their paths. ``isolated`` pages may use threads; ``csp`` is the
    Content-Security-Policy of every answer. Nothing may be cached: what is loaded twice is downloaded twice.
    """
    headers = {"Cache-Control": "no-store", **(ISOLATION if isolated else {})}
    if csp:
        headers["Content-Security-Policy"] = csp
    with listening(partial(_Handler, folders={"": root, **(mounts or {})}, headers=headers)) as port:
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def listening(handler: Any, host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Answer requests with ``handler`` while the block runs; gives the port, a free one for 0.

    UsageError where nothing can listen at that address.
    """
    try:
        server = Server((host, port), handler)
    except OSError as e:
        raise UsageError(f"cannot listen on {host}:{port or 'any port'}: {e.strerror or e}") from None
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="tfjslab-server", daemon=True)
    try:
        start_thread(thread)
        yield int(server.server_address[1])
    finally:
        with Uninterrupted():
            if thread.ident is not None:  # None: it could not be started
                server.shutdown()
            server.hang_up()
            server.server_close()
            if thread.ident is not None:
                thread.join()


class Server(ThreadingHTTPServer):
    """Serves each connection in a thread, and knows the open ones: browsers keep some that never ask for anything."""

    daemon_threads = False  # so that closing waits for them
    request_queue_size = 128  # connections that nobody has taken yet; with the base class's 5, bursts wait for seconds

    def __init__(self, address: tuple[str, int], handler: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note a connection."""
        self._open.add(request)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        """Forget it."""
        self._open.discard(request)
        super().close_request(request)

    def hang_up(self) -> None:
        """End all connections, so that the threads which serve them end."""
        for connection in tuple(self._open):
            with suppress(OSError):  # it has ended by itself
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away in the middle of an answer is no error."""


class Refused(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """A request that is answered with a status and a line of text."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def length_of(headers: Message, limit: int) -> int:
    """The bytes of a body that is to be read. Refused where none are told, or more than ``limit``."""
    told = headers.get_all("Content-Length", [])  # two of them may mean different things to a proxy and to us
    given = told[0] if len(told) == 1 else ""
    if not given.isascii() or not given.isdigit():
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "a length is needed")
    if len(given) > _DIGITS or int(given) > limit:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{given[:_DIGITS]} bytes; at most {limit} are taken")
    return int(given)


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, **TYPES}  # noqa: RUF012 - the base class's own way

    def __init__(
        self, *args: Any, folders: Mapping[str, Path], headers: Mapping[str, str],
    ) -> None:
        self._folders, self._headers = folders, headers
        super().__init__(*args, directory=str(folders[""]))

    def translate_path(self, path: str) -> str:
        first, _, rest = path.lstrip("/").partition("/")
        mounted = bool(first) and first in self._folders
        self.directory = str(self._folders[first if mounted else ""])
        return super().translate_path(f"/{rest}" if mounted else path)

    def do_GET(self) -> None:
        """Files; a favicon, which browsers ask for by themselves, is nothing."""
        if self.path == "/favicon.ico":
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()
            return
        super().do_GET()

    def end_headers(self) -> None:
        for name, value in self._headers.items():
            self.send_header(name, value)
        super().end_headers()

    def list_directory(self, _path: Any) -> None:
        """A folder has no page of its own."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, *_: Any) -> None:
        """Requests are nobody's business."""
