"""The web site of a lab: the page, the files of jobs, and where browsers send what they find.

Everything lies below an unguessable token. A browser is trusted as little as a model file: what it sends is limited in
size and number, and comes from our own page or not at all.
"""

from __future__ import annotations

import hmac
import json
import math
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tfjslab.browser.server import ISOLATION, TYPES, Refused, length_of

PAGE = Path(__file__).parents[1] / "page"
MOST_RECORD_BYTES = 8 << 20
MOST_OUTPUT_BYTES = 256 << 20
MOST_MESSAGES = 10_000  # that wait to be read
_IDLE_S = 30.0  # of a connection that sends nothing
_THERE_S = 2.0  # a page that asked so lately is open
_ASKS_S = 0.5  # so often an open page asks, at least
_GONE_S = 1.0  # a page that has not asked for so long is closed, or died with its browser
_HEADERS = {
    **ISOLATION, "Cross-Origin-Resource-Policy": "same-origin", "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
}
Content = bytes | Path


@dataclass(frozen=True)
class Message:
    """What a page sent: a record as a JSON object, or the bytes of an output with where they belong."""

    record: Mapping[str, Any]
    data: bytes | None = None


@dataclass
class JobSite:
    """Files by their path below the token, the job that is wanted, and the messages that came in."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    files: dict[str, Content] = field(default_factory=dict)
    job: Mapping[str, Any] | None = None
    stopping: bool = False
    over: bool = False
    over_told: bool = False  # to a page that asked
    messages: deque[Message] = field(default_factory=deque)
    lost: int = 0
    seen: float = -math.inf  # when a page asked last, by time.monotonic
    seen_alone: float = -math.inf  # the same of a page in a tab of its own
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self.files.update({"": PAGE / "index.html"} | {f"page/{f.name}": f for f in PAGE.iterdir() if f.is_file()})

    def next_for(self, *, running: bool, framed: bool) -> dict[str, Any]:
        """What a page is told when it asks; a job is given out once.

        A page in a frame leaves it to one in a tab of its own, where more is possible.
        """
        with self.changed:
            self.seen = time.monotonic()
            if not framed:
                self.seen_alone = self.seen
            yields = framed and self.seen - self.seen_alone < _THERE_S
            job = None if running or yields else self.job
            if job is not None:
                self.job = None
            told = {"job": job, "stop": self.stopping, "over": self.over}
            self.over_told = self.over
            if not running:
                self.stopping = False
            self.changed.notify_all()
            return told

    @property
    def is_open(self) -> bool:
        """Whether a page has asked of late."""
        return time.monotonic() - self.seen < _GONE_S

    def closed(self) -> None:
        """The page was closed: nobody has to be told anything any more."""
        self.seen = -math.inf

    def end(self) -> None:
        """Nothing more is wanted: a page that is open hears it when it asks next, which is waited for."""
        with self.changed:
            self.over = True
            if time.monotonic() - self.seen < _ASKS_S:
                self.changed.wait_for(lambda: self.over_told, _ASKS_S)

    def put(self, message: Message) -> None:
        """Take a message in; beyond the limit it is counted and lost."""
        with self.changed:
            if len(self.messages) >= MOST_MESSAGES:
                self.lost += 1
            else:
                self.messages.append(message)
            self.changed.notify_all()

    def take(self, timeout_s: float) -> Message | None:
        """The oldest message; None when there is none within the time."""
        with self.changed:
            self.changed.wait_for(lambda: bool(self.messages), timeout_s)
            return self.messages.popleft() if self.messages else None


class SiteHandler(BaseHTTPRequestHandler):
    """Serves one ``JobSite``."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S

    def __init__(self, *args: Any, site: JobSite, hosts: Callable[[], frozenset[str]]) -> None:
        self._site, self._hosts = site, hosts
        super().__init__(*args)

    def do_GET(self) -> None:
        """A file, or what is to be done next."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """A record or an output."""
        self._answer(self._post)

    def _answer(self, work: Callable[[str], tuple[bytes, str]]) -> None:
        try:
            body, kind = work(self._checked_path())
            status = HTTPStatus.OK
        except Refused as e:
            # What was not read stays in the connection, so it must not be used again.
            body, kind, status, self.close_connection = e.text.encode(), "text/plain; charset=utf-8", e.status, True
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _checked_path(self) -> str:
        """The path below the token. Only our own names are answered to, which stops pages that rebind theirs to us."""
        if self.headers.get("Host", "") not in self._hosts():
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "this host is not served here")
        _, token, *rest = urlsplit(self.path).path.split("/", 2)
        if not hmac.compare_digest(token.encode("latin-1", "replace"), self._site.token.encode()):
            raise Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
        return rest[0] if rest else ""

    def _get(self, path: str) -> tuple[bytes, str]:
        if path == "next":
            asked = parse_qs(urlsplit(self.path).query)
            told = self._site.next_for(running=asked.get("running") == ["1"], framed=asked.get("framed") == ["1"])
            return json.dumps(told).encode(), TYPES[".json"]
        content = self._site.files.get(path)
        if content is None:
            raise Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
        suffix = Path(path).suffix if path else ".html"
        data = content if isinstance(content, bytes) else content.read_bytes()
        return data, TYPES.get(suffix, TYPES[""])

    def _post(self, path: str) -> tuple[bytes, str]:
        origin, fetched = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site", "same-origin")
        if origin != f"http://{self.headers['Host']}" or fetched != "same-origin":
            raise Refused(HTTPStatus.FORBIDDEN, "records come from the lab's own page only")
        if path == "records":
            self._site.put(Message(_record(self._body(MOST_RECORD_BYTES))))
        elif path.startswith("outputs/"):
            self._site.put(Message(_place(path), self._body(MOST_OUTPUT_BYTES)))
        else:
            raise Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
        return b"{}", TYPES[".json"]

    def _body(self, limit: int) -> bytes:
        return self.rfile.read(length_of(self.headers, limit))

    def log_message(self, *_: Any) -> None:
        """Requests are nobody's business."""


def _record(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(HTTPStatus.BAD_REQUEST, "not JSON") from None
    if not isinstance(found, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "not an object")
    return found


def _place(path: str) -> Mapping[str, Any]:
    """``outputs/JOB/SIDE/INDEX`` as a record."""
    try:
        _, job, side, index = path.split("/")
        return {"type": "bytes", "job": job, "side": int(side), "at": int(index)}
    except ValueError:
        raise Refused(HTTPStatus.NOT_FOUND, "there is nothing here") from None
