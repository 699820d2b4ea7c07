"""``tf.export_web``: a model as a folder that runs in browsers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.base.out_of_memory import tells_memory
from tfjslab.base.progress import Progress, no_progress
from tfjslab.base.shapes import Shape
from tfjslab.export.web.folder import build, folder_files
from tfjslab.export.web.lowered import LoweredVariant, lower
from tfjslab.export.web.module import web_module
from tfjslab.export.web.picture import Picture
from tfjslab.export.web.plan import NeedsHostError, WebProgram, web_program
from tfjslab.export.web.rounding import rounded
from tfjslab.export.web.target import target_folder, write_folder
from tfjslab.export.web.tuning import Tuners, default_tuners
from tfjslab.export.web.variants import Variant, chosen_variants
from tfjslab.export.web.weights import FLOAT16, FLOAT32, WeightFile, check_encoding
from tfjslab.graph.ir import Graph
from tfjslab.model.model import Model
from tfjslab.model.sample import sample_inputs
from tfjslab.passes.registry import run_passes


@dataclass(frozen=True)
class WebExport:
    """What was written: the folder, its files with their bytes, the variants and the tiles that each takes.

    ``weights`` is how they travel, ``shapes`` are those of the inputs by name. ``reference`` is the graph whose answers
    the module gives: the model's own, or with weights rounded where they travel as float16. ``left_out`` says why a
    variant has no kernels for the model.
    """

    folder: Path
    files: Mapping[str, int]
    variants: tuple[str, ...]
    tiles: Mapping[str, Mapping[str, str]]
    weights: str
    shapes: Mapping[str, Shape]
    reference: Graph = field(repr=False)
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        total = sum(self.files.values())
        return f"WebExport({self.folder.name}: {', '.join(self.variants)}; {len(self.files)} files, {total} bytes)"


@tells_memory("exporting a model")
def export_web(
    model: Model, folder: str | os.PathLike[str], *, only: Sequence[str] | None = None, weights: str = FLOAT32,
    optimize: bool = True, image: Picture | Mapping[str, Picture] | None = None,
    shapes: Mapping[str, Shape] | None = None, tuners: Tuners = default_tuners, progress: Progress = no_progress,
) -> WebExport:
    """Write ``model`` to ``folder`` as WebAssembly that needs no runtime.

    Args:
        model: a graph, layers or int8 model whose shapes are static once its inputs' are.
        folder: made anew; one that holds something else than an earlier export is refused.
        only: the variants to write (``plain``, ``simd``, ``relaxed``, ``threads``); all that have kernels without it.
        weights: how float32 weights travel: ``float32``, or ``float16``, which the module widens at load.
        optimize: whether the passes of ``tf.optimize`` run first.
        image: how pictures become the input (or inputs, by name).
        shapes: lengths for inputs that leave some open, by name; 1 without it.
        tuners: who chooses the tiles of a variant's kernels.
        progress: told what is being done.

    States that the model keeps between calls are kept by the module; ``reset()`` of it sets them to what they were at
    first. Raises ModelError that names every node without a WebAssembly kernel, before anything is written.

    """
    chosen, pictures = chosen_variants(only), _pictures(model, image)
    check_encoding(weights)
    target, full_shapes = target_folder(folder), shapes_of(model, shapes or {})
    graph = model.graph
    if optimize and not graph.metadata.get("execution"):
        graph = run_passes(graph, target="tfjslab")[0]
    graph = rounded(graph) if weights == FLOAT16 else graph
    web = web_program(graph, full_shapes, model.name)
    pictures = {name: p for name, p in pictures.items() if p.kernel(_port(web, name), web.quantization.get(name))}
    stored = WeightFile(weights)
    lowered, left_out = _lowered(web, chosen, stored, tuners, progress, may_leave_out=only is None)
    built = [build(v.variant, web_module(web, v, stored, pictures), _kernels(v)) for v in lowered]
    files = folder_files(model.name, web, built, stored.data())
    write_folder(target, files)
    progress("written", len(chosen), len(chosen))
    return WebExport(target, {n: len(d) for n, d in sorted(files.items())}, tuple(b.variant.name for b in built),
                     {v.variant.name: v.tiles for v in lowered}, weights, full_shapes,
                     graph if weights == FLOAT16 else model.graph, left_out)


def _lowered(
    web: WebProgram, chosen: Sequence[Variant], stored: WeightFile, tuners: Tuners, progress: Progress, *,
    may_leave_out: bool,
) -> tuple[list[LoweredVariant], dict[str, str]]:
    """The variants that there are kernels for, and why others are left out, where that is not what was asked for."""
    lowered: list[LoweredVariant] = []
    left_out: dict[str, str] = {}
    for i, variant in enumerate(chosen):
        progress(f"choosing kernels for {variant.name}", i, len(chosen))
        try:
            found = lower(web, variant, stored, tuners(variant))
        except NeedsHostError as e:
            if not may_leave_out or (variant is chosen[-1] and not lowered):
                raise
            left_out[variant.name] = "; ".join(e.reasons)
            continue
        if not variant.threaded or found.threads > 1 or len(chosen) == 1:
            lowered.append(found)
    return lowered, left_out


def _kernels(found: LoweredVariant) -> list[tuple[str, str]]:
    return [(r.kernel_name, r.group.nodes[-1].name) for r in found.builder.records]


def _pictures(model: Model, image: Picture | Mapping[str, Picture] | None) -> dict[str, Picture]:
    if image is None:
        return {}
    if isinstance(image, Picture):
        if len(model.inputs) != 1:
            raise UsageError(f"image: the model has {len(model.inputs)} inputs; say which by name")
        return {model.inputs[0].name: image}
    return dict(image)


def _port(web: WebProgram, name: str) -> Any:
    found = next((p for p in web.inputs if p.name == name), None)
    if found is None:
        raise UsageError(f"image: '{name}' is no input; known: {', '.join(p.name for p in web.inputs)}")
    return found


def shapes_of(model: Model, given: Mapping[str, Shape]) -> dict[str, Shape]:
    """Every input's shape, with 1 for lengths that are open and not given."""
    known = [p.name for p in model.inputs]
    for name in given:
        if name not in known:
            raise UsageError(f"shapes: '{name}' is no input; known: {', '.join(known)}")
    ports = [replace(p, shape=tuple(given[p.name])) if p.name in given else p for p in model.inputs]
    return {name: array.shape for name, array in sample_inputs(ports).items()}
