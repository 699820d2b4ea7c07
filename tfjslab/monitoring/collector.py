"""``tfjslab monitor`` from Python: a collector as an object."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from functools import partial

from tfjslab.base.closing import Closing
from tfjslab.base.errors import UsageError
from tfjslab.browser.server import listening
from tfjslab.monitoring.handler import BATCHES, MonitorHandler
from tfjslab.monitoring.intake import Intake
from tfjslab.monitoring.prometheus import check_library
from tfjslab.monitoring.rules import MonitorRules
from tfjslab.monitoring.site import CollectorSettings, MonitorSite
from tfjslab.monitoring.store import MonitorStore
from tfjslab.monitoring.summary import MonitorSummary

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-fA-F:]+\](:\d{1,5})?")


class Collector(Closing):
    """A collector that listens until ``close``. ``url`` is its page; batches go to ``batches_url``."""

    def __init__(self, store: str | os.PathLike[str], settings: CollectorSettings, rules: MonitorRules) -> None:
        with ExitStack() as stack:
            opened = stack.enter_context(MonitorStore(store))
            intake = stack.enter_context(Intake(opened, settings.keep_days))
            self._site = MonitorSite(opened, intake, settings, rules)
            handler = partial(MonitorHandler, site=self._site)
            port = stack.enter_context(listening(handler, settings.host, settings.port))
            self._stack = stack.pop_all()
        self.url = f"http://{settings.host}:{port}/"
        self.batches_url = self.url.rstrip("/") + BATCHES

    def summary(self, minutes: int = 60) -> MonitorSummary:
        """What came in the last minutes."""
        return self._site.summary(minutes)

    def close(self) -> None:
        """End it; what was acknowledged is in the store. A second call does nothing."""
        self._stack.close()

    def __repr__(self) -> str:
        return f"<Collector: {self._site.store.path.name}>"

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()


def collector(
    store: str | os.PathLike[str], settings: CollectorSettings | None = None, rules: MonitorRules | None = None,
) -> Collector:
    """Collect what pages and programs send into the file ``store``, until the collector is closed.

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
    return Collector(store, chosen, rules or MonitorRules())
