"""Colours that mean the same wherever they are seen: charts, the dashboard, interactive views."""

from __future__ import annotations

HOST = "#9A9A9A"  # time on the host in place of the backend
HOST_ON_DARK = "#8A8A8A"
HOST_CSS = f"light-dark({HOST}, {HOST_ON_DARK})"
