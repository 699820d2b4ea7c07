"""Inputs that calibrate a quantization: samples from files, and the range of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError, UsageError
from tfjslab.base.progress import Progress, no_progress
from tfjslab.cli.feeds import split_names
from tfjslab.graph.ir import Port
from tfjslab.model.input_files import read_array, read_input, suffixes
from tfjslab.model.inputs import check_array


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
    """One mapping a run from files whose arrays have samples along the first axis."""
    arrays: dict[str, list[Any]] = {}
    for port, path in split_names(option, given, ports):
        arrays[port.name] = _cut(read_array(path), port)
    counts = {n: len(a) for n, a in arrays.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{n}: {c}" for n, c in counts.items())
        raise InputError(f"{option}: inputs have different numbers of samples ({listed})")
    return [{n: a[i] for n, a in arrays.items()} for i in range(next(iter(counts.values())))]


def folder_samples(
    folder: Path, ports: Sequence[Port], pixels: tuple[float, float] | None, progress: Progress = no_progress,
) -> list[dict[str, Any]]:
    """One mapping a run from the files of a folder, in the order of their names.

    ``pixels`` is what 0 to 255 become as floats; None leaves it to the model. Raises UsageError for models with several
    inputs, InputError for a folder that holds no inputs.
    """
    if len(ports) != 1:
        raise UsageError(f"--data {folder}: the model has {len(ports)} inputs; use --calibration NAME=F.npy for each")
    (port,) = ports
    if not folder.is_dir():
        raise InputError(f"--data {folder}: no such folder")
    files = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in suffixes()]
    if not files:
        raise InputError(f"--data {folder}: no file in it ends in {', '.join(suffixes())}")
    if pixels is not None and port.dtype == "float32":
        port = replace(port, levels=(pixels,))
    found = []
    for n, path in enumerate(files):
        progress("reading inputs", n, len(files))
        found.append({port.name: check_array(port, read_input(path, port))})
    progress("reading inputs", len(files), len(files))
    return found


def _cut(array: Array, port: Port) -> list[Array]:
    """The array in runs: as long as the model's batch, of one sample where that is open. Or one run an element."""
    if port.shape is None or len(port.shape) != array.ndim or not array.ndim:
        return list(array)
    size = port.shape[0] or 1
    return [array[i : i + size] for i in range(0, max(len(array), 1), size)]
