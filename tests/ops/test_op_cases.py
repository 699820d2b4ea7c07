"""Every case of every op: numpy in float32 against numpy in float64, answers written by hand, and the shape rules."""

from __future__ import annotations

import numpy as np
import pytest

import tfjslab.ops  # noqa: F401 - registers all ops
from tfjslab.base.dtypes import numpy_dtype
from tfjslab.ops import conformance, registry

OPS = registry.all_ops()
CHECKS = list(conformance.cases())


@pytest.mark.parametrize("name", OPS)
def test_op_is_documented_and_has_cases(name: str) -> None:
    op = OPS[name]
    assert op.doc
    assert op.cases or op.control
    assert sum(f.write for f in op.tf) <= 1


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.name)
def test_reference_agrees_with_float64_with_hand_values_and_with_its_shape_rule(check: conformance.Check) -> None:
    with np.errstate(all="ignore"):
        found = check.op.run(check.inputs, check.attrs)
    assert conformance.problem(check, found) == ""
    if check.case.expect is not None:
        np.testing.assert_allclose(np.ravel(found[0]), np.ravel(check.case.expect), rtol=1e-6, atol=1e-6)
    promised = check.op.infer(check.specs, check.attrs)
    assert len(promised) == len(found)
    for spec, value in zip(promised, found, strict=True):
        if isinstance(value, np.ndarray):
            assert spec.shape in (None, value.shape)
            assert value.dtype == numpy_dtype(spec.dtype)
        else:
            assert spec.dtype == "variant"
    assert check.op.flops(check.specs, promised, check.attrs) >= 0
