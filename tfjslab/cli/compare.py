"""``tfjslab bench --compare``: ours against another program, in one run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from rich.console import Console

from tfjslab import arguments as options
from tfjslab import zoo
from tfjslab.backends import registry
from tfjslab.base.errors import UsageError
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.text import NOTHING, ms, scaled, times
from tfjslab.bench.agreement import ARGMAX, EXACT, ORDER, ROUNDING, TIE, WRONG
from tfjslab.bench.compare import compare_models
from tfjslab.bench.comparison import Comparison, PeerResult, added
from tfjslab.bench.interleaved import ROUNDS
from tfjslab.bench.peers.process import PeerError
from tfjslab.bench.peers.tfjs import PEERS_VARIABLE, VARIANTS, check_backend, find_peers, start_tfjs
from tfjslab.bench.settings import Settings
from tfjslab.cli import command
from tfjslab.cli.inputs import feeds_for
from tfjslab.cli.models import loader, weights_note
from tfjslab.cli.output import print_table
from tfjslab.cli.progress import progress

HARMLESS = ("", EXACT, ROUNDING)  # of which the figure says all
_KIND_WORDS = {ORDER: "rows in another order", TIE: "a choice between equals", ARGMAX: "same answers, other values",
               WRONG: "NOT the same"}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of a comparison."""
    parser.add_argument(
        "--compare", choices=["tfjs"],
        help="also run TensorFlow.js, in Node, on the same input with the same kind of kernels and as many threads, "
             "alternating with ours",
    )
    parser.add_argument(
        "--peers", metavar="FOLDER",
        help=f"where npm installed TensorFlow.js (default ${PEERS_VARIABLE}, else the current folder or one above it)",
    )
    parser.add_argument("--rounds", metavar="N", type=options.positive,
                        help=f"how many turns the runs are split into (default {ROUNDS})")


def check(args: argparse.Namespace, names: Sequence[str] = ("peers", "rounds")) -> None:
    """UsageError for options, those called ``names``, that mean nothing without --compare."""
    for name in names:
        if getattr(args, name) is not None and not args.compare:
            raise UsageError(f"--{name} is for --compare; add --compare tfjs")


def run(args: argparse.Namespace, settings: Settings) -> command.Outcome:
    """Measure both sides. Exit code 4 when the peer could not do all that was asked, after showing the rest."""
    folder = find_peers(args.peers)
    backends = compared_backends(args.backend)
    with progress() as report:
        sources = [
            # A path goes as it is, so that both sides read the same file.
            (m, loader(m, report, real=args.real_weights) if m in zoo.ENTRIES else m,
             feeds_for(m, args.shape, args.input, report, real=args.real_weights))
            for m in args.models
        ]
        found = compare_models(
            sources, backends, args.threads, replace(settings, progress=report), partial(start_tfjs, folder),
            args.rounds or ROUNDS,
        )
    note = weights_note(args.models, real=args.real_weights)
    data = [c.to_json() for c in found]
    return command.Outcome(data, lambda console: show(console, found, note), _exit_code(found))


def compared_backends(given: str | None) -> list[str]:
    """The chosen backends; without a choice those that have a counterpart. An alias is what it stands for now."""
    names = options.chosen_backends(given)
    if given is None:
        return [n for n in names if n in VARIANTS]
    resolved = {b.name: b.resolved for b in registry.backends()}
    names = list(dict.fromkeys(resolved[n] for n in names))
    for name in names:
        check_backend(name)
    return names


def _exit_code(found: Sequence[Comparison]) -> int:
    if any(c.ours.reason == BY_CTRL_C for c in found):
        return command.INTERRUPTED
    return PeerError.exit_code if any(c.peer.reason for c in found) else command.OK


def show(console: Console, found: Sequence[Comparison], note: str) -> None:
    """Two tables for each model: steady runs, then start and memory; then what the figures mean."""
    for model in dict.fromkeys(c.ours.model for c in found):
        _show_model(console, model, [c for c in found if c.ours.model == model])
    rounds = {len(c.peer.rounds_ms) for c in found}
    console.print(
        f"\nmedian and spread (the middle half) of steady runs in {_either(rounds)} alternating rounds; tfjs/ours: the "
        "median of the rounds' ratios, above 1 ours is faster; load + first of ours: load + compile + first run; "
        "memory: the peak of intermediates, ours as set aside; difference: of outputs, over the largest value",
    )
    for c in found:
        if c.peer.verdict:
            console.print(f"{c.ours.model} on {c.ours.backend}: {c.peer.verdict}, against TensorFlow.js")
        if c.ours.disturbance.text:
            console.print(f"{c.ours.model} on {c.ours.backend}: {c.ours.disturbance.text}")
    for line in dict.fromkeys(_engines(c) for c in found):
        console.print(line)
    if note:
        console.print(note)
    for line in dict.fromkeys(_answers(c) for c in found if c.peer.agreement not in HARMLESS):
        console.print(line, style="bold")
    for reason in dict.fromkeys(f"{c.ours.model} on {c.ours.backend}: {c.peer.reason}" for c in found if c.peer.reason):
        console.print(reason, style="bold")


def _either(numbers: set[int]) -> str:
    return " or ".join(str(n) for n in sorted(numbers))


def _engines(c: Comparison) -> str:
    peer = c.peer
    theirs = f"{peer.backend} of TensorFlow.js {peer.version}, {peer.runtime}, {peer.threads} thread(s), {peer.clock}"
    ours = f"{c.ours.backend}: {c.ours.engine}, {c.ours.threads} thread(s), {c.ours.clock}"
    return f"{ours}; {theirs if peer.version else 'TensorFlow.js did not start'}"


def _show_model(console: Console, model: str, found: Sequence[Comparison]) -> None:
    print_table(
        console, f"{model}: steady runs, milliseconds",
        ("backend", "ours", "spread", "tfjs", "spread", "tfjs/ours", "from", "to", "difference", "runs", "ours min",
         "tfjs min"),
        [
            (c.ours.place, ms(c.ours.median_ms), ms(c.ours.iqr_ms), ms(c.peer.median_ms), ms(c.peer.iqr_ms),
             _ratio(c.peer.ratio), _ratio(c.peer.ratio_min), _ratio(c.peer.ratio_max), _difference(c.peer),
             c.peer.runs, ms(c.ours.min_ms), ms(c.peer.min_ms))
            for c in found
        ],
        wide=("runs", "ours min", "tfjs min"),
    )
    print_table(
        console, f"{model}: start, milliseconds, and memory",
        ("backend", "ours", "modules", "tfjs", "tfjs/ours", "memory", "tfjs", "tfjs/ours", "load", "compile", "first",
         "tfjs load", "tfjs first", "tfjs start"),
        [
            (c.ours.place, ms(added(c.ours.load_ms, c.ours.compile_ms, c.ours.first_ms)),
             _modules(c), ms(added(c.peer.load_ms, c.peer.first_ms)), _ratio(c.peer.load_first_ratio),
             scaled(c.ours.arena_bytes, "B"), scaled(c.peer.intermediate_bytes, "B"),
             _ratio(c.peer.intermediate_ratio), ms(c.ours.load_ms), ms(c.ours.compile_ms), ms(c.ours.first_ms),
             ms(c.peer.load_ms), ms(c.peer.first_ms), ms(c.peer.start_ms))
            for c in found
        ],
        wide=("load", "compile", "first", "tfjs load", "tfjs first", "tfjs start"),
    )


def _modules(c: Comparison) -> str:
    """Where compiled modules came from."""
    return NOTHING if c.ours.compile_cached is None else "cached" if c.ours.compile_cached else "compiled"


def _ratio(value: float | None) -> str:
    """With one figure more than ``times``: ratios near 1 are what is being decided."""
    return f"{value:.2f}x" if value is not None else times(value)


def _difference(peer: PeerResult) -> str:
    """The figure, with the kind where it is more than rounding."""
    kind = "" if peer.agreement in HARMLESS else peer.agreement
    return " ".join(filter(None, [NOTHING if peer.difference is None else f"{peer.difference:.1e}", kind]))


def _answers(c: Comparison) -> str:
    return f"{c.ours.model} on {c.ours.where}, outputs: {_KIND_WORDS[c.peer.agreement]}: {c.peer.agreement_text}"
