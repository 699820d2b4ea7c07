"""Backends that not every machine has."""

from __future__ import annotations

import pytest

from tfjslab.backends import registry


def need(backend):
    """What is known of a backend; where it cannot run the test is skipped with the reason."""
    found = registry.availability(backend)
    if not found.available:
        pytest.skip(f"{backend}: {found.reason}")
    return found
