"""What trying an export out found: inert data, ``report.json`` and ``report.html``.

Both hold times and so differ each time; they are no part of the files that the same model always gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfjslab.base.files import write_whole
from tfjslab.base.messages import escaped
from tfjslab.base.tables import Report, Table, as_html
from tfjslab.base.text import NOTHING, ms, scaled
from tfjslab.export.web.folder import REPORTS
from tfjslab.export.web.sizes import BROTLI_QUALITY, GZIP_LEVEL, Size

LIMIT = 1e-5  # of differences, relative to the largest value of an output


@dataclass(frozen=True)
class VariantTrial:
    """One variant in one engine. Milliseconds; None is what was not measured, with ``reason``.

    ``load_ms`` is until the model can be used, with files from this machine and nothing cached; ``first_ms`` the first
    prediction. The rest is of ``runs`` steady figures, whose middle half lies within ``iqr_ms``; each is of ``batch``
    predictions, several where one alone takes few steps of the engine's clock, of ``clock_ms``. ``differences`` from
    ``cpu`` are by output, over all inputs and relative to its largest value in them; None where shapes, or which values
    are finite, differ. ``able`` is false where the engine lacks a feature.
    """

    variant: str
    engine: str
    threads: int | None = None
    load_ms: float | None = None
    first_ms: float | None = None
    median_ms: float | None = None
    min_ms: float | None = None
    iqr_ms: float | None = None
    runs: int = 0
    batch: int = 1
    clock_ms: float | None = None
    memory_bytes: int | None = None
    differences: Mapping[str, float | None] | None = None
    tfjs_difference: float | None = None
    able: bool = True
    reason: str = ""

    @property
    def difference(self) -> float | None:
        """The largest of all outputs; None where nothing ran, or an output does not agree at all."""
        found = list((self.differences or {}).values())
        known = [d for d in found if d is not None]
        return max(known) if found and len(known) == len(found) else None

    @property
    def agrees(self) -> bool | None:
        """Whether it answered within the limit; None where the engine cannot run it."""
        return self.difference is not None and self.difference <= LIMIT if self.able else None

    def apart(self) -> str:
        """The difference as people read it."""
        if self.differences is None:
            return NOTHING if not self.able else "failed"
        return "does not agree" if self.difference is None else f"{self.difference:.1e}"


@dataclass(frozen=True)
class WebReport(Report):
    """The whole. ``agrees`` is None where nothing could be tried.

    ``downloads`` are sums of what one page needs: of each variant, of the weights, and of TensorFlow.js (without
    weights). ``absent`` says why engines, or TensorFlow.js, were not asked. ``rounding`` is how far rounding weights
    moved answers from those of the model as it came. ``reason`` is why not all was done.
    """

    model: str
    version: str
    weights: str
    inputs: str
    reference: str
    trials: tuple[VariantTrial, ...]
    files: tuple[Size, ...]
    downloads: tuple[Size, ...]
    tfjs_files: tuple[Size, ...]
    tfjs: str
    rounding: float | None
    absent: Mapping[str, str]
    reason: str = ""

    @property
    def agrees(self) -> bool | None:
        """Whether all that ran is within the limit."""
        found = [t.agrees for t in self.trials if t.agrees is not None]
        return all(found) if found else None

    def verdict(self) -> str:
        """One line."""
        if self.agrees is None:
            return "nothing was compared: " + "; ".join((*self.absent.values(), self.reason) if self.reason
                                                        else self.absent.values())
        worst = [t.difference for t in self.trials if t.difference is not None]
        what = f"against {self.reference}, over the largest value"
        if self.agrees:
            return f"largest difference {max(worst):.1e} {what}; allowed are {LIMIT:g}"
        wrong = ", ".join(f"{t.variant} in {t.engine}: {t.apart()}" for t in self.trials if t.agrees is False)
        return f"WRONG ANSWERS {what}: {wrong}; allowed are {LIMIT:g}"

    def tables(self) -> tuple[Table, ...]:
        """Speed, downloads, files."""
        return (self._speed(), self._sizes("Downloads of one page", self.downloads),
                self._sizes("Files", (*self.files, *self.tfjs_files)))

    def _speed(self) -> Table:
        columns = ("variant", "engine", "threads", "load ms", "first ms", "median ms", "min ms", "spread", "runs",
                   "clock step us", "difference", "to TF.js", "remark")
        rows = tuple(
            (t.variant, t.engine, t.threads, ms(t.load_ms), ms(t.first_ms), ms(t.median_ms), ms(t.min_ms), ms(t.iqr_ms),
             t.runs or None, _clock(t), t.apart(), _number(t.tfjs_difference), t.reason)
            for t in self.trials
        )
        return Table(f"{self.model}: speed and differences", columns, rows, tuple(self.notes()), left=2)

    def notes(self) -> Iterator[str]:
        """The verdict, and what figures mean."""
        yield self.verdict()
        yield f"Inputs: {self.inputs}. Steady runs follow a warm-up; spread: their middle half."
        if self.tfjs:
            yield f"TF.js: {self.tfjs}, on the model as it came."
        if self.rounding is not None:
            yield f"Rounding weights to {self.weights} moved answers by {self.rounding:.1e}."
        yield from (f"{who}: {why}" for who, why in self.absent.items())
        if self.reason:
            yield self.reason

    def _sizes(self, title: str, found: tuple[Size, ...]) -> Table:
        rows = tuple((s.name, scaled(s.raw_bytes, "B"), scaled(s.gzip_bytes, "B"), scaled(s.brotli_bytes, "B"))
                     for s in found)
        return Table(title, ("", "raw", f"gzip -{GZIP_LEVEL}", f"brotli {BROTLI_QUALITY}"), rows)

    def write(self, folder: Path) -> None:
        """Write ``report.json`` and ``report.html`` into the export's folder."""
        data, page = (folder / name for name in REPORTS)
        write_whole(data, json.dumps(self.data(), indent=1, allow_nan=False) + "\n")
        write_whole(page, _PAGE.format(title=escaped(self.model), body="".join(map(as_html, self.tables()))))

    def data(self) -> dict[str, object]:
        """Plain values, with what follows from them."""
        plain = self.to_json()
        for row, t in zip(plain["trials"], self.trials, strict=True):
            row |= {"difference": t.difference, "agrees": t.agrees}
        return {**plain, "limit": LIMIT, "agrees": self.agrees, "verdict": self.verdict()}

    def __repr__(self) -> str:
        return f"WebReport({self.model}: {len(self.trials)} trials, agrees={self.agrees})"


def _clock(trial: VariantTrial) -> str:
    return NOTHING if trial.clock_ms is None else f"{1000 * trial.clock_ms:.2g}"  # microseconds


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1e}"


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: report</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 2em; overflow-x: auto }}
table {{ border-collapse: collapse; margin: 1.5em 0 .5em }}
td, th {{ padding: .25em .7em; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent) }}
p {{ margin: .2em 0 }}
</style>
<h1>{title} as WebAssembly</h1>
{body}
</html>
"""
