"""LiteRT, the runtime that .tflite files are for, where it is installed."""

from __future__ import annotations

import pytest


def answers(data, feeds, *, reference=False):
    """All outputs of a .tflite file's main subgraph, in order, for arrays in the order of its inputs.

    ``reference`` takes the kernels that are written to be read, whose integers are the standard. Skips without LiteRT.
    """
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    kinds = interpreter.OpResolverType
    kernels = kinds.BUILTIN_REF if reference else kinds.AUTO
    model = interpreter.Interpreter(model_content=bytes(data), experimental_op_resolver_type=kernels)
    model.allocate_tensors()
    for told, x in zip(model.get_input_details(), feeds, strict=True):
        model.set_tensor(told["index"], x)
    model.invoke()
    return [model.get_tensor(told["index"]) for told in model.get_output_details()]


def signed(data, feeds):
    """The outputs of the file's only signature by name, for arrays by name."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    return interpreter.Interpreter(model_content=bytes(data)).get_signature_runner()(**feeds)
