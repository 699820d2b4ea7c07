"""``tfjslab serve``: a link for any device, whose browser then measures models."""

from __future__ import annotations

import argparse
import sys

from tfjslab import arguments as options
from tfjslab.browser.jobs.session import LOOPBACK
from tfjslab.cli import devices
from tfjslab.cli.command import Command, Outcome
from tfjslab.cli.feeds import add_shape
from tfjslab.cli.inputs import add_input
from tfjslab.cli.models import add_model
from tfjslab.cli.store import add_store

_LARGEST_PORT = 65535


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser, many=True)
    parser.add_argument("-b", "--backend", metavar="P[,P]", help=f"{devices.PROGRAM_NAMES} (one or more of these)")
    parser.add_argument("--compare", choices=["tfjs"], help="run TensorFlow.js beside each of ours, taking turns")
    devices.add_tfjs(parser)
    devices.add_litert(parser)
    devices.add_repeats(parser)
    add_shape(parser)
    add_input(parser)
    parser.add_argument("--host", metavar="H", default=LOOPBACK,
                        help="0.0.0.0 for every network that this machine is in, which a phone needs (default "
                             f"{LOOPBACK}, this machine alone)")
    parser.add_argument("--port", metavar="N", type=options.positive, default=0, help="default: a free one")
    parser.add_argument("--idle", metavar="S", type=options.seconds, default=600.0,
                        help="seconds to wait for a device (default 600)")
    add_store(parser)


def _run(args: argparse.Namespace) -> Outcome:
    from tfjslab.browser.jobs.link import DeviceLink  # noqa: PLC0415 - the library of QR codes is optional

    with DeviceLink(args.host, min(args.port, _LARGEST_PORT), args.idle) as link:
        # On stderr, since stdout may be the results as JSON.
        sys.stderr.write(f"{link.qr_text()}\nopen this on the device: {link.url}\n")
        return devices.measure(args, link.session, devices.how_to_run(args))


COMMAND = Command(
    "serve", "Measure models in the browser of any device that opens a link.",
    (
        "tfjslab serve blazeface --host 0.0.0.0",
        "tfjslab serve path/to/model.json -b wasm-simd,tfjs-webgl,tfjs-wasm-simd --tfjs path/to/npm",
        "tfjslab serve mobilenet_v2 --compare tfjs --json phone.json",
    ),
    _configure, _run,
)
