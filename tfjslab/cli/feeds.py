"""What a model is fed: files for ``run``, seeded numbers otherwise, in shapes that ``--shape`` may settle."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import replace

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError, did_you_mean, each_with_nearest
from tfjslab.base.shapes import Shape
from tfjslab.graph.ir import Port
from tfjslab.model.inputs import find_port, settled_shape
from tfjslab.model.model import Model
from tfjslab.model.sample import sample_inputs


class OpenLengthWarning(UserWarning):
    """A length that the model leaves open was taken as 1, which may not be what anybody would feed it."""


def add_shape(parser: argparse.ArgumentParser) -> None:
    """The --shape option."""
    parser.add_argument(
        "--shape", metavar="[NAME=]N,N,..", action="append", default=[],
        help="the shape of an input, for models that leave lengths open (default: 1 for each); may be repeated",
    )


def split_name(option: str, text: str, ports: Sequence[Port]) -> tuple[Port, str]:
    """Which input ``NAME=REST`` or, for models with one input, ``REST`` is about. UsageError names the inputs."""
    by_name = {p.name: p for p in ports}
    name, equals, rest = text.partition("=")
    if equals and (found_port := find_port(ports, name)):
        return found_port, rest
    if len(ports) == 1 and not equals:
        return ports[0], text
    found = f"the model has no input '{name}'" if equals else f"the model has {len(ports)} inputs; write NAME={text}"
    hint = did_you_mean(name, by_name) if equals else ""
    raise UsageError(f"{option} {text}: {found}; inputs: {', '.join(by_name)}{hint}")


def split_names(option: str, given: Sequence[str], ports: Sequence[Port]) -> list[tuple[Port, str]]:
    """``split_name`` for each argument of an option; UsageError tells all names that are no inputs at once."""
    known = [p.name for p in ports]
    unknown = [name for name, equals, _ in (text.partition("=") for text in given) if equals and name not in known]
    if len(unknown) > 1:
        raise UsageError(f"{option}: these are no inputs of the model: {each_with_nearest(unknown, known)}; "
                         f"inputs: {', '.join(known)}")
    return [split_name(option, text, ports) for text in given]


def shaped(ports: Sequence[Port], given: Sequence[str]) -> tuple[Port, ...]:
    """The ports with the shapes of ``--shape`` arguments. UsageError for a shape that does not fit the model."""
    shapes: dict[str, Shape] = {}
    for port, dims in split_names("--shape", given, ports):
        shapes[port.name] = settled_shape(port, dims, f"--shape {dims}")
    return tuple(replace(p, shape=shapes.get(p.name, p.shape)) for p in ports)


def settled(model: Model, given: Sequence[str]) -> Model:
    """The model with the inputs' shapes of ``--shape`` arguments; the same object where there are none.

    Everything that looks at its inputs (batches, samples, checks of data) then goes by these shapes.
    """
    return model.with_graph(model.graph.with_inputs(shaped(model.inputs, given))) if given else model


def sampled(ports: Sequence[Port], seed: int = 0) -> dict[str, Array]:
    """Seeded values for ``ports``; a warning says so when more than the batch was left open."""
    for port in ports:
        if port.shape is not None and None in port.shape[1:]:
            dims = ",".join("?" if d is None else str(d) for d in port.shape)
            message = f"input '{port.name}' is {dims}; open lengths are taken as 1, --shape sets them"
            warnings.warn(message, OpenLengthWarning, stacklevel=2)
    return sample_inputs(ports, seed=seed)
