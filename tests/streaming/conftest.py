"""A time of their own for streams, and a model of four numbers."""

from __future__ import annotations

import pytest
from support.streams import FakeTime, small


@pytest.fixture
def time():
    return FakeTime()


@pytest.fixture
def model():
    with small() as made:
        yield made
