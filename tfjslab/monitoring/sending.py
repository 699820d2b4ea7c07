"""Sending a batch from Python, by the standard library alone."""

from __future__ import annotations

import json
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tfjslab.base.errors import InputError
from tfjslab.monitoring.batch import Batch

TIMEOUT_S = 5.0
_MOST_ANSWER = 4096


def send_batch(url: str, batch: Batch) -> int:
    """Send; 1 where it was counted, 0 where the collector knew it already.

    InputError (``monitor.send``) where it was refused, with the reason, or nobody answered.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise InputError(f"{url}: expected an http or https address of a collector", code="monitor.send")
    asked = Request(url, batch.body(), {"Content-Type": "application/json"}, method="POST")  # noqa: S310 - checked
    try:
        with urlopen(asked, timeout=TIMEOUT_S) as answer:  # noqa: S310 - checked
            return int(json.loads(answer.read(_MOST_ANSWER))["counted"])
    except HTTPError as e:
        with e:
            why = e.read(_MOST_ANSWER).decode("utf-8", "replace")
        raise InputError(f"{url}: the collector answered {e.code}: {why}", code="monitor.send") from None
    except (OSError, HTTPException, ValueError, KeyError, TypeError) as e:
        raise InputError(f"{url}: no collector answered ({e})", code="monitor.send") from None
