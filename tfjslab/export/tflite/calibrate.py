"""Ranges of the tensors of a .tflite file of floats, seen by running the file itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from tfjslab.base.errors import InputError
from tfjslab.base.files import scratch_folder
from tfjslab.base.progress import Progress
from tfjslab.export.tflite.scales import STEPS
from tfjslab.formats.tflite.file import TfliteFile
from tfjslab.formats.tflite.serialize import serialize
from tfjslab.model.load import load_model
from tfjslab.model.model import Model
from tfjslab.quantization.calibrate import Observed
from tfjslab.quantization.scheme import Scale
from tfjslab.quantizer.damage import Batches, renamed, run


@contextmanager
def running(file: TfliteFile, model: Model) -> Iterator[Model]:
    """The file as a model, on the backend of another one."""
    with scratch_folder() as scratch:
        path = scratch / "model.tflite"
        path.write_bytes(serialize(file))
        with load_model(path, *model.chosen) as loaded:
            yield loaded


def scales_seen(file: TfliteFile, model: Model, batches: Batches, method: str, progress: Progress) -> dict[int, Scale]:
    """The encoding of each computed float tensor of the main subgraph, by its index.

    ``batches`` have arrays in the shapes of the file's inputs, by the names of ``model``'s. InputError names a tensor
    that is NaN or infinite.
    """
    main = file.subgraphs[0]
    seen = {t.index: Observed() for t in main.tensors if t.data is None and t.type.name == "float32"}
    with running(file, model) as plain:
        values: Mapping[int, str] = plain.graph.metadata["tensors"]
        fed = {port.value for port in plain.inputs}
        made = list(dict.fromkeys(values[i] for i in seen if values[i] not in fed))
        for n, batch in enumerate(batches):
            progress("calibrating", n, len(batches))
            given = renamed(batch, plain)
            found = {**given, **run(plain, given, made)}
            for i, observed in seen.items():
                if not np.isfinite(found[values[i]]).all():
                    raise InputError(f"'{main.tensors[i].name}' gives NaN or infinite values on the calibration data",
                                     code="calibration.nan")
                observed.add(found[values[i]])
    return {i: o.scale(method, STEPS) for i, o in seen.items()}
