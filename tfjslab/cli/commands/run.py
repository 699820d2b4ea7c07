"""``tfjslab run``: one inference, told by names, shapes and digests of its outputs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from tfjslab import arguments as options
from tfjslab.backends.rows import is_host
from tfjslab.base.dtypes import Array
from tfjslab.base.text import NOTHING, shape
from tfjslab.bench.host_time import measure_host_share
from tfjslab.cli.command import Command, Outcome
from tfjslab.cli.feeds import add_shape, shaped
from tfjslab.cli.inputs import add_input, feeds
from tfjslab.cli.models import add_model, open_model, weights_note
from tfjslab.cli.output import print_table
from tfjslab.cli.progress import progress
from tfjslab.cli.values import digest, write_outputs
from tfjslab.evaluation.classes import top_classes
from tfjslab.graph.ir import Port
from tfjslab.model.coverage import coverage
from tfjslab.model.model import Model
from tfjslab.model.pictures import SUFFIXES, ranges_of, told_ranges
from tfjslab.records.host_share import HostShare

_DIGEST_SHOWN = 12  # hexadecimal digits; JSON has all


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    options.add_backend(parser)
    options.add_adapter(parser)
    options.add_threads(parser)
    add_input(parser)
    parser.add_argument("--output", metavar="F.npz", help="save the outputs by name")
    add_shape(parser)
    options.add_seed(parser)


def _run(args: argparse.Namespace) -> Outcome:
    with progress() as report:
        model = open_model(args.model, args.backend, args.threads, report, real=args.real_weights)
    with model:
        fed, sources = feeds(shaped(model.inputs, args.shape), args.input, args.seed)
        results = model.execute(fed, [p.name for p in model.outputs])
        outputs = {p.name: array for p, array in zip(model.outputs, results, strict=True)}
        host = _host(model, fed)
        data = {
            "model": args.model,
            "backend": model.backend.name,
            "engine": model.backend.engine,
            "host_share": host.share,
            "host_reason": host.reason,
            "precision": model.precision.to_json() if model.precision else None,
            "note": weights_note([args.model], real=args.real_weights),
            "inputs": [{**digest(name, array), "source": sources[name]} for name, array in fed.items()],
            "outputs": [
                {**digest(name, array), "top": [asdict(c) for c in top_classes(model.graph, name, array)]}
                for name, array in outputs.items()
            ],
            "pictures": _pictures(model.inputs, sources),
        }
    if args.output:
        write_outputs(args.output, outputs)
    return Outcome(data, lambda console: _show(console, data, host))


def _pictures(ports: Sequence[Port], sources: Mapping[str, str]) -> dict[str, str]:
    """What levels of pictures became, by the name of the input that was read from one."""
    return {
        p.name: f"0 to 255 became {told_ranges(ranges_of(p))}{', by the metadata of the file' if p.levels else ''}"
        for p in ports if Path(sources[p.name]).suffix.lower() in SUFFIXES
    }


def _host(model: Model, feeds: dict[str, Array]) -> HostShare:
    """The host's share of the time; the model runs again to tell it, where any of its kernels are on the host."""
    if not is_host(model.backend.name) and not coverage(model, feeds).fallback:
        return HostShare(0.0)
    return measure_host_share(model, feeds, time.perf_counter)


def _show(console: Console, data: dict[str, Any], host: HostShare) -> None:
    console.print(f"{data['model']} on {data['backend']} ({data['engine']})")
    if host.text:
        console.print(host.text)
    if data["precision"]:
        console.print(data["precision"]["text"])
    if data["note"]:
        console.print(data["note"])
    columns = ("name", "dtype", "shape", "min", "max", "mean")
    print_table(console, "Inputs", (*columns, "from"), [(*_cells(r), r["source"]) for r in data["inputs"]], left=3)
    rows = [(*_cells(r), r["sha256"][:_DIGEST_SHOWN]) for r in data["outputs"]]
    print_table(console, "Outputs", (*columns, "sha256"), rows, left=3)
    for name, became in data["pictures"].items():
        console.print(f"{name}: {became}", markup=False)
    for row in data["outputs"]:
        if row["top"]:
            best = [(c["label"], str(c["number"]), f"{c['score']:.4g}") for c in row["top"]]
            print_table(console, f"Best classes of {row['name']}", ("label", "class", "score"), best, left=1)
    for row in (*data["inputs"], *data["outputs"]):
        if row["non_finite"]:
            console.print(f"{row['name']}: {row['non_finite']} values are not finite")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    numbers = [NOTHING if row[k] is None else f"{row[k]:.4g}" for k in ("min", "max", "mean")]
    return (row["name"], row["dtype"], shape(row["shape"]), *numbers)


COMMAND = Command(
    "run", "Run a model once and show its outputs: names, shapes and digests.",
    (
        "tfjslab run mobilenet_v2",
        "tfjslab run path/to/model.json --backend wasm-simd --input image.npy --output result.npz",
        "tfjslab run model/ --input left=a.npy --input right=b.bin --json -",
    ),
    _configure, _run,
)
