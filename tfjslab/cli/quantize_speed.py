"""The speed of a quantized model beside the model that it was made from and, when asked for, TensorFlow.js."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from rich.console import Console

from tfjslab import zoo
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.text import ms, scaled
from tfjslab.bench import bench_models
from tfjslab.bench.compare import compare_variants
from tfjslab.bench.comparison import ratio_between
from tfjslab.bench.interleaved import ROUNDS
from tfjslab.bench.peers.process import PeerError
from tfjslab.bench.peers.tfjs import check_backend, find_peers, start_tfjs
from tfjslab.bench.result import BenchResult, compare_results
from tfjslab.bench.settings import Settings
from tfjslab.cli.command import INTERRUPTED, OK
from tfjslab.cli.output import print_table
from tfjslab.formats.weight_writer import QUANTIZATIONS
from tfjslab.model.model import Model
from tfjslab.optimizer.optimize import optimize

BEFORE = "float32"


def speed(model: Model, new: Model, x: Any, args: argparse.Namespace, tell: Callable[..., None]) -> dict[str, Any]:
    """Both models, and the peer where ``--compare`` asks for it, alternating on one input.

    Integers are compared with float32 as the passes of ``tf.optimize`` leave it, not with the model as it came.
    """
    how = Settings(args.runs, args.warmup, progress=tell)
    with ExitStack() as stack:
        before = model
        if args.kind not in QUANTIZATIONS:
            before = stack.enter_context(optimize(model, target="tfjslab", measure=False).model)
        variants = [(BEFORE, before), (args.kind, new)]
        if args.compare:
            return _beside_peer(variants, model, x, args, how)
        return _figures(bench_models([(name, m, x) for name, m in variants], [None], settings=how))


def exit_code(found: Mapping[str, Any] | None) -> int:
    """That of what ``speed`` gave."""
    if found is None:
        return OK
    if found["reason"]:
        return INTERRUPTED
    return PeerError.exit_code if any(c["peer"]["reason"] for c in found.get("compared", ())) else OK


def _figures(results: Sequence[BenchResult]) -> dict[str, Any]:
    """Both side by side; of one alone, after Ctrl-C, there is nothing to tell."""
    if len(results) == 1:
        return {"speed_ratio": None, "reason": BY_CTRL_C}
    before, after = results
    ratio = compare_results(before, after).ratio
    return {"before_ms": before.median_ms, "after_ms": after.median_ms, "speed_ratio": ratio, "runs": after.runs,
            "warmup": after.warmup, "clock": after.clock, "engine": after.engine, "threads": after.threads,
            "fallback_kernels": after.fallback_kernels, "before_iqr_ms": before.iqr_ms, "after_iqr_ms": after.iqr_ms,
            "verdict": compare_results(before, after).text, "reason": before.reason}


def _beside_peer(
    variants: list[tuple[str, Model]], model: Model, x: Any, args: argparse.Namespace, how: Settings,
) -> dict[str, Any]:
    """Three sides; ``compared`` has each of ours with what the peer's figures are to it."""
    check_backend(model.backend.name)
    folder = find_peers(args.peers)
    runs = replace(how, runs=max(args.runs, args.rounds or ROUNDS))
    # The peer runs the model as it came: from the same file, unless it was built here.
    source = model if args.model in zoo.ENTRIES else args.model
    found = compare_variants(variants, source, x, runs, partial(start_tfjs, folder), args.rounds or ROUNDS)
    between = ratio_between(*found)
    return {**_figures([c.ours for c in found]), "speed_ratio": between.median if between else None,
            "speed_ratio_min": between.least if between else None, "speed_ratio_max": between.most if between else None,
            "compared": [c.to_json() for c in found]}


def show(console: Console, data: dict[str, Any]) -> None:
    """One line, and with a peer a table of the three sides."""
    found = data["speed"]
    if found is None or found["speed_ratio"] is None:
        return
    console.print(f"speed on {data['backend']}, {found['threads']} thread(s): median {found['before_ms']:.2f} -> "
                  f"{found['after_ms']:.2f} ms, {found['verdict']}; {found['runs']} interleaved runs")
    if "compared" in found:
        _show_peer(console, found["compared"])


def _show_peer(console: Console, compared: list[dict[str, Any]]) -> None:
    rows = []
    for c in compared:
        peer = c["peer"]
        ratio = "-" if peer["ratio"] is None else f"{peer['ratio']:.2f}x"
        span = "-" if peer["ratio"] is None else f"{peer['ratio_min']:.2f} to {peer['ratio_max']:.2f}"
        rows.append((f"ours, {c['model']}", ms(c["median_ms"]), ms(c["iqr_ms"]), ratio, span,
                     scaled(c["arena_bytes"], "B"), "-" if peer["difference"] is None else f"{peer['difference']:.1e}"))
    peer = compared[0]["peer"]
    rows.append((f"TensorFlow.js {peer['version']}, float32", ms(peer["median_ms"]), ms(peer["iqr_ms"]), "", "",
                 scaled(peer["intermediate_bytes"], "B"), ""))
    columns = ("", "median ms", "spread", "tfjs/ours", "by rounds", "intermediates", "difference")
    print_table(console, f"Alternating, {len(peer['rounds_ms'])} rounds", columns, rows)
    if peer["reason"]:
        console.print(f"TensorFlow.js: {peer['reason']}", style="bold")
