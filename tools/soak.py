"""Does the same again and again, thousands of times, and tells whether anything is left behind each time.

    python tools/soak.py                                            # the digits of the zoo, some minutes
    python tools/soak.py --models digits FOLDER FILE.tflite --json soak.json
    python tools/soak.py --only predict-simd,dashboard --share 0.01    # a look at two kinds, a hundredth of the cycles
    python tools/soak.py --only load-simd --count 2000
    python tools/soak.py --list

Each kind of cycle runs in a process of its own, with a folder for temporary files of its own. What ``tf.memory()``
counts must be exactly the same before and after, and, after the first tenth of the cycles and at the end, so must these
counts and those of threads, temporary files, widgets and their channels. Resident memory (after a garbage collection,
and without the pages that the C library keeps for later), the blocks of Python's allocator, and file descriptors must
be flat after the first tenth: ``soak_verdict.py`` says how that is judged. Of fewer than 20 cycles it cannot be.

It exits with 1 where anything grew or failed. What a model or a machine cannot do (a model in int8 is not quantized
once more, there is no GPU) is listed as not run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import soak_case
from soak_cycles import KINDS
from soak_verdict import Look, after_first_tenth, faults, growth

from tfjslab.base.text import scaled, tail
from tfjslab.cli.command import INTERRUPTED
from tfjslab.cli.progress import progress
from tfjslab.records.profile import stamp_environment
from tfjslab.zoo.registry import ENTRIES

DEFAULT_MODEL = "digits"
FEWEST = 10  # cycles: a tenth of them is at least one
_COLUMNS = "{:<16}{:<21}{:>6}  {:<8}{:>16}{:>9}{:>15}{:>8}{:>12}{:>6}{:>8}  {}"
HEAD = (
    "Of two figures one is from the end of the first tenth of the cycles, one from the end of all. "
    "At most: resident memory, a cycle (95%).\n\n"
    + _COLUMNS.format("cycles of", "model", "count", "memory()", "resident kB", "at most", "Python blocks", "threads",
                      "descriptors", "files", "seconds", ""))
# One heap for all threads: glibc's heaps of their own come and go with which thread got which, by megabytes.
ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}


@dataclass
class Outcome:
    """What became of the cycles of one kind with one model."""

    kind: str
    model: str
    count: int
    looks: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    not_run: str = ""
    faults: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The outcome in columns: after the first tenth, and at the end."""
        model = tail(self.model, 20)
        if self.not_run:
            return f"{self.kind:<16}{model:<21}not run: {self.not_run}"
        if len(self.looks) < 3:  # noqa: PLR2004 - before, between, after
            return f"{self.kind:<16}{model:<21}{self.count:>6}  FAILED"
        between = after_first_tenth(self.looks)
        tenth, end = between[0], between[-1]
        threads = _pair(tenth["counts"]["threads"], end["counts"]["threads"])
        back = "back" if self.looks[0]["memory"] == self.looks[-1]["memory"] else "NOT BACK"
        return _COLUMNS.format(
            self.kind, model, self.count, back, _pair(*(_kilobytes(look["resident"]) for look in (tenth, end))),
            _at_most(between), _pair(tenth["blocks"], end["blocks"]), threads,
            _pair(tenth["descriptors"], end["descriptors"]), end["counts"]["temporary files"], f"{self.seconds:.0f}",
            "FAILED" if self.faults else "ok")

    def to_json(self) -> dict[str, Any]:
        """Everything, each look included."""
        return {**vars(self), "holds": not self.faults}


def _pair(first: object, second: object) -> str:
    return f"{first} {second}"


def _kilobytes(value: int | None) -> str:
    return "-" if value is None else f"{value >> 10}"


def _at_most(between: Sequence[Look]) -> str:
    found = growth("resident", between)
    return "-" if found is None else scaled(max(found.most, 0.0), "B").strip()


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201 - a script that prints


@contextmanager
def started(command: list[str], temporary: str) -> Iterator[subprocess.Popen[str]]:
    """A process whose temporary files go to a folder; it is ended with the block."""
    process = subprocess.Popen(  # noqa: S603 - our own script
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **ENVIRONMENT, "TMPDIR": temporary})
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def soaked(kind: str, model: str, count: int, done: Callable[[int], None]) -> Outcome:
    """Do the cycles in a process of their own; ``done`` is told how many there were."""
    found, began = Outcome(kind, Path(model).name if KINDS[kind].needs_model else "", count), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tfjslab-soak-") as temporary:
        command = [sys.executable, str(Path(soak_case.__file__)), kind, model, str(count)]
        with started(command, temporary) as process:
            for line in process.stdout or ():
                _take(found, json.loads(line))
                done(found.looks[-1]["cycle"] if found.looks else 0)
            code = process.wait()
        left = sorted(path.name for path in Path(temporary).iterdir())
    found.seconds = time.perf_counter() - began
    if found.not_run:
        return found
    if code:
        found.faults.append(f"the process ended with {code}")
    if left:
        found.faults.append(f"temporary files left: {', '.join(left[:5])}")
    if not found.faults:
        found.faults += faults(found.looks)
    return found


def _take(outcome: Outcome, told: dict[str, Any]) -> None:
    if "not_run" in told:
        outcome.not_run = told["not_run"]
    elif "failed" in told:
        outcome.faults.append(f"after {outcome.looks[-1]['cycle'] if outcome.looks else 0} cycles: {told['failed']}")
    else:
        outcome.looks.append(told)


def soak(args: argparse.Namespace) -> list[Outcome]:
    """All kinds with all models, one after the other; each is printed when it is done."""
    say(HEAD)
    outcomes = []
    with progress() as report:
        for name in args.only:
            kind = KINDS[name]
            for model in args.models if kind.needs_model else args.models[:1]:
                count = args.count or max(FEWEST, round(args.share * kind.count))
                shown = partial(report, f"{name}, {Path(model).name}", total=count)
                found = soaked(name, model, count, shown)
                outcomes.append(found)
                if args.json:
                    write(args.json, outcomes)
                say(found.line)
                for fault in found.faults:
                    say(f"    FAULT: {fault}")
    return outcomes


def write(path: Path, outcomes: Sequence[Outcome]) -> None:
    """All that is known until now, as JSON."""
    told = {"environment": vars(stamp_environment("", "", 0, "")), "outcomes": [o.to_json() for o in outcomes]}
    path.write_text(json.dumps(told, indent=1) + "\n")


def _kinds(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: no such kind; expected some of {', '.join(KINDS)}")
    return names


def _model(text: str) -> str:
    if text not in ENTRIES and not Path(text).exists():
        raise argparse.ArgumentTypeError(f"{text}: no such file or folder, and no such model in the zoo")
    return text


def positive(text: str) -> float:
    """A number of the command line."""
    share = float(text)
    if not 0 < share < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0")
    return share


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < FEWEST:
        raise argparse.ArgumentTypeError(f"{text}: expected {FEWEST} or more")
    return int(text)


def parsed(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=_model, nargs="+", default=[DEFAULT_MODEL], metavar="MODEL",
                        help="names of the zoo, folders or files (default: digits)")
    parser.add_argument("--only", type=_kinds, default=list(KINDS), metavar="KIND,..", help="kinds of cycles")
    how_many = parser.add_mutually_exclusive_group()
    how_many.add_argument("--count", type=_count, help="cycles of each kind")
    how_many.add_argument("--share", type=positive, default=1.0, help="of the cycles that each kind has (default: 1)")
    parser.add_argument("--json", type=Path, help="file for the outcomes, with each look")
    parser.add_argument("--list", action="store_true", help="list the kinds, and how many cycles each has")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Soak; 1 where something grew or failed, 130 after Ctrl-C."""
    args = parsed(given)
    if args.list:
        for name, kind in KINDS.items():
            say(f"{name:<16}{kind.count:>7}  {kind.what}")
        return 0
    try:
        outcomes = soak(args)
    except KeyboardInterrupt:
        return INTERRUPTED
    failed = sum(bool(o.faults) for o in outcomes)
    ran = sum(not o.not_run for o in outcomes)
    say(f"\n{ran - failed} of {ran} hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
