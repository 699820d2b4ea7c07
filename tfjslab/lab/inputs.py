"""What the inputs of a model are fed in a run: values from a seed or a file, in shapes that settle open lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import TfjslabError, UsageError
from tfjslab.base.shapes import Shape
from tfjslab.graph.ir import Port
from tfjslab.model.input_files import read_input
from tfjslab.model.inputs import check_array, settled_shape
from tfjslab.model.model import Model
from tfjslab.model.sample import sample_inputs

WHERE = "the tab Inputs sets what it is fed"


@dataclass(frozen=True)
class InputChoice:
    """What one input is fed: ``file``, or values from ``seed`` without one.

    ``shape`` has all its lengths; without it those that the model leaves open are the batch.
    """

    name: str
    shape: Shape | None = None
    seed: int = 0
    file: str = ""


def is_open(port: Port) -> bool:
    """Whether the model leaves any of an input's lengths open."""
    return port.shape is None or any(d is None or d < 0 for d in port.shape)


def untouched(ports: Sequence[Port]) -> tuple[InputChoice, ...]:
    """The choices that nobody made: other values for each input, in the model's own shapes."""
    return tuple(InputChoice(p.name, seed=i) for i, p in enumerate(ports))


def lengths_hint(error: str, ports: Sequence[Port]) -> str:
    """What to add to an error about shapes, where lengths that the model leaves open may be why; else nothing."""
    names = [p.name for p in ports if p.shape is None or any(d is None or d < 0 for d in p.shape[1:])]
    if not names or error.endswith(WHERE):
        return ""
    return f"; the model leaves lengths of {', '.join(names)} open, which the tab Inputs sets"


def read_choice(port: Port, shape: str, seed: int, file: str) -> InputChoice:
    """The choice that fields of a form say. UsageError for a shape that the input cannot have."""
    text = shape.strip().strip("[]")
    settled = settled_shape(port, text, f"shape {text} for {port.name}") if text else None
    return InputChoice(port.name, settled, seed, file.strip())


def settled(ports: Sequence[Port], choices: Sequence[InputChoice]) -> tuple[Port, ...]:
    """The ports with the shapes that were chosen."""
    shapes = {c.name: c.shape for c in choices if c.shape is not None}
    return tuple(replace(p, shape=shapes.get(p.name, p.shape)) for p in ports)


def feeds_for(model: Model, batch: int, choices: Sequence[InputChoice] = ()) -> dict[str, Array]:
    """Arrays by input name: as chosen, seeded values for all other inputs.

    UsageError for a ``batch`` where all lengths of the model are fixed, or for a choice of an input that the model does
    not have; InputError, ShapeError or DTypeError for a file or a shape that cannot be the input.
    """
    if batch != 1 and not any(is_open(p) for p in model.inputs if p.shape is not None):
        raise UsageError(f"batch is {batch}, but all lengths of {model.name}'s inputs are fixed; expected 1")
    made = {c.name: c for c in (*untouched(model.inputs), *choices)}
    unknown = sorted(set(made) - {p.name for p in model.inputs})
    if unknown:
        known = ", ".join(p.name for p in model.inputs)
        raise UsageError(f"{model.name} has no input '{unknown[0]}'; inputs: {known}")
    return {p.name: _array(p, batch, made[p.name]) for p in settled(model.inputs, choices)}


def _array(port: Port, batch: int, choice: InputChoice) -> Array:
    try:
        if not choice.file:
            return sample_inputs([port], batch, choice.seed)[port.name]
        return check_array(port, read_input(Path(choice.file).expanduser(), port))
    except TfjslabError as e:
        named = str(e) if str(e).startswith(choice.file) else f"{choice.file}: {e}"
        raise type(e)(f"{named}; {WHERE}", code=e.code) from None
