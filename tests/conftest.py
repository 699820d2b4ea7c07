"""What every test gets: the ``cpu`` backend as the current one, so that none depends on what the machine has."""

from __future__ import annotations

import pytest

import tfjslab.ops.activations
import tfjslab.ops.elementwise  # noqa: F401 - defines ops

from tfjslab.backends import registry


@pytest.fixture(autouse=True)
def _on_cpu():
    registry.set_backend("cpu")
