"""What a collector's handlers share: the store behind its intake, rules, limits, counts, the page."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from tfjslab.browser.server import TYPES, Refused
from tfjslab.monitoring.admission import Admission
from tfjslab.monitoring.batch import Batch
from tfjslab.monitoring.intake import Intake
from tfjslab.monitoring.prometheus import metrics_text
from tfjslab.monitoring.rules import MonitorRules
from tfjslab.monitoring.store import MonitorStore
from tfjslab.monitoring.summary import MonitorSummary, summarize

PAGE = Path(__file__).parent / "page"
LOOPBACK = ("127.0.0.1", "localhost")
SPANS = (15, 60, 240)  # minutes that the page can show
MOST_CONNECTIONS = 256
_FRESH_S, _SHARE = 1.0, 0.2  # a summary is not made more often, nor with more of the time, however many look at it


@dataclass(frozen=True)
class CollectorSettings:
    """How a collector is reached, and what it takes.

    ``hosts`` are further names that it answers to, with their ports; ``origins`` those of pages that may send to it.
    ``models`` are the only names that it takes, all of them where there are none. ``trust_forwarded`` believes the
    last address of X-Forwarded-For. ``per_client`` and ``in_all`` are requests a second.
    """

    host: str = "127.0.0.1"
    port: int = 0
    origins: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    trust_forwarded: bool = False
    per_client: float = 50.0
    in_all: float = 1000.0
    keep_days: int = 30


@dataclass
class MonitorSite:
    """The state of one collector. ``requests`` counts answers: batches that were new, seen before, or a status."""

    store: MonitorStore
    intake: Intake
    settings: CollectorSettings
    rules: MonitorRules
    now: Callable[[], float] = time.time
    requests: Counter[str] = field(default_factory=Counter)
    connections: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST_CONNECTIONS))
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _summing: threading.Lock = field(default_factory=threading.Lock)
    _summaries: dict[int, tuple[float, MonitorSummary]] = field(default_factory=dict)  # with how long they are fresh

    def __post_init__(self) -> None:
        self.admission = Admission(self.settings.per_client, self.settings.in_all)
        self.page = {f"/{'' if f.name == 'index.html' else f.name}": (f.read_bytes(), TYPES[f.suffix])
                     for f in PAGE.iterdir() if f.suffix in TYPES}

    def is_called(self, host: str, port: int) -> bool:
        """Whether a name, with the port where it has one, is ours at this port."""
        own = (f"{name}:{port}" for name in (*LOOPBACK, self.settings.host))
        return host in own or host in self.settings.hosts

    def count(self, batch: Batch) -> bool:
        """Put a batch into the store; whether it was new."""
        new = self.intake.count(batch)
        with self._counting:
            self.requests["counted" if new else "seen before"] += 1
        return new

    def tell(self, status: HTTPStatus) -> None:
        """Count a refusal."""
        with self._counting:
            self.requests[str(status.value)] += 1

    def summary(self, minutes: int) -> MonitorSummary:
        """What is known of the last minutes, a second old at most."""
        with self._summing:
            fresh, found = self._summaries.get(minutes, (0.0, None))
            if found is None or time.monotonic() >= fresh:
                began = time.monotonic()
                found = summarize(self.store, self.rules.alarms, self.now(), minutes)
                ended = time.monotonic()
                self._summaries[minutes] = ended + max(_FRESH_S, (ended - began) / _SHARE), found
            return found

    def summary_json(self, minutes: str) -> bytes:
        """The same for the page, for one of ``SPANS``."""
        if minutes not in map(str, SPANS):
            raise Refused(HTTPStatus.BAD_REQUEST, f"minutes is one of {', '.join(map(str, SPANS))}")
        told = self.summary(int(minutes)).to_json()
        return json.dumps({**told, "requests": dict(self.requests), "spans": SPANS}).encode()

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """For Prometheus, with the content type that fits what it accepts."""
        return metrics_text(self.store.since_beginning(), self.summary(SPANS[0]), dict(self.requests), accept)
