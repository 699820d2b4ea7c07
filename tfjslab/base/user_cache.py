"""Where downloads and compiled modules are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "TFJSLAB_CACHE_DIR"


def cache_root() -> Path:
    """``$TFJSLAB_CACHE_DIR``, or this system's cache folder of the user. It may not exist yet."""
    given = os.environ.get(CACHE_VARIABLE)
    return Path(given) if given else platformdirs.user_cache_path("tfjslab")
