"""Each fact of an op is compared with its rule and its reference, on every case and on other dtypes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tfjslab.base.errors import TfjslabError
from tfjslab.ops import registry
from tfjslab.ops.conformance import Check, cases
from tfjslab.ops.decompose import unfused
from tfjslab.ops.facts import NO_FACTS, Like
from tfjslab.ops.registry import OpDef, Spec
from tfjslab.quantization.forms import FORMS

_DTYPES = ("float32", "int32", "bool", "int8")
TOLD = [op for op in registry.all_ops().values() if op.facts != NO_FACTS]
told = pytest.mark.parametrize("op", TOLD, ids=lambda op: op.name)


def _all_specs(op: OpDef) -> list[tuple[Check, list[Spec]]]:
    """The inputs of every case, also with other dtypes where they all have one."""
    found = []
    for check in cases({op.name}):
        found.append((check, check.specs))
        if len({s.dtype for s in check.specs}) == 1:
            found += [(check, [replace(s, dtype=dtype) for s in check.specs]) for dtype in _DTYPES]
    return found


def _inferred(op: OpDef) -> list[tuple[list[Spec], Spec]]:
    """The inputs that the op's rule does not refuse, and its first output."""
    found = []
    for check, specs in _all_specs(op):
        try:
            found.append((specs, op.infer(specs, check.attrs)[0]))
        except TfjslabError:
            assert specs is not check.specs  # it is another dtype that is refused
    return found


@told
def test_dtype_and_rank_agree_with_the_rule(op: OpDef) -> None:
    dtype, rank = op.facts.dtype, op.facts.rank
    for specs, out in _inferred(op):
        if dtype is not None:
            assert out.dtype == (specs[dtype.index].dtype if isinstance(dtype, Like) else dtype)
        if rank is not None and out.shape is not None:
            assert len(out.shape) == (len(specs[rank.index].known_shape) if isinstance(rank, Like) else rank)


@told
def test_what_is_passed_on_or_shares_bytes_is_the_input(op: OpDef) -> None:
    for check in cases({op.name}):
        outs = op.run(check.inputs, check.attrs)
        if op.facts.passes_on:
            for out, given in zip(outs, check.inputs, strict=False):
                np.testing.assert_array_equal(out, given)
        if op.facts.shares_bytes:
            (given,), (out,) = check.inputs, outs
            assert out.dtype == given.dtype
            assert out.tolist() == given.reshape(out.shape).tolist() if given.dtype.hasobject else (
                out.tobytes() == given.tobytes())


def test_ops_that_compute_nothing_are_told() -> None:
    assert registry.having(lambda facts: facts.shares_bytes) == ("ExpandDims", "Identity", "Reshape", "Squeeze")
    assert registry.having(lambda facts: facts.passes_on) == (
        "FakeQuantWithMinMaxVars", "Identity", "IdentityN", "Print")


@pytest.mark.parametrize("name", registry.having(lambda facts: facts.core))
def test_a_fused_op_is_its_core_when_nothing_is_fused(name: str) -> None:
    """It has the core's inputs first, its attributes and its result."""
    op, core = registry.get(name), registry.get(unfused(name))
    assert op.inputs[: len(core.inputs)] == core.inputs
    assert set(core.attrs) < set(op.attrs)
    assert unfused(core.name) == core.name
    for check in cases({core.name}):
        if all(x.dtype == np.float32 for x in check.inputs):
            attrs = op.resolve_attrs(check.attrs, "test")
            np.testing.assert_array_equal(op.run(check.inputs, attrs)[0], core.run(check.inputs, check.attrs)[0])


def test_every_form_in_integers_has_an_op_and_every_op_a_form() -> None:
    assert {op.facts.quantized for op in TOLD} - {""} == set(FORMS)
