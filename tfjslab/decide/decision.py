"""``tf.recommend``: which backend, variant and precision a scenario asks for, by what was measured and stated rules."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from tfjslab import zoo
from tfjslab.backends.rows import ROWS
from tfjslab.base.errors import UsageError, each_with_nearest
from tfjslab.base.progress import Progress, no_progress
from tfjslab.bench.settings import Settings, settings_for
from tfjslab.bench.sizes import SizeSweep, run_sizes
from tfjslab.browser.jobs.headless import BROWSERS
from tfjslab.browser.jobs.job import HowToRun
from tfjslab.browser.jobs.programs import PROGRAMS, TFJS
from tfjslab.browser.jobs.session import DeviceSession
from tfjslab.decide.candidate import HERE, Candidate, merged
from tfjslab.decide.measure import (
    HERE_NAME,
    SIZES_S,
    Measuring,
    ModelForm,
    candidates_here,
    candidates_in,
    file_of,
    fitting_batch,
    has_open_batch,
    sizes_here,
    sizes_in,
    tfjs_reason,
)
from tfjslab.decide.precision import precision_of
from tfjslab.decide.recommendation import MissingMeasurement, Recommendation
from tfjslab.decide.records import Records, candidates_of
from tfjslab.decide.rules import best, broken
from tfjslab.decide.ruling import Decision, ruled
from tfjslab.decide.scenario import Scenario, scenario_of
from tfjslab.evaluation import evaluate
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource
from tfjslab.quantizer import INT8, quantize

BATCHES = (1, 2, 4, 8)
Device = str | DeviceSession


def recommend(
    model: ModelSource, scenario: Scenario | str, *, devices: Sequence[Device] | None = None,
    records: Records | None = None, backends: Sequence[str] | None = None, threads: int | None = None,
    calibration: Any = None, evaluation: Any = None, labels: Any = None, batches: Sequence[int] = BATCHES,
    settings: Settings | None = None, how: HowToRun | None = None, progress: Progress = no_progress,
) -> Recommendation:
    """Recommend a way to run a model, by measurements and by rules that are stated (``tfjslab.decide.rules``).

    Args:
        model: a loaded model, a path, an address, or a name of the zoo.
        scenario: a ``Scenario``, or a name of ``tf.decide.SCENARIOS``: ``mobile-detection``, ``desktop-batch``,
            ``graphics-page``, ``compatibility``.
        devices: where to measure now: ``here``, ``chromium``, ``firefox``, or the session of a link that a phone has
            opened; without it ``here`` where there are no records, else nowhere.
        records: what was measured before: results of ``tf.bench_models`` and ``tf.browser.bench``, files that
            ``--json`` wrote, or a mapping of these by precision. They are taken to be of the scenario's batch, unless
            they tell another one.
        backends: names to measure, of backends here or of ``tf.browser.PROGRAMS``; all that make sense without it.
        threads: for threaded backends here.
        calibration: data that ``tf.quantize`` finds ranges on; with it int8 is measured, too.
        evaluation: samples for the accuracy of each precision, as ``tf.evaluate`` takes them.
        labels: the right classes of those.
        batches: sizes at which the choice and the runner-up are measured again, to find where their order turns.
        settings: how to measure here.
        how: how to measure in browsers.
        progress: told what is being done.

    The result is for one place (a browser, if there is one) and has those of the others in ``elsewhere``. Where nothing
    was measured, or nothing passes the limits, its ``choice`` is None and it says what is missing. Raises UsageError
    for unknown names, InputError for records that are none.

    """
    wanted = scenario_of(scenario)
    called = os.fspath(model) if isinstance(model, str | os.PathLike) else ""
    places = _checked(devices, records)
    by = Measuring(settings or settings_for(None, 5, None, None), None, threads, progress, how or HowToRun())
    with ExitStack() as stack:
        forms = _forms(stack, model, calibration, measured=bool(places))
        asked, wanted = wanted, replace(wanted, batch=fitting_batch(forms[0].model, wanted.batch))
        known = [] if records is None else candidates_of(records, forms[0].precision)
        found = [c for c in known if c.batch in (None, wanted.batch)]
        for place in places:
            at = replace(by, backends=_named(backends, place))
            found += candidates_here(forms, wanted, at) if place == HERE_NAME else candidates_in(
                place, forms, wanted, at)
        found = list(_judged(found, forms, evaluation, labels, progress))
        cases = _cases(forms, asked, merged(found), wanted.batch)
        if evaluation is None and wanted.accuracy_floor is not None:
            cases = [replace(c, missing=(*c.missing, _ACCURACY)) for c in cases]
        sized = [replace(c, sizes=_sizes(c, places, forms, batches, by)) for c in cases]
        made = [ruled(replace(c, missing=(*c.missing, *_missing(c, forms[0], asked, called)))) for c in sized]
    return replace(made[0], elsewhere=tuple(made[1:]))


def _checked(devices: Sequence[Device] | None, records: Records | None) -> tuple[Device, ...]:
    places = ((HERE_NAME,) if records is None else ()) if devices is None else tuple(devices)
    known = (HERE_NAME, *BROWSERS)
    for place in places:
        if not isinstance(place, DeviceSession) and place not in known:
            raise UsageError(f"device {place!r} is not one of {', '.join(known)}, nor a session of a link")
    return places


def _named(backends: Sequence[str] | None, place: Device) -> tuple[str, ...] | None:
    """Those of the names that a place has; UsageError where it has none, or nothing is called so anywhere."""
    if backends is None:
        return None
    here, programs = [r.name for r in ROWS], list(PROGRAMS)
    if unknown := [b for b in backends if b not in (*here, *programs)]:
        raise UsageError(f"these are no backends or programs: {each_with_nearest(unknown, (*here, *programs))}")
    known = here if place == HERE_NAME else programs
    found = tuple(b for b in backends if b in known)
    if not found:
        where = "this kernel" if place == HERE_NAME else "a browser"
        raise UsageError(f"none of {', '.join(backends)} runs in {where}; known there: {', '.join(known)}")
    return found


def _forms(stack: ExitStack, source: ModelSource, calibration: Any, *, measured: bool) -> list[ModelForm]:
    """The model as it is given, and with calibration data and something to measure also in int8."""
    if isinstance(source, Model):
        model = source
    else:
        opened = source(None, None) if callable(source) else zoo.open_model(str(source))
        model = stack.enter_context(opened)
    forms = [ModelForm(precision_of(model.graph), model, file_of(source))]
    if calibration is not None and measured:
        forms.append(ModelForm(INT8, stack.enter_context(quantize(model, INT8, calibration).model)))
    return forms


def _judged(
    found: Sequence[Candidate], forms: Sequence[ModelForm], data: Any, labels: Any, progress: Progress,
) -> Iterator[Candidate]:
    """The candidates with the accuracy of their precision, as far as there are data."""
    known: dict[str, tuple[float | None, str]] = {}
    for form in forms if data is not None else ():
        result = evaluate(form.model, data, labels, reference=forms[0].model, progress=progress)
        shares = [e.top1_agreement for e in result.errors if e.top1_agreement is not None]
        known[form.precision] = (result.accuracy, "top-1 accuracy") if labels is not None else (
            min(shares, default=None), f"agreement with {forms[0].precision}")
    for c in found:
        share, kind = known.get(c.precision, (None, ""))
        yield replace(c, accuracy=share, accuracy_kind=kind)


_ACCURACY = MissingMeasurement("accuracy: no data were given", "recommend with evaluation=..., or --input F.npy")


def _cases(
    forms: Sequence[ModelForm], scenario: Scenario, found: Sequence[Candidate], batch: int,
) -> list[Decision]:
    """A case for each place: devices first, since this kernel only predicts them."""
    places = sorted(dict.fromkeys(c.place for c in found), key=lambda p: p == HERE)
    name = forms[0].model.name
    return [Decision(name, scenario, p, tuple(c for c in found if c.place == p), batch) for p in places] or [
        Decision(name, scenario, "no place", (), batch)]


def _sizes(
    case: Decision, places: Sequence[Device], forms: Sequence[ModelForm], batches: Sequence[int], by: Measuring,
) -> SizeSweep | None:
    """The choice and the runner-up at other sizes, where this place can still be asked."""
    choice = best(case.candidates, case.scenario)
    others = [c for c in case.candidates if choice and c is not choice and c.precision == choice.precision]
    second = best(others, case.scenario)
    form = next((f for f in forms if choice and f.precision == choice.precision), None)
    if choice is None or second is None or form is None or not batches or not has_open_batch(form.model):
        return None
    names, sizes = (choice.name, second.name), run_sizes(form.model.inputs, batches)
    if case.place == HERE:
        return sizes_here(form, names, sizes, by) if HERE_NAME in places else None
    # With several browsers, records do not tell which of them a place was; and a page has one TensorFlow.js.
    pages = [p for p in places if p != HERE_NAME]
    if len(pages) != 1 or all(PROGRAMS[n].kind == TFJS for n in names):
        return None
    return sizes_in(pages[0], form, names, sizes, replace(by, how=replace(by.how, budget_s=SIZES_S, profiles=0)))


def _missing(case: Decision, form: ModelForm, s: Scenario, called: str) -> Iterator[MissingMeasurement]:
    """What nobody has measured for this decision, with what does it; ``called`` is what the command line names it."""
    model = called or case.model
    ask = f"tfjslab recommend {model} {s.options}"
    if not case.candidates:
        yield MissingMeasurement("every time", ask)
    if not case.candidates or case.place == HERE:
        yield MissingMeasurement("a browser: this kernel only predicts it", f"{ask} --in chromium")
    if s.name == "mobile-detection" and not any(c.mobile for c in case.candidates):
        yield MissingMeasurement("a phone", f"tfjslab serve {model} --host 0.0.0.0 --json phone.json, then {ask} "
                                            "--records phone.json")
    if case.candidates and case.place != HERE and not any(c.name.startswith("tfjs") for c in case.candidates):
        what = "TensorFlow.js" if not tfjs_reason() else "TensorFlow.js, which is not installed where it is looked for"
        yield MissingMeasurement(what, f"{ask} --in chromium --tfjs path/to/npm")
    if case.candidates and case.sizes is None:
        fixed = "" if has_open_batch(form.model) else ": the model's batch is fixed"
        yield MissingMeasurement(f"other sizes{fixed}", f"tfjslab bench {model} --batch 1,2,4,8")
    there = "" if case.place == HERE else " --in chromium"
    for c in case.candidates:
        left_out = broken(c, s)
        if left_out and left_out[0].name == "measured":
            yield MissingMeasurement(f"{c.name}, {c.precision} ({left_out[1]})", f"{ask}{there} --backend {c.name}")
