"""``--processes``: the same measurement again in fresh processes, whose medians tell the noise between processes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from tfjslab.base.children import run_child
from tfjslab.base.errors import UsageError
from tfjslab.base.progress import Progress
from tfjslab.profiling.files import from_text
from tfjslab.records.statistics import ProcessFigure

# Options of ``tfjslab profile`` that decide what is measured, by the name of their value.
_VALUES = {"backend": "--backend", "adapter": "--adapter", "threads": "--threads", "runs": "--runs",
           "warmup": "--warmup", "precision": "--precision", "max_time_s": "--max-time"}


def measure(args: argparse.Namespace, report: Progress) -> tuple[ProcessFigure, ...]:
    """The figures of all processes but this one, one after the other. UsageError when one of them fails."""
    found = []
    for i in range(1, args.processes):
        report("processes", i, args.processes)
        found.append(_figure(args))
    return tuple(found)


def _figure(args: argparse.Namespace) -> ProcessFigure:
    command = [sys.executable, "-m", "tfjslab", *_command(args)]
    done = run_child(command)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2].removeprefix("tfjslab: error: ")
        raise UsageError(f"--processes {args.processes}: a process ended with {done.returncode}: {last}")
    return from_text(done.stdout, "the profile of another process").figures[0]


def _command(args: argparse.Namespace) -> Iterator[str]:
    """What measures the same once."""
    yield from ("profile", args.model, "--json", "-")
    for name, option in _VALUES.items():
        if getattr(args, name) is not None:
            yield from (option, str(getattr(args, name)))
    for dims in args.shape:
        yield from ("--shape", dims)
    if args.real_weights:
        yield "--real-weights"
