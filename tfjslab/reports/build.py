"""``tf.report``: measure before and after in alternating rounds, or read earlier records, and tell what changed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from tfjslab.base.errors import TfjslabError, UsageError
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.progress import Progress, no_progress
from tfjslab.base.text import shape
from tfjslab.browser.jobs.headless import headless_session
from tfjslab.browser.jobs.session import DeviceSession
from tfjslab.graph.ir import Graph
from tfjslab.model.inputs import by_name
from tfjslab.model.model import Model
from tfjslab.records.profile import stamp_environment
from tfjslab.reports import in_browser, local
from tfjslab.reports.answers import MEASURED, answers, questions
from tfjslab.reports.content import Compared
from tfjslab.reports.figures import changes
from tfjslab.reports.given import Plans, as_list, check_records, recorded
from tfjslab.reports.kernels import steps
from tfjslab.reports.planned import OPTIMIZED, HowToMeasure, Making, Planned, Span
from tfjslab.reports.records import Recorded, interleaved, side_of
from tfjslab.reports.result import BeforeAfterReport
from tfjslab.reports.side import Answers, Lines, ReportSide

_PAIRED = ("Ratios are medians of the rounds' ratios, after over before, with Student's 95% interval of their "
           "logarithms; amounts are medians of rounds with the order statistics' interval.")
_NOISE = ("An interval that holds 1 is called no difference; one that reaches far says that it cannot be told. Colours "
          "mark what is beyond noise.")
_APART = ("The records were measured in processes of their own: intervals hold what processes of the same model differ "
          "by. Only sides that take turns give narrower ones.")


def report(
    before: Any, after: Any = OPTIMIZED, *, on: str | None = None, after_on: str | None = None,
    browser: str | DeviceSession | None = None, x: Any = None, data: Any = None, labels: Any = None,
    calibration: Any = None, span: Span = (0.0, 1.0), rounds: int = 7, runs: int | None = None, warmup: int = 10,
    threads: int | None = None, peers: str | None = None, profile: bool = True, title: str = "",
    repeat: Sequence[str] = (), progress: Progress = no_progress,
) -> BeforeAfterReport:
    """What a change was worth: latency, start, memory, size and accuracy before and after, each with its interval.

    Args:
        before: a path, a name of the zoo, a model, what ``tf.optimize``, ``tf.quantize`` or ``tf.export_web`` gave; or
            a record: a dict or file of ``tfjslab bench --json`` or ``tfjslab profile --json`` (``FILE.json#1`` is its
            second), a result of a store (``FILE.sqlite#12``), a run or session of the dashboard.
        after: the same, one or several; or entries ``CHANGE``, ``PROGRAM`` or ``CHANGE:PROGRAM`` about the model
            before: ``optimized``, ``int8``, ``float16``, ``wasm-threads``, ``int8:wasm-relaxed``; ``web`` is its web
            module.
        on: who runs ``before``: a backend here, ``tfjs-wasm-simd`` and others for TensorFlow.js in Node; in a browser
            a name of ``tf.browser.PROGRAMS``. By default the backend of a model, else ``wasm-simd``.
        after_on: who runs ``after``; by default the same, and our SIMD kernels for what runs in integers.
        browser: ``chromium`` or ``firefox`` to measure there, or the session of a page that is open; None: here.
        x: what is run while times are taken, as for ``predict``; None for seeded values in the declared shapes.
        data: inputs on which answers are compared; None for 64 generated ones.
        labels: the right classes of ``data``, so that accuracy is counted.
        calibration: for ``int8``; None for 32 generated inputs.
        span: from where to where generated values go.
        rounds: how often the sides take turns; each has ``runs`` predictions a round after ``warmup`` others.
        runs: see ``rounds``.
        warmup: see ``rounds``.
        threads: for backends with threads.
        peers: where npm installed TensorFlow.js, for Node.
        profile: whether kernels are compared as well.
        title: of the page.
        repeat: the commands that do it again; by default what can be told of the arguments.
        progress: told what is being done.

    Ctrl-C gives a report of what was measured until then, and ``reason`` says so. Raises UsageError for arguments that
    make no sense, ModelError and InputError for models and records that cannot be read.

    """
    given = [before, *as_list(after)]
    if len(given) == 1:
        raise UsageError("there is nothing after: give at least one")
    read = [recorded(g) for g in given]
    check_records(given, read)
    how = HowToMeasure({}, rounds, runs, warmup, threads, peers, profile, progress)
    how.check()
    if all(r is not None for r in read):
        return _of_records([r for r in read if r is not None], title, repeat)
    with ExitStack() as stack:
        plans = Plans(stack, Making(calibration, span, progress), in_browser=browser is not None)
        first = plans.before(before, on)
        for each in given[1:]:
            plans.after(each, after_on)
        feeds = first.model.sample() if x is None else x
        named = {name: np.asarray(value) for name, value in by_name(first.model.inputs, feeds).items()}
        how = replace(how, x=named)
        sides = _measured(plans.found, how, browser)
        if not _interrupted(sides):  # whoever pressed Ctrl-C waits for nothing more
            sides = _with_answers(sides, plans.found, (data, labels, span), progress)
        lines = _environment(plans.found, how)
        commands = tuple(repeat) or _commands(given, on, browser)
        return _report(title or f"{first.model.name}: before and after", sides, first.model.graph, lines,
                       (_PAIRED, _NOISE, *_texts(sides)), commands)


def _measured(plans: Sequence[Planned], how: HowToMeasure, browser: str | DeviceSession | None) -> list[ReportSide]:
    if browser is None:
        return local.measure(plans, how)
    if isinstance(browser, DeviceSession):
        return in_browser.measure(plans, how, browser)
    with headless_session(browser) as page:
        return in_browser.measure(plans, how, page)


def _with_answers(
    sides: Sequence[ReportSide], plans: Sequence[Planned], about: tuple[Any, Any, Span], progress: Progress,
) -> list[ReportSide]:
    """The sides after, with how far their models' answers are from those before."""
    first, found = plans[0].model, [sides[0]]
    try:
        asked = questions(first, *about)
        for side, planned in zip(sides[1:], plans[1:], strict=True):
            progress(f"{planned.label}: answers", 0, 1)
            # Another program of the same model was asked while it was measured.
            said = Answers(1, MEASURED, side.apart) if planned.model is first else answers(first, planned.model, asked)
            found.append(replace(side, answers=None if planned.model is first and side.apart is None else said))
    except KeyboardInterrupt:
        return [*found, *(replace(s, reasons={**s.reasons, "": BY_CTRL_C}) for s in sides[len(found):])]
    except TfjslabError as e:
        if about[0] is not None:
            raise
        return [sides[0], *(replace(s, notes=(*s.notes, f"answers were not compared: {e}")) for s in sides[1:])]
    return found


def _interrupted(sides: Sequence[ReportSide]) -> bool:
    return any(s.reasons.get("") == BY_CTRL_C for s in sides)


def _of_records(read: Sequence[Recorded], title: str, repeat: Sequence[str]) -> BeforeAfterReport:
    sides = interleaved([side_of(r) for r in read], read)
    names = {s.label for s in sides}
    if len(names) < len(sides):  # two runs of one model: numbers tell them apart
        sides = [replace(s, label=f"{s.label} ({'before' if i == 0 else 'after' if len(sides) == 2 else f'after {i}'})")  # noqa: PLR2004 - one of each
                 for i, s in enumerate(sides)]
    method = _APART if sides[0].processes else _PAIRED
    lines = tuple((f"record {'before' if i == 0 else 'after'}", f"{s.label}: {s.runtime}") for i, s in enumerate(sides))
    return _report(title or f"{sides[0].model}: before and after", sides, None, lines, (method, _NOISE, *_texts(sides)),
                   tuple(repeat))


def _report(
    title: str, sides: Sequence[ReportSide], graph: Graph | None, environment: Lines, method: Sequence[str],
    repeat: Sequence[str],
) -> BeforeAfterReport:
    before, *rest = sides
    compared = tuple(Compared(s, changes(before, s), steps(before.profile, s.profile, graph)) for s in rest)
    reason = BY_CTRL_C if _interrupted(sides) else ""
    made = stamp_environment("", "", 0, "").date
    return BeforeAfterReport(title, before, compared, environment, tuple(method), tuple(repeat), made, reason)


def _texts(sides: Sequence[ReportSide]) -> tuple[str, ...]:
    """What start, memory and size count, by the sides that count it."""
    told = {"Start": [s.start_text for s in sides], "Peak memory": [s.peak_text for s in sides],
            "Size": [s.size_text for s in sides]}
    found = []
    for name, texts in told.items():
        for text in filter(None, dict.fromkeys(texts)):
            who = [s.label for s, own in zip(sides, texts, strict=True) if own == text]
            found.append(f"{name}: {text}." if len(who) == len(sides) else f"{name} of {' and '.join(who)}: {text}.")
    return tuple(found)


def _environment(plans: Sequence[Planned], how: HowToMeasure) -> Lines:
    here = stamp_environment("", "", 0, "")
    sample = ", ".join(f"{name} {shape(np.shape(value))}" for name, value in how.x.items())
    load = "" if here.load_average is None else f"; load of the last minute {here.load_average:.2f}"
    return (
        ("machine", f"{here.cpu}, {here.cores} core(s), {here.system}{load}"), ("measured", here.date),
        ("versions", f"tfjslab {here.tfjslab}, Python {here.python}, numpy {here.numpy}"), ("input", sample),
        ("rounds", f"{how.rounds} in which {len(plans)} sides took turns, {how.warmup} runs before are not counted"),
    )


def _commands(given: Sequence[Any], on: str | None, browser: str | DeviceSession | None) -> tuple[str, ...]:
    """The command line of a call whose sides have names; of loaded models there is none."""
    if any(isinstance(g, Model | Mapping) or not isinstance(g, str | os.PathLike) for g in given):
        return ("tf.report(before, after) with the same objects",)
    first, *rest = (os.fspath(g) for g in given)
    runtime = ["--before", on] if on else []
    place = ["--in", browser] if isinstance(browser, str) else []
    return (shlex.join(["tfjslab", "report", first, *runtime, "--after", ",".join(rest), *place]),)
