"""The frame of the command line: it parses, runs one command, and turns every way to end into an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from tfjslab.arguments import Parser, add_limits, use_adapter, use_limits
from tfjslab.base.errors import TfjslabError
from tfjslab.base.out_of_memory import out_of_memory
from tfjslab.base.version import __version__
from tfjslab.cli.command import INTERRUPTED, Command
from tfjslab.cli.commands import COMMANDS, main_job
from tfjslab.cli.output import emit, one_line_warnings, tell
from tfjslab.cli.store import keeping

# What a shell reports of a program that a closed pipe ended (128 + SIGPIPE).
CLOSED_PIPE = 141


def build_parser() -> argparse.ArgumentParser:
    """The whole command line. Without a command it does the main job."""
    parser = Parser(prog="tfjslab", **_texts(main_job.COMMAND))
    parser.add_argument("--version", action="version", version=f"tfjslab {__version__}")
    _configure(parser, main_job.COMMAND, json_default=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.summary, **_texts(command))
        # SUPPRESS: a command that was not given --json must not wipe out the one that stood before its name.
        _configure(sub, command, json_default=argparse.SUPPRESS)
    return parser


def _texts(command: Command) -> dict[str, Any]:
    return {
        "description": command.summary, "epilog": command.epilog, "allow_abbrev": False,
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def _configure(parser: argparse.ArgumentParser, command: Command, json_default: str | None) -> None:
    command.configure(parser)
    json_help = "write the result as JSON; '-' writes that to stdout and nothing else"
    add_limits(parser)
    parser.add_argument("--json", metavar="FILE", default=json_default, help=json_help)
    parser.set_defaults(command=command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 fine, 1 a stated limit is broken, 2 usage, 3 model or input, 4 backend, 130 interrupted.
    """
    try:
        args = build_parser().parse_args(argv)
        args.argv = list(sys.argv[1:] if argv is None else argv)  # for reports, which tell how to repeat them
        with one_line_warnings(), keeping(args) as keep:
            use_adapter(args)
            use_limits(args)
            report = args.command.run(args)
            emit(report, args.json)
            keep(report)
        sys.stdout.flush()  # a closed pipe shows here, where it is handled, not while Python shuts down
        if report.exit_code == INTERRUPTED:  # what was found until then is told; that it is not all is told here
            _tell_interrupted()
    except SystemExit as e:  # argparse has printed help or the version
        return int(e.code or 0)
    except BrokenPipeError:
        return _closed_pipe()
    except KeyboardInterrupt:
        _tell_interrupted()
        return INTERRUPTED
    except TfjslabError as e:
        tell("error", e)
        return e.exit_code
    except MemoryError as e:
        error = out_of_memory("this command", e)
        tell("error", error)
        return error.exit_code
    return int(report.exit_code)


def _tell_interrupted() -> None:
    sys.stderr.write("tfjslab: interrupted\n")


def _closed_pipe() -> int:
    """Let Python's own flush at exit write into nothing, as its documentation advises."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CLOSED_PIPE
