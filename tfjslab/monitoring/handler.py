"""The collector's requests: who may ask, what is refused and why, and the answers."""

from __future__ import annotations

import io
import json
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tfjslab.base.errors import InputError, LimitError
from tfjslab.browser.server import TYPES, Refused, length_of
from tfjslab.monitoring.batch import MOST_BYTES, read_batch

if TYPE_CHECKING:
    from tfjslab.monitoring.site import MonitorSite

BATCHES, RULES, SUMMARY, METRICS = "/v1/batches", "/v1/rules", "/v1/summary", "/metrics"
FOR_PAGES = {BATCHES, RULES}  # what pages of other origins may ask for
REQUEST_S = 20.0  # within which a request is read, and an idle connection asks again
_LINGER_S, _LINGER_BYTES = 1.0, 1 << 20
_BODY_TYPES = {"text/plain", "application/json"}  # what a beacon sends without asking first, and what programs send
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
                               "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
Answer = tuple[bytes, str]


class _Timed(io.RawIOBase):
    """What a connection sends, until a moment: however slowly it comes, a request ends."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection, self.until = connection, 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class MonitorHandler(BaseHTTPRequestHandler):
    """Serves one ``MonitorSite``."""

    protocol_version = "HTTP/1.1"
    timeout = REQUEST_S
    wbufsize = 1 << 16  # headers and body leave together: apart, the second waits 40 ms for the first to be confirmed
    disable_nagle_algorithm = True

    def __init__(self, *args: Any, site: MonitorSite) -> None:
        self._site, self._unread = site, False
        super().__init__(*args)

    def setup(self) -> None:
        """Give every request a moment by which it must be read."""
        super().setup()
        self._timed = _Timed(self.connection)
        self.rfile = io.BufferedReader(self._timed)

    def handle(self) -> None:
        """Serve a connection, where there are not too many."""
        if not self._site.connections.acquire(blocking=False):
            self._site.tell(HTTPStatus.SERVICE_UNAVAILABLE)
            self.wfile.write(_FULL)  # sent when the base class finishes
            return
        try:
            super().handle()
        finally:
            self._site.connections.release()

    def handle_one_request(self) -> None:
        """Read and answer one request."""
        self._timed.until = time.monotonic() + REQUEST_S
        super().handle_one_request()

    def do_GET(self) -> None:
        """The page and what it shows, the rules, Prometheus's text."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """A batch."""
        self._answer(self._post)

    def do_OPTIONS(self) -> None:
        """Whether a page of another origin may ask."""
        self._answer(lambda _: (b"", TYPES[""]))

    def __getattr__(self, name: str) -> Any:
        """Every other method is refused; the base class looks for one by its name."""
        if not name.startswith("do_"):
            raise AttributeError(name)
        return lambda: self._answer(self._no_method)

    def _answer(self, work: Callable[[str], Answer]) -> None:
        self._unread = "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        allowed: Mapping[str, str] = {}
        try:
            path = self._checked()
            allowed = self._for_origin(path)
            body, kind = work(path)
            status = HTTPStatus.OK
        except Refused as e:
            body, kind, status = json.dumps({"error": e.text}).encode(), TYPES[".json"], e.status
        except TimeoutError:
            body, kind, status = b'{"error":"too slow"}', TYPES[".json"], HTTPStatus.REQUEST_TIMEOUT
        if status != HTTPStatus.OK:
            self._site.tell(status)
        # What was not read stays in the connection, so it must not be used again.
        self.close_connection = self.close_connection or self._unread
        self._send(status, body, {**_HEADERS, **allowed, "Content-Type": kind})
        if self._unread:
            self._linger()

    def _send(self, status: HTTPStatus, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            self.send_header("Retry-After", "5")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _linger(self) -> None:
        """Drop what is still coming: closed with unread bytes, a connection takes its answer back."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            until, left = time.monotonic() + _LINGER_S, _LINGER_BYTES
            while left > 0 and (wait := until - time.monotonic()) > 0:
                self.connection.settimeout(wait)
                got = len(self.connection.recv(1 << 16))
                left = left - got if got else 0

    def _checked(self) -> str:
        """The path, where the host is ours (which stops pages that rebind their name to us) and there is no rush."""
        if not self._site.is_called(self.headers.get("Host", ""), self.connection.getsockname()[1]):
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "this host is not served here; --allow-host names more")
        if not self._site.admission.admits(self._client()):
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "too many requests a second")
        return urlsplit(self.path).path

    def _client(self) -> str:
        """Whose request this is: the connection's, or what the proxy in front says of it, where it is trusted."""
        told = self.headers.get("X-Forwarded-For", "") if self._site.settings.trust_forwarded else ""
        return told.rpartition(",")[2].strip() or str(self.client_address[0])

    def _for_origin(self, path: str) -> Mapping[str, str]:
        """Headers that let a page of an allowed origin read the answer. Refused for other origins."""
        origin = self.headers.get("Origin")
        if origin is None or origin == f"http://{self.headers['Host']}":
            return {}
        if path not in FOR_PAGES or origin not in self._site.settings.origins:
            raise Refused(HTTPStatus.FORBIDDEN, "this origin is not allowed; --allow-origin names those that are")
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin", "Access-Control-Allow-Methods": "GET, POST",
                "Access-Control-Allow-Headers": "Content-Type", "Access-Control-Max-Age": "3600",
                "Cross-Origin-Resource-Policy": "cross-origin"}

    def _get(self, path: str) -> Answer:
        if path == RULES:
            return self._site.rules.for_pages(), TYPES[".json"]
        if path == SUMMARY:
            return self._site.summary_json(parse_qs(urlsplit(self.path).query).get("minutes", [""])[0]), TYPES[".json"]
        if path == METRICS:
            return self._site.metrics(self.headers.get("Accept", ""))
        if (found := self._site.page.get(path)) is None:
            raise Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
        return found

    def _post(self, path: str) -> Answer:
        if path != BATCHES:
            raise Refused(HTTPStatus.NOT_FOUND, f"there is nothing here; batches go to {BATCHES}")
        if self.headers.get_content_type() not in _BODY_TYPES:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected a body of {' or '.join(sorted(_BODY_TYPES))}")
        if "Content-Encoding" in self.headers or "Transfer-Encoding" in self.headers:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected a plain body with its length")
        body = self.rfile.read(length_of(self.headers, MOST_BYTES))
        self._unread = False
        try:
            batch = read_batch(body)
            if self._site.settings.models and batch.model not in self._site.settings.models:
                raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "this model is not watched here; --model names those "
                                                               "that are")
            return json.dumps({"counted": int(self._site.count(batch))}).encode(), TYPES[".json"]
        except InputError as e:
            raise Refused(HTTPStatus.BAD_REQUEST, str(e)) from None
        except LimitError as e:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, str(e)) from None

    def _no_method(self, _path: str) -> Answer:
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and POST are answered")

    def version_string(self) -> str:
        """What runs here; not the version of Python."""
        return "tfjslab"

    def log_message(self, *_: Any) -> None:
        """Requests are nobody's business."""
