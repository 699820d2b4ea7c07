"""Exported folders in Node, for tests."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from tfjslab.base.dtypes import of_value
from tfjslab.base.errors import BackendUnavailableError
from tfjslab.browser.node import find_node
from tfjslab.export.web.export import export_web
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port
from tfjslab.model.model import Model

SCRIPTS = Path(__file__).parents[1] / "export"
TIMEOUT_S = 120
TYPES = {"float32": np.float32, "int32": np.int32, "bool": np.bool_, "int8": np.int8,
         "uint8": np.uint8, "int16": np.int16}


def node():
    """Node; where there is none the test is skipped with the reason."""
    try:
        return find_node()
    except BackendUnavailableError as e:
        pytest.skip(str(e))


def run_script(name, *arguments, stdin="", relaxed=True):
    """What a script of tests/export prints as JSON."""
    found = node()
    flags = found.relaxed_simd_flags if relaxed else ()
    return json.loads(found.run(SCRIPTS / name, *map(str, arguments), stdin=stdin, flags=flags, timeout_s=TIMEOUT_S))


def answers(folder, feeds, *, relaxed=True, **options):
    """Outputs by variant and name, flat, of each variant that this Node can run."""
    given = {name: {"dtype": of_value(a), "data": base64.b64encode(a.tobytes()).decode()} for name, a in feeds.items()}
    found = run_script("answers.mjs", folder, stdin=json.dumps({"feeds": given, **options}), relaxed=relaxed)
    return {v: {n: np.frombuffer(base64.b64decode(a["data"]), TYPES[a["dtype"]]) for n, a in outputs.items()}
            for v, outputs in found.items()}


def small_graph(size=8, channels=3):
    """A convolution with bias and activation, a mean and a product with weights: kernels of several kinds."""
    rng = np.random.default_rng(5)
    b = GraphBuilder()

    def weights(*shape):
        return b.constant(b.unique("w"), rng.uniform(-1, 1, shape).astype(np.float32))

    x = b.input("x", (None, size, size, channels))
    attrs = {"strides": [1, 1, 1, 1], "padding": "SAME", "data_format": "NHWC"}
    y = b.value("conv", "Conv2D", x, weights(3, 3, channels, 8), **attrs)
    y = b.value("relu", "Relu6", b.value("bias", "AddV2", y, weights(8)))
    y = b.value("mean", "Mean", y, axis=[1, 2], keep_dims=False)
    y = b.value("dense", "MatMul", y, weights(8, 4))
    return b.build([Port("y", b.value("soft", "Softmax", y), None, "float32")], {})


def exported(folder, graph=None, **options):
    """The folder that a graph's export makes, and what ``export_web`` gave."""
    with Model(graph or small_graph(), "cpu", name="small") as model:
        made = export_web(model, folder, **options)
    return folder, made
