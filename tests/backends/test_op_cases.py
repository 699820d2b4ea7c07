"""Every case of every op on every backend that generates kernels, with inputs fed and with inputs constant."""

from __future__ import annotations

import itertools
import re
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
from support.available import need
from support.wasm import run_node

from tfjslab.backends.wasm import backend as wasm
from tfjslab.backends.wasm.lower.registry import TABLE as WASM_KERNELS
from tfjslab.backends.webgpu import backend as webgpu
from tfjslab.backends.webgpu.lower.registry import TABLE as GPU_KERNELS
from tfjslab.ops import registry
from tfjslab.ops.conformance import cases, problem
from tfjslab.ops.decompose import unfused

WASM, GPU = ("plain", "simd", "threads"), ("webgpu", "webgl")
_OPS = sorted({c.op.name for c in cases() if all(isinstance(x, np.ndarray) for x in c.inputs)})


def _create(variant):
    """The backend of a variant. Skipped with the reason where there is no adapter."""
    if variant in WASM:
        return wasm.create(variant, 2)
    need(variant)
    return webgpu.create(variant, 1)


@contextmanager
def _opened(variant):
    """A session that leaves nothing behind."""
    backend = _create(variant)
    yield backend.open_session()
    backend.dispose()
    assert set(backend.memory().values()) == {0}


@pytest.fixture(name="device", scope="module", params=[*WASM, *GPU])
def _device(request):
    """The variant and, on an adapter, a session for all tests: every device loads a driver."""
    if request.param in WASM:
        yield request.param, None
    else:
        with _opened(request.param) as session:
            yield request.param, session


@pytest.fixture(name="session")
def _session(device):
    variant, session = device
    with nullcontext(session) if session else _opened(variant) as found:
        yield found


@pytest.mark.parametrize("name", _OPS)
def test_cases_agree_with_the_reference(session, name):
    """Kernels and host steps alike; whether there is a kernel is the business of other tests."""
    op = registry.get(name)
    for check in cases({name}):
        for constant in (False, True):
            ran = run_node(session, op, check.inputs, check.attrs, len(check.expected()), constant=constant)
            assert ran is None or problem(check, list(ran[0].values())) == ""


_ELEMENTWISE = sorted({c.op.name for c in cases() if c.op.expr and {t.dtype for t in c.case.inputs} == {"float32"}})


@pytest.mark.parametrize("name", _ELEMENTWISE)
def test_nan_comes_out_where_the_reference_has_it(session, name):
    """A GPU's own min and max lose it, and so do comparisons that its compiler takes for one of them."""
    check = next(c for c in cases({name}) if {t.dtype for t in c.case.inputs} == {"float32"})
    for place in range(len(check.inputs)):
        inputs = [np.full(5, 0.5, np.float32) for _ in check.inputs]
        inputs[place] = np.array([np.nan, 0.25, np.nan, 0.5, np.nan], np.float32)
        expected = check.op.run(inputs, check.attrs)[0]
        found = next(iter(run_node(session, check.op, inputs, check.attrs, 1, constant=False)[0].values()))
        if expected.dtype == np.float32:
            found, expected = np.isnan(found), np.isnan(expected)
        np.testing.assert_array_equal(found, expected)


_ROWS = WASM_KERNELS.rows.keys(), GPU_KERNELS.rows.keys()
_RECURRENT = ("GRU", "LSTM", "SimpleRNN")
_REWRITTEN = (*_RECURRENT, "AvgPool3D", "Conv1D", "Conv3D", "MaxPool3D")  # they run as other ops
# What one of the tables lacks. An adapter runs some of it as other ops.
_ONLY_ON = {
    WASM: (
        "DynamicQuantizedDense", "LinSpace", "NonMaxSuppressionV4", "NonMaxSuppressionV5", "Range", "TflAdd",
        "TflArgMax", "TflAveragePool2D", "TflConv2D", "TflDepthwiseConv2D", "TflDequantize", "TflFullyConnected",
        "TflHardSwish", "TflLeakyRelu", "TflLogistic", "TflMaxPool2D", "TflMaximum", "TflMean", "TflMinimum", "TflMul",
        "TflQuantize", "TflRequantize", "TflRescale", "TflResizeBilinear", "TflResizeNearestNeighbor", "TflSoftmax",
        "TflSub", "TflSvdf", "TflTanh", "TflTransposeConv",
        "TflUnidirectionalSequenceLstm",
    ),
    (*WASM, *GPU): _REWRITTEN, GPU: ("Einsum",),
}
_LISTED = set(itertools.chain(*_ONLY_ON.values()))
# Losing one of these silently would be a slow surprise: ops that are an expression, those with a row in both tables,
# alone or with something fused to them, and those that can also run in integers.
_HAVE_KERNELS = [
    name for name, op in registry.all_ops().items() if name not in _LISTED
    and (op.expr is not None or all(unfused(name) in rows for rows in _ROWS) or op.facts.quantized)
]


def _fallbacks(session, name):
    """For each case with data the reasons why the host ran it; float32 cases first.

    Weights of int8 and of recurrent layers are constant.
    """
    quantized = all(any(t.dtype in ("int8", "uint8") for t in case.inputs[1:2]) for case in registry.get(name).cases)
    constant = quantized or name in _RECURRENT
    for c in sorted(cases({name}), key=lambda c: any(x.dtype != np.float32 for x in c.inputs)):
        if all(x.size for x in c.inputs):
            ran = run_node(session, registry.get(name), c.inputs, c.attrs, len(c.expected()), constant=constant)
            yield [i.reason for i in ran[1] if i.fallback] if ran else ["not static"]


# What still runs on the host of a WebAssembly backend, by op, and what a reason for it says. No other op has a case
# that does, where weights of int8 are constant.
_ON_THE_HOST = {
    **{name: name for name in ("Conv3DTranspose", "Dilation2D", "ImageProjectiveTransformV3", "SparseReshape")},
    "ClipByValue": "fraction", "Conv3D": "Conv3D",  # bounds of integers that are none; groups
    "Assert": "Assert", "BatchMatMul": "empty|int32", "DetectionPostProcess": "Detection", "Einsum": "Einsum",
    "MaxPool": "int32", "MaxPool3D": "int32",
    "Multinomial": "Multinomial", "QuantizedDepthwiseConv2D": "a multiplier of 2",
    "RandomStandardNormal": "Random", "RandomUniform": "Random", "RandomUniformInt": "Random",
    "ResizeBilinear": "int32", "TruncatedNormal": "Truncated",
    "TflFullyConnected": "empty",
    **{f"Tfl{name}": f"Tfl{name}" for name in (
        "Abs", "BatchMatMul", "Bitcast", "Cast", "Compare", "Div", "Function", "L2Normalization", "LogSoftmax", "Prelu",
        "Prod", "Rsqrt", "ShortLogistic", "ShortSoftmax", "ShortTanh", "Sqrt", "SquaredDifference")},
}


@pytest.mark.parametrize("variant", WASM)
def test_no_other_case_of_any_op_runs_on_the_host(variant):
    """Of those whose shapes are known before they run."""
    found = {}
    with _opened(variant) as session:
        for check in cases(set(_OPS)):
            ran = run_node(session, check.op, check.inputs, check.attrs, len(check.expected()), constant=True)
            found.setdefault(check.op.name, set()).update(i.reason for i in ran[1] if i.fallback) if ran else None
    assert sorted(name for name, reasons in found.items() if reasons) == sorted(_ON_THE_HOST)
    assert all(re.search(_ON_THE_HOST[name], r) for name, reasons in found.items() for r in reasons)


@pytest.mark.parametrize("name", _HAVE_KERNELS)
def test_common_ops_have_a_kernel(session, name):
    """The first float32 case with data, or the first of any kind, runs without the host."""
    assert next(_fallbacks(session, name)) == []


def test_a_row_that_one_table_lacks_is_listed():
    assert set.symmetric_difference(*map(set, _ROWS)) <= _LISTED


@pytest.mark.parametrize(
    ("variant", "name"), [(v, n) for variants, names in _ONLY_ON.items() for v in variants for n in names],
)
def test_some_ops_have_kernels_on_one_kind_of_backend(variant, name):
    with _opened(variant) as session:
        assert [] in list(_fallbacks(session, name))
