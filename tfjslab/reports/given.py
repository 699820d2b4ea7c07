"""What ``before`` and ``after`` of a report may be, and what is to be measured because of that."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tfjslab import zoo
from tfjslab.base.errors import UsageError
from tfjslab.export.web import WebExport
from tfjslab.model.model import Model
from tfjslab.optimizer.report import OptimizeReport
from tfjslab.quantization.report import QuantizationReport
from tfjslab.reports.planned import (
    MODULE_WORDS,
    OPTIMIZED,
    ORIGINAL,
    OURS,
    Making,
    Planned,
    Wanted,
    is_wanted,
    make,
    optimize_lines,
    program_called,
    program_words,
    quantize_lines,
    wanted,
)
from tfjslab.reports.records import Recorded, is_record, read_file
from tfjslab.reports.side import Lines

_TFLITE = ".tflite"


def as_list(after: Any) -> list[Any]:
    """One thing or several; ``Optimized`` and ``Quantized`` are pairs, and one thing each."""
    return list(after) if isinstance(after, list | tuple) and not hasattr(after, "report") else [after]


def recorded(given: Any) -> Recorded | None:
    """A record, as an object or in a file; None for anything else."""
    if is_record(given) and not isinstance(given, Model):
        return Recorded(given, "the record")
    return read_file(os.fspath(given)) if isinstance(given, str | os.PathLike) else None


class Plans:
    """Gathers the sides to measure, with models that are closed together with ``stack``."""

    def __init__(self, stack: ExitStack, making: Making, *, in_browser: bool) -> None:
        self._stack, self._making, self._in_browser = stack, making, in_browser
        self.found: list[Planned] = []

    def before(self, given: Any, program: str | None) -> Planned:
        """The first side."""
        model, source, lines, export = self._opened(given)
        default = OURS if self._in_browser or not isinstance(given, Model) else model.backend.name
        name = program_called(program or default, in_browser=self._in_browser)
        self._add(ORIGINAL, model, name, source, lines, export)
        return self.found[0]

    def after(self, given: Any, program: str | None) -> None:
        """One more side: a change of the first one's model, or another model."""
        first = self.found[0]
        if isinstance(given, str) and is_wanted(given, in_browser=self._in_browser):
            self.changed(first.model, first.source, wanted(given, in_browser=self._in_browser), program)
            return
        model, source, lines, export = self._opened(given)
        name = program_called(program or first.program, in_browser=self._in_browser)
        self._add(_made_by(given) or model.name, model, name, source, lines, export)

    def changed(self, model: Model, source: str | Path | None, what: Wanted, program: str | None = None) -> None:
        """A change of a model: ``int8``, or the same model that another program runs."""
        name = what.program or program or self.found[0].program
        program_called(name, in_browser=self._in_browser)
        made, lines = make(model, what.change, self._making)
        if made is not None:
            self._stack.enter_context(made)
        self._add(what.change, made or model, name, source if made is None else None, lines)

    def _add(
        self, name: str, model: Model, program: str, source: str | Path | None, lines: Lines,
        export: Path | None = None,
    ) -> None:
        words = program_words(program, in_browser=self._in_browser)
        # Our web module of the original is what exporting gives; it has no other name.
        label = words if name == ORIGINAL and words.startswith(MODULE_WORDS) else f"{name} ({words})"
        taken = {p.label for p in self.found}
        unique = label if label not in taken else next(
            f"{label}, {i}" for i in range(2, len(taken) + 3) if f"{label}, {i}" not in taken)
        self.found.append(Planned(unique, model, program, source, lines, export))

    def _opened(self, given: Any) -> tuple[Model, str | Path | None, Lines, Path | None]:
        """The model of what was given, where it came from, what was done to it, and the web module of it."""
        if isinstance(given, Model):
            return given, None, (), None
        if isinstance(given, WebExport):
            if not self._in_browser:
                raise UsageError("a web module runs in browsers only; name one: browser='chromium'")
            made = self._stack.enter_context(Model(given.reference, "cpu", name=given.folder.name))
            told = ("web module", f"{', '.join(given.variants)}; weights as {given.weights}")
            return made, None, (told,), given.folder
        if hasattr(given, "model") and hasattr(given, "report"):
            return given.model, None, _lines(given.report), None
        if isinstance(given, str | os.PathLike):
            name = os.fspath(given)
            made = self._stack.enter_context(zoo.open_model(name, OURS))
            local = name not in zoo.ENTRIES and Path(name).exists()
            return made, name if local else None, (), None
        raise UsageError(f"a side is a {type(given).__name__}; expected a path, a model, what tf.optimize, tf.quantize "
                         "or tf.export_web gave, or a record")


def _made_by(given: object) -> str:
    """What made a model, by the report that came with it; empty where that is not known."""
    report = getattr(given, "report", None)
    if isinstance(report, QuantizationReport):
        return report.kind
    return OPTIMIZED if isinstance(report, OptimizeReport) else ""


def _lines(report: object) -> Lines:
    if isinstance(report, OptimizeReport):
        return optimize_lines(report)
    return quantize_lines(report) if isinstance(report, QuantizationReport) else ()


def check_records(given: Sequence[Any], found: Sequence[Recorded | None]) -> None:
    """UsageError where only some of the sides are records: what was measured then is not compared with now."""
    if any(r is not None for r in found) and not all(r is not None for r in found):
        odd = next(g for g, r in zip(given, found, strict=True) if r is None)
        raise UsageError(f"{str(odd)[:80]} is no record, and others are: a report is of records only, or "
                         "measures all of its sides")
