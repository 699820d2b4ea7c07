"""``--store``: what a command measured is kept in the results store. One option for every command that measures."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tfjslab.base.text import counted
from tfjslab.cli.command import Outcome
from tfjslab.cli.output import tell
from tfjslab.store.results_store import open_store

_KEPT_IN = "kept_in"  # the option's name among the arguments: to read a store, other commands have a --store, too
_PLACE = "in .tfjslab of the project, else with the user's data"


def add_store(parser: argparse.ArgumentParser, option: str = "--store") -> None:
    """The --store option of a command whose outcome are results to keep, or one of another name that does the same."""
    parser.add_argument(
        option, metavar="PATH", nargs="?", const="", dest=_KEPT_IN,
        help=f"keep the results for 'tfjslab history': in the file PATH, else {_PLACE}; write {option}=PATH, or "
             f"{option} alone at the end")


def add_place(parser: argparse.ArgumentParser) -> None:
    """The --store option of a command that reads what was kept."""
    parser.add_argument("--store", metavar="PATH", help=f"the results store (default: {_PLACE})")


@contextmanager
def keeping(args: argparse.Namespace) -> Iterator[Callable[[Outcome], None]]:
    """Give what keeps an outcome where --store asks for it. The store is opened at once: a bad path costs no time."""
    given = getattr(args, _KEPT_IN, None)
    if given is None:
        yield lambda _outcome: None
        return
    with open_store(given) as store:
        def keep(outcome: Outcome) -> None:
            results = outcome.data if isinstance(outcome.data, list) else [outcome.data]
            store.add_all(results)
            tell("store", f"kept {counted(len(results), 'result')} in {store.path}")

        yield keep
