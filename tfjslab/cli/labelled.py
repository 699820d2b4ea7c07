"""Data sets on the command line: one .npy file an input with samples along the first axis, and one with labels."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.base.tables import Report
from tfjslab.cli.command import OK, Outcome
from tfjslab.cli.feeds import split_names
from tfjslab.cli.output import print_report
from tfjslab.graph.ir import Port
from tfjslab.model.input_files import read_array

BATCH = 64


def add_data(parser: argparse.ArgumentParser, labels_help: str) -> None:
    """The options --input and --labels."""
    parser.add_argument("--input", metavar="[NAME=]F.npy", action="append", default=[], required=True,
                        help="samples along the first axis, one file an input; may be repeated")
    parser.add_argument("--labels", metavar="F.npy", help=labels_help)


def samples(option: str, given: Sequence[str], ports: Sequence[Port]) -> dict[str, Array]:
    """One array for each input; UsageError for one that is given twice."""
    found: dict[str, Array] = {}
    for text, (port, path) in zip(given, split_names(option, given, ports), strict=True):
        if port.name in found:
            raise UsageError(f"{option} {text}: input '{port.name}' is given twice")
        found[port.name] = read_array(path)
    return found


def in_batches(found: dict[str, Array], ports: Sequence[Port]) -> list[dict[str, Array]]:
    """The samples in batches of the length that the model declares, or of some."""
    size = next((p.shape[0] for p in ports if p.shape and p.shape[0]), BATCH)
    count = max((len(a) for a in found.values()), default=0)
    return [{n: a[i : i + size] for n, a in found.items()} for i in range(0, count, size)]


def report_of(shown: Report, note: str, **more: str | None) -> Outcome:
    """A command's report of something that has tables."""
    data = {**shown.to_json(), **more, "note": note}

    def show(console: Console) -> None:
        print_report(console, shown)
        if note:
            console.print(note)

    return Outcome(data, show, OK)
