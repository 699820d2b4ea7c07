"""The model that is chosen, as the switches make it, written as a web module in a thread of its own. No widgets."""

from __future__ import annotations

import gzip
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfjslab.base.text import counted
from tfjslab.engine.measure import Clock
from tfjslab.export.web import WebExport, export_web
from tfjslab.export.web.picture import Picture
from tfjslab.export.web.weights import FLOAT16, FLOAT32
from tfjslab.lab.inputs import feeds_for, settled
from tfjslab.lab.opening import opener
from tfjslab.lab.publishing import Publish
from tfjslab.lab.rewriting import Rewrite, rewrite
from tfjslab.lab.session import RunSettings
from tfjslab.lab.task import Task
from tfjslab.model.subject import ModelSource, open_subject

# What the input of the module may be, by what a menu says.
INPUTS: Mapping[str, Picture | None] = {
    "numbers": None,
    **{f"image, {low} to {high}": Picture(low, high) for low, high in ((0, 1), (-1, 1), (0, 255))},
}


@dataclass(frozen=True)
class Written:
    """A folder that was written, what its files take on the way to a browser, and what was done to the model."""

    export: WebExport
    gzipped: Mapping[str, int]
    rewrite: Rewrite | None


class WebJob(Task):
    """An export. Until its last step nothing is written, so that one that was stopped leaves no folder behind."""

    def __init__(
        self, settings: RunSettings, folder: Path, image: Picture | None, publish: Publish, *,
        source: ModelSource | None = None, clock: Clock = time.perf_counter, calibration: Any = None,
    ) -> None:
        super().__init__(publish, clock)
        self.settings, self.folder, self.image = settings, folder, image
        self.written: Written | None = None
        self.first = f"loading {settings.model}"
        self._source, self._clock, self._calibration = source, clock, calibration

    def work(self) -> str:
        """Load, rewrite, export."""
        s = self.settings
        s.check()
        source = opener(s, self._source, self.loading)
        with open_subject(source, s.backend or None, s.threads, self._clock) as subject, ExitStack() as made:
            model, told = subject.model, None
            shapes = {name: array.shape for name, array in feeds_for(model, s.batch, s.inputs).items()}
            name = model.name
            if s.variant:
                model, told = rewrite(
                    model, s.passes, s.quantize, self._calibration, self.step, made, settled(model.inputs, s.inputs))
                model.name = name
            found = export_web(
                model, self.folder, weights=FLOAT16 if s.quantize == FLOAT16 else FLOAT32, optimize=False,
                image=self.image, shapes=shapes, progress=self.step,
            )
        self.written = Written(found, gzipped(found), told)
        return f"wrote {counted(len(found.files), 'file')} to {found.folder}"


def gzipped(found: WebExport) -> dict[str, int]:
    """Bytes of each file as a server sends it."""
    return {name: len(gzip.compress((found.folder / name).read_bytes(), 9, mtime=0)) for name in found.files}
