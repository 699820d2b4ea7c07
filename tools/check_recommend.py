"""Whether a recommendation is the best by measuring everything once more: decided first, measured again, compared.

    python tools/check_recommend.py MODEL.. --in here --in chromium [--tfjs FOLDER] [--max-time 10]

For each model, place and scenario of ``tf.decide.SCENARIOS`` the rules decide by one measurement of all candidates. A
second one of all of them, interleaved anew, then tells which was the fastest of those that the limits allow. The check
fails where that one is faster than the choice beyond noise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import tfjslab as tf
from tfjslab import zoo
from tfjslab.bench.settings import settings_for
from tfjslab.browser.jobs.job import HowToRun
from tfjslab.decide.candidate import Candidate, merged, versus
from tfjslab.decide.measure import (
    HERE_NAME,
    Measuring,
    ModelForm,
    candidates_here,
    candidates_in,
    file_of,
    fitting_batch,
)
from tfjslab.decide.precision import precision_of
from tfjslab.decide.rules import best, broken, fastest_of, meets
from tfjslab.decide.ruling import Decision, ruled
from tfjslab.decide.scenario import SCENARIOS, Scenario
from tfjslab.records.verdict import FASTER


def measured(form: ModelForm, place: str, scenario: Scenario, by: Measuring) -> tuple[Candidate, ...]:
    """All candidates of one place, interleaved."""
    if place == HERE_NAME:
        return merged(candidates_here([form], scenario, by))
    return merged(candidates_in(place, [form], scenario, by))


def checked(scenario: Scenario, first: tuple[Candidate, ...], second: tuple[Candidate, ...]) -> tuple[bool, str]:
    """Whether the choice by the first measurement stands in the second, and a line that says so."""
    choice = best(first, scenario)
    able = [c for c in second if broken(c, scenario) is None]
    pool = [c for c in able if meets(c, scenario)] or able
    if choice is None or not pool:
        return choice is None and not pool, "nothing can be recommended, in both"
    again = next(c for c in second if (c.name, c.precision) == (choice.name, choice.precision))
    fastest = fastest_of(pool)
    verdict = None if again is fastest else versus(again, fastest)
    decision = ruled(Decision("", scenario, choice.place, first))
    told = f"chosen {decision.headline}; exhaustive: {fastest.label}, {fastest.bench.median_ms:.3f} ms"
    if verdict is None:
        return True, f"{told}: the same one"
    return verdict.kind != FASTER, f"{told}: against the choice {verdict.text}"


def lines(path: str, places: list[str], by: Measuring) -> Iterator[tuple[bool, str]]:
    """Every scenario in every place, for one model."""
    with ExitStack() as stack:
        model = stack.enter_context(zoo.open_model(path))
        form = ModelForm(precision_of(model.graph), model, file_of(path))
        for place in places:
            fitted = {s: fitting_batch(model, s.batch) for s in SCENARIOS.values()}
            for batch in sorted(set(fitted.values())):
                some = [replace(s, batch=batch) for s, fits in fitted.items() if fits == batch]
                first, second = (measured(form, place, some[0], by) for _ in range(2))
                for s in some:
                    ok, text = checked(s, first, second)
                    yield ok, f"{Path(path).name}, {s.name}, {place}: {text}"


def main() -> int:
    """Print a line for each decision; 1 where one does not stand."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--in", dest="places", action="append", default=[])
    parser.add_argument("--tfjs")
    parser.add_argument("--max-time", type=float, default=10.0)
    args = parser.parse_args()
    if args.tfjs:
        tf.set_tfjs(args.tfjs)
    how = HowToRun(runs=50, rounds=7, budget_s=args.max_time, profiles=1)
    by = Measuring(settings_for(None, 5, None, args.max_time), how=how)
    failed = total = 0
    for model in args.models:
        for ok, text in lines(model, args.places or [HERE_NAME], by):
            total, failed = total + 1, failed + (not ok)
            sys.stdout.write(f"{'ok  ' if ok else 'FAIL'} {text}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{total - failed} of {total} decisions stand\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
