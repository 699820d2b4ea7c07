"""Options of everything that measures, declared once for the command line and for the magics of notebooks.

Pure argparse: what shows results decides what to do with them. MODEL has a module of its own in the command line.
"""

from __future__ import annotations

import argparse
import math
from typing import NoReturn

from tfjslab.backends import registry, rows
from tfjslab.backends.flags import env
from tfjslab.base.errors import UsageError, each_with_nearest

DEFAULT_RUNS, DEFAULT_WARMUP = 10, 3  # of a profile
_PREFIXES = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


class Parser(argparse.ArgumentParser):
    """argparse that raises UsageError instead of printing its usage and leaving."""

    def error(self, message: str) -> NoReturn:
        """Name the option and where there is help."""
        raise UsageError(f"{message}; see '{self.prog} --help'")


def add_backend(parser: argparse.ArgumentParser, *, many: bool = False, without: str | None = None) -> None:
    """The --backend option: one name, or several with commas. ``without`` says what holds when it is not given."""
    names = ", ".join(row.name for row in rows.ROWS)
    default = without or ("all that are available" if many else "by priority")
    several = "one or more of these, with commas; default: " if many else "default: "
    parser.add_argument("-b", "--backend", metavar="B[,B]" if many else "B", help=f"{names} ({several}{default})")


def add_adapter(parser: argparse.ArgumentParser) -> None:
    """The --adapter option; see ``use_adapter``."""
    parser.add_argument(
        "--adapter", metavar="A", help="for the GPU backends: a part of an adapter's name, or its kind; "
        "'tfjslab backends' lists them (default: $TFJSLAB_ADAPTER, else the fastest kind)",
    )


def use_adapter(args: argparse.Namespace) -> None:
    """Do what --adapter says, where a command has it."""
    if getattr(args, "adapter", None):
        registry.set_adapter(args.adapter)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """The options --max-memory and --max-seconds; see ``use_limits``."""
    parser.add_argument(
        "--max-memory", metavar="SIZE", type=size_bytes, default=argparse.SUPPRESS,
        help="that one run may take beside its weights, such as 500MB or 4GB (default: 3/4 of the machine's)")
    parser.add_argument(
        "--max-seconds", metavar="S", type=seconds, default=argparse.SUPPRESS,
        help="that one run of a model may take; it is looked at between its steps (default: no limit)")


def use_limits(args: argparse.Namespace) -> None:
    """Do what --max-memory and --max-seconds say."""
    for option, flag in (("max_memory", "MAX_MEMORY_BYTES"), ("max_seconds", "MAX_RUN_SECONDS")):
        if hasattr(args, option):
            env().set(flag, getattr(args, option))


def add_threads(parser: argparse.ArgumentParser) -> None:
    """The --threads option."""
    parser.add_argument("--threads", metavar="N", type=positive, help="of threaded backends; default: all cores")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """The --seed option."""
    parser.add_argument("--seed", metavar="N", type=natural, default=0, help="of random inputs (default 0)")


def add_repeats(
    parser: argparse.ArgumentParser, *, runs: int | None, warmup: int | None, runs_help: str, warmup_help: str,
) -> None:
    """The --runs and --warmup options; ``runs`` and ``warmup`` are what holds when they are not given."""
    parser.add_argument("-r", "--runs", metavar="N", type=positive, default=runs, help=runs_help)
    parser.add_argument("-w", "--warmup", metavar="N", type=natural, default=warmup, help=warmup_help)


def add_precision(parser: argparse.ArgumentParser, precision: float, max_time_s: float) -> None:
    """The --precision and --max-time options, with what holds without them: how many runs the machine decides on."""
    parser.add_argument(
        "--precision", metavar="P", type=part,
        help="more runs than --runs, until half of the median's 95%% interval is so small a part of it (default "
             f"{precision:.0%}%, where --runs is not given)")
    parser.add_argument("--max-time", metavar="S", type=seconds, dest="max_time_s",
                        help=f"seconds after which they end all the same (default {max_time_s:g})")


def add_profile_results(parser: argparse.ArgumentParser) -> None:
    """What a profile can show or write beside its tables: --memory, --trace and --view."""
    parser.add_argument("--memory", action="store_true", help="also show what is alive at the peak of memory")
    parser.add_argument("--trace", metavar="FILE", help="write a trace for chrome://tracing or Perfetto")
    parser.add_argument("--view", metavar="FILE.html", help="write a timeline to explore in a browser, as one file")


def positive(text: str) -> int:
    """An integer above 0, for argparse."""
    return _integer(text, 1)


def natural(text: str) -> int:
    """An integer of 0 or more, for argparse."""
    return _integer(text, 0)


def part(text: str) -> float:
    """A part of a whole, ``3%`` or ``0.03``, for argparse."""
    return _number(text.removesuffix("%"), 100 if text.endswith("%") else 1, text, "a part such as 3% or 0.03", 1)


def size_bytes(text: str) -> float:
    """Bytes above 0, ``500MB`` or ``4GB``, for argparse."""
    digits = text.upper().removesuffix("B")
    prefix = digits[-1:] if digits[-1:] in _PREFIXES else ""
    size = "a size such as 500MB or 4GB"
    return _number(digits.removesuffix(prefix), 1 / _PREFIXES.get(prefix, 1), text, size, math.inf)


def seconds(text: str) -> float:
    """Seconds above 0, for argparse."""
    return _number(text, 1, text, "a number of seconds above 0", math.inf)


def above_zero(text: str) -> float:
    """A number above 0, for argparse."""
    return _number(text, 1, text, "a number above 0", math.inf)


def _number(digits: str, over: float, text: str, expected: str, below: float) -> float:
    try:
        value = float(digits) / over
    except ValueError:
        value = math.nan
    if not 0 < value < below:
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
    return value


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
        return [r.name for r in rows.ROWS if not r.alias_of and registry.availability(r.name).available]
    names = [name.strip() for name in given.split(",")]
    if not all(names):
        raise UsageError(f"--backend {given}: an empty name; write names with single commas between them")
    known = [r.name for r in rows.ROWS]
    if len(unknown := [n for n in dict.fromkeys(names) if n not in known]) > 1:
        raise UsageError(f"these are no backends: {each_with_nearest(unknown, known)}; known: {', '.join(known)}")
    return [rows.row(name).name for name in dict.fromkeys(names)]
