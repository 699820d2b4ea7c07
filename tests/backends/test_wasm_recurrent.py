"""Recurrent layers run as one kernel, and agree with the float64 reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.wasm import run_nodes

from tfjslab.graph.ir import Node
from tfjslab.ops import registry
from tfjslab.ops.cells import ACTIVATIONS
from tfjslab.ops.recurrent import cell_of

_BOUNDED = [a for a in ACTIVATIONS if a in ("tanh", "sigmoid", "hardsigmoid", "softsign", "relu6", "gelu")]


def _run(sessions, name, attrs, sizes, *, states, bias=False, constant=True, masked=False, refused=""):
    batch, steps, units = sizes
    op, rng = registry.get(name), np.random.default_rng(batch + steps + units)
    attrs = op.resolve_attrs(attrs, "test")
    cell = cell_of(name, attrs)
    wide = cell.gates * units
    shapes = {"x": (batch, steps, wide), "recurrent_kernel": (units, wide)}
    shapes |= {"recurrent_bias": (wide,)} if bias else {}
    shapes |= dict.fromkeys(("h", "c")[:cell.states], (batch, units)) if states else {}
    values = {k: rng.uniform(-1, 1, s) / (np.sqrt(units) if "kernel" in k else 1) for k, s in shapes.items()}
    if masked:
        values["mask"] = rng.integers(0, 2, (batch, steps)).astype(float)
    inputs = [n if n in values else "" for n in (word.strip("?") for word in op.inputs)]
    want = op.run([values[v] if v else None for v in inputs], attrs)
    node = Node("out", name, tuple(inputs), attrs, num_outputs=len(want))
    values = {k: v.astype(np.float32) for k, v in values.items()}
    constants = {"recurrent_kernel": values.pop("recurrent_kernel")} if constant else {}
    refused = refused if constant else "recurrent weights that are no constant"
    for session in sessions:
        found, infos = run_nodes(session, [node], values, constants, node.outputs)
        assert [i.reason for i in infos if i.fallback] == (
            [f"no WebAssembly kernel for {refused}"] if refused else []
        )
        for value, w in zip(node.outputs, want, strict=True):
            assert found[value].shape == w.shape
            np.testing.assert_allclose(found[value], w, rtol=0, atol=2e-6 * max(1, np.abs(w).max()))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["SimpleRNN", "LSTM", "GRU"]), batch=st.integers(1, 4), steps=st.integers(1, 6),
    units=st.sampled_from([1, 2, 3, 4, 7, 12, 13, 17, 48, 50]), states=st.booleans(), backwards=st.booleans(),
    activations=st.tuples(st.sampled_from(_BOUNDED), st.sampled_from(_BOUNDED)), after=st.booleans(),
    bias=st.booleans(), masked=st.booleans(),
)
def test_any_sizes_and_activations(
    open_sessions, name, batch, steps, units, states, backwards, activations, after, bias, masked,
):
    attrs = {"go_backwards": backwards, "activation": activations[0]}
    attrs |= {} if name == "SimpleRNN" else {"recurrent_activation": activations[1]}
    attrs |= {"reset_after": after} if name == "GRU" else {}
    has_bias = bias and after and name == "GRU"
    _run(open_sessions, name, attrs, (batch, steps, units), states=states, bias=has_bias, masked=masked)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_a_layer_of_real_size(open_sessions, name):
    _run(open_sessions, name, {}, (3, 30, 128), states=True)


def test_weights_that_are_no_constant_are_the_host_s(open_sessions):
    _run(open_sessions, "LSTM", {}, (2, 3, 5), states=False, constant=False)


def test_an_activation_over_whole_rows_is_the_host_s(open_sessions):
    reason = "an activation that is no function of single elements"
    _run(open_sessions, "LSTM", {"activation": "softmax"}, (2, 3, 5), states=True, refused=reason)
