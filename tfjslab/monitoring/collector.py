"""``tfjslab monitor`` from Python: a collector that runs while a block does."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tfjslab.base.errors import UsageError
from tfjslab.browser.server import listening
from tfjslab.monitoring.handler import BATCHES, MonitorHandler
from tfjslab.monitoring.intake import Intake
from tfjslab.monitoring.prometheus import check_library
from tfjslab.monitoring.rules import MonitorRules
from tfjslab.monitoring.site import CollectorSettings, MonitorSite
from tfjslab.monitoring.store import MonitorStore
from tfjslab.monitoring.summary import MonitorSummary

LOOPBACK = ("127.0.0.1", "localhost")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-fA-F:]+\](:\d{1,5})?")


class Collector:
    """A collector that listens. ``url`` is its page; batches go to ``batches_url``."""

    def __init__(self, site: MonitorSite, url: str) -> None:
        self._site, self.url, self.batches_url = site, url, url.rstrip("/") + BATCHES

    def summary(self, minutes: int = 60) -> MonitorSummary:
        """What came in the last minutes."""
        return self._site.summary(minutes)

    def __repr__(self) -> str:
        return f"<Collector: {self._site.store.path.name}>"


@contextmanager
def collector(
    store: str | os.PathLike[str], settings: CollectorSettings | None = None, rules: MonitorRules | None = None,
) -> Iterator[Collector]:
    """Collect what pages and programs send into the file ``store``, while the block runs.

    Args:
        store: the database, made where there is none.
        settings: where to listen, and what is taken; a free port of this machine's loopback address without them.
        rules: alarms, and when pages fall back.

    Raises InputError for a file that is no store, UsageError where nothing can listen or prometheus_client is missing.

    """
    chosen = settings or CollectorSettings()
    check_library()
    for origin in chosen.origins:
        if not _ORIGIN.fullmatch(origin):
            raise UsageError(f"origin '{origin}': expected a scheme and a host alone, as in https://example.com")
    with MonitorStore(store) as opened, Intake(opened, chosen.keep_days) as intake:
        site = MonitorSite(opened, intake, chosen, rules or MonitorRules())
        with listening(partial(MonitorHandler, site=site), chosen.host, chosen.port) as port:
            site.hosts = chosen.hosts | {f"{name}:{port}" for name in (*LOOPBACK, chosen.host)}
            yield Collector(site, f"http://{chosen.host}:{port}/")
