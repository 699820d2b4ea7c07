"""``--input``: files that a model is fed, and seeded numbers for what is not given."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tfjslab.base.dtypes import Array
from tfjslab.cli.feeds import sampled, shaped
from tfjslab.cli.models import open_model
from tfjslab.cli.progress import Report
from tfjslab.cli.values import read_inputs
from tfjslab.graph.ir import Port


def add_input(parser: argparse.ArgumentParser) -> None:
    """The --input option."""
    parser.add_argument(
        "--input", metavar="[NAME=]F", action="append", default=[],
        help="a .npy, .npz or .json file, a picture, or a .bin file of raw little-endian values in the model's shape "
             "and dtype; may be repeated; inputs that are not given are seeded random numbers",
    )


def feeds(ports: Sequence[Port], given: Sequence[str], seed: int = 0) -> tuple[dict[str, Array], dict[str, str]]:
    """Arrays by input name, and where each came from."""
    read = read_inputs(given, ports)
    arrays = {name: array for name, (array, _) in read.items()}
    sources = {name: source for name, (_, source) in read.items()}
    arrays.update(sampled([p for p in ports if p.name not in read], seed))
    return arrays, {name: sources.get(name, f"random, seed {seed}") for name in arrays}


def feeds_for(
    model: str, shapes: Sequence[str], given: Sequence[str], report: Report, *, real: bool,
) -> dict[str, Array]:
    """What a model is fed, opened just for that: what is measured later finds its files fetched."""
    with open_model(model, "cpu", None, report, real=real) as opened:
        return feeds(shaped(opened.inputs, shapes), given)[0]
