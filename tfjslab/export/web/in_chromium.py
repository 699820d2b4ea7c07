"""Tuners that measure in the system's Chromium, with choices that are kept for its version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from tfjslab.backends.kernels.choices import Choices, choices_path
from tfjslab.backends.kernels.sources import sources_digest
from tfjslab.backends.wasm.tuning import WasmTile
from tfjslab.base.files import scratch_folder
from tfjslab.base.machine import cpu_identity
from tfjslab.browser.chromium import Page, chromium
from tfjslab.browser.server import served
from tfjslab.export.web.trials import measured
from tfjslab.export.web.tuning import Make, Tuners, WebTuner
from tfjslab.export.web.variants import Variant

# What runs often enough ends up in the optimizing compiler; here all code starts there.
_FLAGS = ("--js-flags=--no-liftoff --no-wasm-lazy-compilation",)


@contextmanager
def chromium_tuners() -> Iterator[Tuners]:
    """Tuners that work while the block runs. Choices are kept in the user's cache folder.

    They hold for one processor, one version of Chromium and one state of the kernel sources. Raises
    BackendUnavailableError where Chromium or playwright is missing.
    """
    with scratch_folder() as folder:
        (folder / "index.html").write_text("<!doctype html><title>tiles</title>", encoding="utf-8")
        # Only an isolated page has a clock that is fine enough.
        with served(folder, isolated=True) as url, chromium(_FLAGS) as browser, browser.page(url) as page:
            yield lambda variant: _tuner(variant, page, browser.engine)


def _tuner(variant: Variant, page: Page, engine: str) -> WebTuner:
    path = choices_path("web-tiles", cpu_identity(), engine, sources_digest("wasm"), variant.name)
    choices: Choices[dict[str, Any]] = Choices(path, lambda choice: asdict(WasmTile(**choice)))

    def fastest(kind: str, tiles: Sequence[WasmTile], trial: Make) -> WasmTile:
        def measure() -> tuple[dict[str, Any], None]:
            times = measured(page.evaluate, variant, [trial(t) for t in tiles])
            return asdict(tiles[times.index(min(times))]), None  # the page tells nothing of how sure that is

        return WasmTile(**choices.find(kind, measure))

    return WebTuner(variant, fastest)
