"""What a run may take: sizes are told before they are allocated, loops end, and graphs may be long."""

import time

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.base.errors import LimitError, UsageError
from tfjslab.graph.builder import GraphBuilder, Supplied
from tfjslab.graph.ir import Port
from tfjslab.ops.registry import all_ops

BACKENDS = ("cpu", "wasm-simd")
X = np.arange(6, dtype=np.float32).reshape(2, 3) / 8


@pytest.fixture(autouse=True)
def _flags():
    yield
    tf.env().reset()


def model(build, *ports):
    """A graph of what ``build`` adds to ``x``."""
    b = GraphBuilder()
    value = build(b, b.input("x", (2, 3)), *(b.input(name, shape, dtype) for name, shape, dtype in ports))
    return b.build([Port("y", value, None, "")], {})


def limited(num_bytes):
    """Bound what a run may take."""
    tf.env().set("MAX_MEMORY_BYTES", float(num_bytes))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_value_that_is_too_large_is_told_before_it_is_made(backend):
    limited(10_000)
    with (
        tf.Model(model(lambda b, x: b.value("t", "Tile", x, reps=[1000, 1])), backend) as m,
        pytest.raises(LimitError, match=r"'t' \(Tile\) of shape \[2000, 3\] would take 24.0 kB; a run may take 10"),
    ):
        m.execute({"x": X})


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_size_that_only_the_run_tells(backend):
    graph = model(lambda b, x, n: b.value("t", "Tile", x, reps=Supplied(n)), ("n", (2,), "int32"))
    with tf.Model(graph, backend) as m:
        assert m.execute({"x": X, "n": np.int32([2, 1])}).shape == (4, 3)
        limited(10_000)
        with pytest.raises(LimitError, match=r"'t' \(Tile\).* would take 24.0 kB"):
            m.execute({"x": X, "n": np.int32([1000, 1])})


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_that_is_held_at_one_moment_counts(backend):
    def both(b, x):
        parts = [b.value(f"t{i}", "Tile", x, reps=[100, i]) for i in (1, 2)]
        return b.value("y", "Concat", *parts, axis=1)

    limited(13_000)  # the largest value takes 7,200 bytes
    with (
        tf.Model(model(both), backend) as m,
        pytest.raises(LimitError, match=r"what the nodes make and read would take 14\.\d kB"),
    ):
        m.execute({"x": X})


@pytest.mark.parametrize("backend", BACKENDS)
def test_nodes_that_a_backend_fuses_count_as_they_do_where_it_does_not(backend):
    def expression(b, x):
        wide = b.value("wide", "Tile", x, reps=[100, 3])
        return b.value("y", "Mul", b.value("exp", "Exp", wide), b.value("neg", "Neg", wide))

    limited(20_000)  # three values of 7,200 bytes; one kernel for all but the first needs two
    with (
        tf.Model(model(expression), backend) as m,
        pytest.raises(LimitError, match=r"what the nodes make and read would take 21\.\d kB"),
    ):
        m.execute({"x": X})


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("op", "window"), [("Conv2D", 2), ("DepthwiseConv2dNative", 2), ("Conv3D", 3)])
def test_padding_that_a_dilation_asks_for_counts_on_every_backend(backend, op, window):
    b, ones = GraphBuilder(), (1,) * (window + 2)
    weights = b.constant("w", np.ones((2, *ones[1:]), np.float32))
    y = b.value("y", op, b.input("x", ones), weights, padding="SAME", dilations=[1, 100_000, *ones[2:]])
    limited(500_000)
    with (
        tf.Model(b.build([Port("y", y, None, "")], {}), backend) as m,
        pytest.raises(LimitError, match=rf"'y' \({op}\): {op}: the input with its padding would take 800\.0 kB"),
    ):
        m.execute({"x": np.ones(ones, np.float32)})


def test_sample_inputs_are_bounded():
    limited(1e6)
    b = GraphBuilder()
    graph = b.build([Port("y", b.value("y", "Relu", b.input("x", (1000, 1000))), None, "")], {})
    with tf.Model(graph, "cpu") as m, pytest.raises(LimitError, match=r"input 'x' of shape \[1000, 1000\] would take"):
        m.sample()


def endless():
    """A loop whose condition is that a value is not below itself."""
    cond, body, outer = GraphBuilder(), GraphBuilder(), GraphBuilder()
    i, j = cond.input("i", ()), body.input("i", ())
    outer.functions["cond"] = cond.build([Port("go", cond.value("go", "GreaterEqual", i, i), None, "bool")], {})
    outer.functions["body"] = body.build([Port("next", body.value("next", "Neg", j), None, "")], {})
    loop = outer.value("loop", "While", outer.input("x", ()), cond="cond", body="body")
    return outer.build([Port("y", loop, (), "float32")], {})


def test_a_loop_that_never_ends():
    tf.env().set("MAX_LOOP_SECONDS", 0.2)
    with (
        tf.Model(endless(), "cpu") as m,
        pytest.raises(LimitError, match=r"'loop': the loop has run for 0 s; a loop may run for 0.2 s"),
    ):
        m.execute({"x": np.float32(1)})


def heavy(b, x):
    """Products of more than a billion operations each, so that each is a call of its own."""
    x = b.value("wide", "Tile", x, reps=[400, 300])
    for i in range(3):
        x = b.value(f"p{i}", "MatMul", x, b.value(f"t{i}", "Transpose", x, perm=[1, 0]))
    return x


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_ends_between_its_steps(backend):
    tf.env().set("MAX_RUN_SECONDS", 1e-3)
    with (
        tf.Model(model(heavy), backend) as m,
        pytest.raises(LimitError, match=r"before node '.*: the run has taken more than 0.001 s, .* --max-seconds") as e,
    ):
        m.execute({"x": X})
    assert e.value.code == "limit.seconds"


def test_a_loop_ends_with_the_run():
    tf.env().set("MAX_RUN_SECONDS", 0.2)
    with (
        tf.Model(endless(), "wasm-simd") as m,
        pytest.raises(LimitError, match=r"the run has taken more than 0\.2 s"),
    ):
        m.execute({"x": np.float32(1)})


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_within_its_seconds_and_what_follows_it(backend):
    tf.env().set("MAX_RUN_SECONDS", 0.3)
    with tf.Model(model(lambda b, x: b.value("n", "Neg", x)), backend) as m:
        for _ in range(3):
            m.execute({"x": X})
            time.sleep(0.15)  # seconds are of a run, not of the runs together
        tf.env().reset()
        np.testing.assert_array_equal(m.execute({"x": X}), -X)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("known", [True, False])
def test_a_node_that_computes_too_much(backend, known):
    tf.env().set("MAX_NODE_FLOPS", 1e6)
    b = GraphBuilder()
    x, n = b.input("x", (500, 500)), b.input("n", (2,), "int32")
    rows = b.value("t", "Tile", x, reps=[1, 1] if known else Supplied(n))
    graph = b.build([Port("y", b.value("p", "MatMul", rows, x), None, "")], {})
    with (
        tf.Model(graph, backend) as m,
        pytest.raises(LimitError, match=r"'p' \(.*MatMul\) would take 2\d\d.\d MFLOP; a node may take 1.0 MFLOP"),
    ):
        m.execute({"x": np.zeros((500, 500), np.float32), "n": np.int32([1, 1])})


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_limit_is_above_zero(value):
    with pytest.raises(UsageError, match="expected a number above 0"):
        tf.env().set("MAX_MEMORY_BYTES", value)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sum_of_thousands(backend):
    graph = model(lambda b, x: b.value("s", "AddN", *[b.value(f"n{i}", "Neg", x) for i in range(700)], x))
    with tf.Model(graph, backend) as m:
        np.testing.assert_allclose(m.execute({"x": X}), -699 * X, rtol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_chain_of_thousands(backend):
    def chain(b, x):
        for i in range(3000):
            x = b.value(f"n{i}", "Neg" if i % 2 else "Abs", x)
        return x

    with tf.Model(model(chain), backend) as m:
        np.testing.assert_array_equal(m.execute({"x": X}), -X)


@pytest.mark.parametrize("op", [d.name for d in all_ops().values() if d.expr is not None and len(d.inputs) == 1])
def test_a_chain_of_any_op(op):
    """Expressions that are fused are walked recursively, and some ops are long ones."""
    def chain(b, x):
        x = b.value("truth", "Less", x, x) if op == "LogicalNot" else x
        for i in range(60):
            x = b.value(f"n{i}", op, x)
        return x

    with tf.Model(model(chain), "wasm-simd") as m:
        m.execute({"x": X})
