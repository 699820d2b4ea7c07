"""How many requests a second are taken, of each client and of all: token buckets, in a table of bounded size."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_CLIENTS = 10_000  # that are remembered; the one that was seen first is forgotten
_IPV6_SITE = 64  # bits of an address that one client may have to itself


@dataclass
class _Bucket:
    left: float
    seen: float

    def take(self, rate: float, now: float) -> bool:
        """Take one token; ``rate`` come in each second, and two seconds' worth is kept."""
        self.left = min(self.left + (now - self.seen) * rate, 2 * rate)
        self.seen = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass
class Admission:
    """Who may ask: ``per_client`` and ``in_all`` requests a second."""

    per_client: float
    in_all: float
    now: Callable[[], float] = time.monotonic
    _clients: OrderedDict[str, _Bucket] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _whole: _Bucket | None = None

    def admits(self, address: str) -> bool:
        """Whether a request from this address is taken now."""
        client, now = client_of(address), self.now()
        with self._lock:
            bucket = self._clients.pop(client, None) or _Bucket(2 * self.per_client, now)
            self._clients[client] = bucket
            if len(self._clients) > MOST_CLIENTS:
                self._clients.popitem(last=False)
            self._whole = self._whole or _Bucket(2 * self.in_all, now)
            return bucket.take(self.per_client, now) and self._whole.take(self.in_all, now)


def client_of(address: str) -> str:
    """One client: an IPv4 address, or the network of an IPv6 address, of which a client has very many."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if found.version == 6 and found.ipv4_mapped is None:  # noqa: PLR2004 - IPv6
        return str(ipaddress.ip_network(f"{found}/{_IPV6_SITE}", strict=False))
    return str(found)
