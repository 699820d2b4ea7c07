"""Inputs that calibrate a quantization: samples from files, and the range of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfjslab.base.errors import InputError, UsageError
from tfjslab.cli.feeds import split_name
from tfjslab.graph.ir import Port
from tfjslab.model.input_files import read_array


def value_range(text: str) -> tuple[float, float]:
    """What ``--range`` says. UsageError unless it is two numbers, the smaller first."""
    low, comma, high = text.partition(",")
    try:
        found = float(low), float(high)
    except ValueError:
        found = 1.0, 0.0
    if not comma or not found[0] < found[1]:
        raise UsageError(f"--range {text}: expected two numbers, the smaller first, such as -1,1")
    return found


def samples(option: str, given: Sequence[str], ports: Sequence[Port]) -> list[dict[str, Any]]:
    """One mapping a sample from files whose arrays have samples along the first axis."""
    arrays: dict[str, list[Any]] = {}
    for text in given:
        port, path = split_name(option, text, ports)
        array = read_array(path)
        rank = None if port.shape is None else len(port.shape)
        # A free first length is the batch: one sample is a batch of one. Otherwise samples are stacked in front.
        single = rank == array.ndim and port.shape is not None and port.shape[0] is not None
        arrays[port.name] = [array] if single else [array[i : i + 1] if rank == array.ndim else a
                                                    for i, a in enumerate(array)]
    counts = {n: len(a) for n, a in arrays.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{n}: {c}" for n, c in counts.items())
        raise InputError(f"{option}: inputs have different numbers of samples ({listed})")
    return [{n: a[i] for n, a in arrays.items()} for i in range(next(iter(counts.values())))]
