"""HTTP connections that end: a server may not keep a download open for ever, whatever it sends or does not send."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from tfjslab.base.errors import ModelError
from tfjslab.base.threads import start_thread

STALL_SECONDS = 30.0  # without a byte
ANSWER_SECONDS = 60.0  # until all headers are there
SLOW_SECONDS, LEAST_BYTES_PER_SECOND = 60.0, 1000  # after so long, a body has to have come at least this fast
_CHUNK_BYTES = 1 << 18


class _Ending:
    """A connection whose answer must have begun in time: headers that drip in would reset any timeout of a read."""

    sock: socket.socket

    def getresponse(self) -> http.client.HTTPResponse:
        """The answer's headers; TimeoutError when they took too long."""
        late = threading.Event()

        def end() -> None:
            late.set()
            self.sock.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(ANSWER_SECONDS, end)
        timer.daemon = True
        start_thread(timer)
        found: http.client.HTTPResponse | None = None
        try:
            found = super().getresponse()  # type: ignore[misc]
        except (OSError, http.client.HTTPException):
            if not late.is_set():
                raise
        finally:
            timer.cancel()
            timer.join()
        if found is None or late.is_set():  # headers that were cut off look like whole ones
            if found is not None:
                found.close()
            raise TimeoutError(f"no whole answer within {ANSWER_SECONDS:g} s")
        return found


class _Connection(_Ending, http.client.HTTPConnection):
    """HTTP."""


class _SecureConnection(_Ending, http.client.HTTPSConnection):
    """HTTPS."""


class _Handler(HTTPHandler):
    def http_open(self, req: Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class _SecureHandler(HTTPSHandler):
    def https_open(self, req: Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req)


def opener() -> OpenerDirector:
    """HTTP and HTTPS only: a redirect must not end at a file or ftp address."""
    made = OpenerDirector()
    for handler in (ProxyHandler(), _Handler(), _SecureHandler(), HTTPRedirectHandler(), HTTPErrorProcessor(),
                    HTTPDefaultErrorHandler()):
        made.add_handler(handler)
    return made


def body(response: Any, url: str) -> Iterator[bytes]:
    """The answer's bytes as they come; ModelError when they come too slowly to be a download."""
    began, size = time.monotonic(), 0
    while chunk := response.read1(_CHUNK_BYTES):
        size += len(chunk)
        yield chunk
        seconds = time.monotonic() - began
        if seconds > SLOW_SECONDS and size < LEAST_BYTES_PER_SECOND * seconds:
            raise ModelError(
                f"{url}: {size} bytes in {seconds:.0f} s; expected at least {LEAST_BYTES_PER_SECOND} a second",
                code="model.download")
