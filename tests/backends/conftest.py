"""What several tests of backends open."""

from __future__ import annotations

import pytest

from tfjslab.backends.wasm.backend import create


@pytest.fixture(name="open_sessions")
def _open_sessions():
    backends = [create(v, 3) for v in ("plain", "simd", "threads")]
    yield [b.open_session() for b in backends]
    for b in backends:
        b.dispose()
