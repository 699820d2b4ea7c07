"""The lines behind the magics: their options, and where the options end and the code begins."""

from __future__ import annotations

import argparse
import re
import shlex
from dataclasses import dataclass

from tfjslab import arguments as options
from tfjslab.arguments import DEFAULT_RUNS, DEFAULT_WARMUP
from tfjslab.base.errors import UsageError

# A word as a shell sees it: quotes keep spaces together.
_WORD = re.compile(r"""(?:"[^"]*"|'[^']*'|\S)+""")


@dataclass(frozen=True)
class Request:
    """The options and the code of a profiling magic. Empty ``backends`` mean the current one; ``code`` is Python."""

    code: str
    backends: tuple[str, ...]
    runs: int
    warmup: int
    memory: bool
    trace: str | None
    view: str | None
    save: str | None
    output: str | None
    quiet: bool


def profile_parser() -> argparse.ArgumentParser:
    """The options of ``%tfprofile`` and ``%%tfprofile``, those of the command line among them."""
    parser = options.Parser(
        prog="%tfprofile", allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Profile a line or a cell: every kernel that runs in it, and the time that no kernel accounts for.",
        epilog="examples:\n  %tfprofile model.predict(x)\n  %tfprofile -b cpu,wasm -r 20 model.predict(x)\n"
               "  %%tfprofile -w 1 --memory -o found\n\nTensors of earlier runs that nothing refers to any more are "
               "disposed, so that many runs leave what one\nleaves. When the code raises, what it made is disposed.",
    )
    options.add_backend(parser, many=True, without="the current one")
    options.add_repeats(
        parser, runs=None, warmup=None,
        runs_help=f"measured runs (default {DEFAULT_RUNS} of a line, 1 of a cell); figures are medians",
        warmup_help=f"runs before those, which also compile (default {DEFAULT_WARMUP} before a line, 0 before a cell)",
    )
    options.add_profile_results(parser)
    parser.add_argument("--save", metavar="NAME", help="write the profile as NAME.json")
    parser.add_argument("-o", "--output", metavar="VAR", help="keep the result in this variable")
    parser.add_argument("-q", "--quiet", action="store_true", help="show nothing of the profile and return nothing")
    parser.add_argument("code", nargs=argparse.REMAINDER, help="what to run; after -- if it starts with a dash")
    return parser


def backend_parser() -> argparse.ArgumentParser:
    """The options of ``%tfbackend``."""
    parser = options.Parser(prog="%tfbackend", description="Show the backends, or choose the current one.")
    parser.add_argument("name", nargs="?", help="the backend to choose")
    options.add_adapter(parser)
    options.add_threads(parser)
    return parser


def memory_parser() -> argparse.ArgumentParser:
    """``%tfmemory``, which has no options but ``--help``."""
    return options.Parser(
        prog="%tfmemory",
        description="Show what tf.memory() counts, tensors, data buffers and bytes, and the counters of each backend "
                    "that was started. The memory of a run is shown by %%tfprofile --memory.",
    )


def split(parser: argparse.ArgumentParser, line: str) -> tuple[argparse.Namespace, str]:
    """The options at the start of a line, and the rest of it as it was typed.

    Raises UsageError as the parser does; SystemExit once help was printed.
    """
    matches = list(_WORD.finditer(line))
    args = parser.parse_args([_unquoted(w.group()) for w in matches])
    rest = [c for i, c in enumerate(args.code) if i or c != "--"]
    return args, line[matches[-len(rest)].start():].strip() if rest else ""


def _unquoted(word: str) -> str:
    try:
        return "".join(shlex.split(word, posix=True))
    except ValueError:  # a quote that stays open: part of the code, and Python's to judge
        return word


def read_request(line: str, cell: str | None) -> Request:
    """What ``%tfprofile line`` or ``%%tfprofile line`` over ``cell`` asks for. UsageError says what is wrong."""
    args, rest = split(profile_parser(), line)
    if cell is not None and rest:
        raise UsageError(f"%%tfprofile {rest}: the code belongs below this line; see '%tfprofile --help'")
    if cell is None and not rest:
        raise UsageError("%tfprofile: nothing to run; write an expression behind it, or %%tfprofile over a cell")
    if args.output is not None and not args.output.isidentifier():
        raise UsageError(f"-o {args.output}: expected the name of a variable")
    once = cell is not None
    return Request(
        rest if cell is None else cell,
        () if args.backend is None else tuple(options.chosen_backends(args.backend)),
        args.runs or (1 if once else DEFAULT_RUNS),
        args.warmup if args.warmup is not None else 0 if once else DEFAULT_WARMUP,
        args.memory, args.trace, args.view, args.save, args.output, args.quiet,
    )
