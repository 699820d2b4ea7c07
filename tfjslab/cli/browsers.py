"""``tfjslab inspect --browsers``: where a model runs, and for whom."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tfjslab.base.errors import UsageError
from tfjslab.decide.matrix import Compatibility, compatibility
from tfjslab.graph.ir import Port
from tfjslab.model.model import Model


def configure(parser: argparse.ArgumentParser) -> None:
    """The options --browsers, --audience and --isolated."""
    parser.add_argument("--browsers", action="store_true",
                        help="show which share of an audience runs the model by which variant, and why some do not")
    parser.add_argument("--audience", metavar="FILE",
                        help="for --browsers: .csv or .json with browser, version and share (default: the whole world)")
    parser.add_argument("--isolated", action="store_true",
                        help="for --browsers: the page is cross-origin isolated, so that it may use threads")


def found(args: argparse.Namespace, model: Model, ports: Sequence[Port]) -> Compatibility | None:
    """What --browsers asks for; None without it. UsageError for options that mean nothing then."""
    if not args.browsers:
        given = "--audience" if args.audience else "--isolated" if args.isolated else ""
        if given:
            raise UsageError(f"{given} is for --browsers; add that")
        return None
    shapes = {p.name: tuple(d or 1 for d in p.shape) for p in ports if p.shape is not None}
    return compatibility(model, args.audience, isolated=args.isolated, shapes=shapes)
