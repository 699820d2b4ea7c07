"""A new backend is small: one of numpy functions through the kernel core keeps the contract and passes conformance."""

from __future__ import annotations

import ast
import inspect

import numpy as np
import pytest
from support import toy
from support.sessions import compiled
from support.wasm import run_node

from tfjslab.ops import registry
from tfjslab.ops.conformance import cases, problem

_OPS = sorted({c.op.name for c in cases() if all(isinstance(x, np.ndarray) for x in c.inputs)})


@pytest.fixture(name="session", scope="module")
def _session():
    backend = toy.ToyBackend("toy", "numpy")
    yield backend.open_session()
    backend.dispose()


@pytest.mark.parametrize("name", _OPS)
def test_cases_agree_with_the_reference(session, name):
    op = registry.get(name)
    for check in cases({name}):
        for constant in (False, True):
            ran = run_node(session, op, check.inputs, check.attrs, len(check.expected()), constant=constant)
            assert ran is None or problem(check, list(ran[0].values())) == ""


def test_kernels_run_and_take_epilogues_and_others_are_left_to_the_host_with_the_reason(session):
    found = [(c.kernel, c.reason) for c in compiled(session).info.commands]
    assert found == [("BatchMatMul", ""), ("Einsum", "no toy kernel for Einsum"), ("Tanh", "")]


def test_it_takes_less_than_eighty_lines():
    """Of code: blank lines, docstrings and imports are everybody's."""
    tree = ast.parse(inspect.getsource(toy))
    docstrings = {
        line for n in ast.walk(tree) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)
        for line in range(n.lineno, n.end_lineno + 1)
    }
    imports = {n.lineno for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))}
    lines = {i for i, line in enumerate(inspect.getsource(toy).splitlines(), 1) if line.strip()}
    assert len(lines - docstrings - imports) < 80
