"""Options that several commands share, and what they mean. MODEL has a module of its own."""

from __future__ import annotations

import argparse

from tfjslab.backends import registry
from tfjslab.base.errors import UsageError


def add_backend(parser: argparse.ArgumentParser, *, many: bool = False) -> None:
    """The --backend option: one name, or several with commas."""
    names = ", ".join(row.name for row in registry.ROWS)
    several = "one or more of these, with commas; default: all that are available" if many else "default: by priority"
    parser.add_argument("--backend", metavar="B[,B]" if many else "B", help=f"{names} ({several})")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """The --threads option."""
    parser.add_argument("--threads", metavar="N", type=positive, help="of threaded backends; default: all cores")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """The --seed option."""
    parser.add_argument("--seed", metavar="N", type=natural, default=0, help="of random inputs (default 0)")


def positive(text: str) -> int:
    """An integer above 0, for argparse."""
    return _integer(text, 1)


def natural(text: str) -> int:
    """An integer of 0 or more, for argparse."""
    return _integer(text, 0)


def _integer(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer of at least {least}")
    return value


def chosen_backends(given: str | None) -> list[str]:
    """The backends to go through: those named, else all that can run here, aliases left out.

    Raises UsageError for an unknown name. One that is named but cannot run is an error later, with its reason.
    """
    if given is None:
        return [r.name for r in registry.ROWS if not r.alias_of and registry.availability(r.name).available]
    names = [name.strip() for name in given.split(",")]
    if not all(names):
        raise UsageError(f"--backend {given}: an empty name; write names with single commas between them")
    return [registry.row(name).name for name in dict.fromkeys(names)]
