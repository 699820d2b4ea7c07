"""``--scheduler``: measure on the machines of a dask cluster. One option for the commands that can."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from tfjslab.cluster.connect import connect


def add_scheduler(parser: argparse.ArgumentParser) -> None:
    """The --scheduler option."""
    parser.add_argument("--scheduler", metavar="ADDRESS",
                        help="measure on the machines of the dask cluster of this scheduler (tcp://host:8786), a model "
                             "at a time on each")


def cluster_of(args: argparse.Namespace) -> AbstractContextManager[Any]:
    """A client of the cluster that --scheduler names; None in its place where it names none."""
    return connect(args.scheduler) if args.scheduler else nullcontext()
