"""What each pass does and refuses, on graphs small enough to see it."""

import numpy as np
import pytest
from support.nets import evaluate

from tfjslab import zoo
from tfjslab.base.errors import GraphError, UsageError
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port
from tfjslab.graph.promote import with_casts
from tfjslab.passes.registry import PASSES, chosen, run_passes
from tfjslab.passes.report import Change, check_claims

RNG = np.random.default_rng(7)
WINDOW = {"strides": [1, 1, 1, 1], "padding": "VALID", "data_format": "NHWC"}


def values(*shape):
    return RNG.uniform(0.5, 1.5, shape).astype(np.float32)


class Image:
    """A graph under construction that reads an image of 3 channels."""

    def __init__(self, batch=None):
        self.b = GraphBuilder()
        self.x = self.b.input("x", (batch, 5, 5, 3))

    def const(self, name, array):
        """A constant."""
        return self.b.constant(name, np.asarray(array))

    def conv(self, name, x, out=4, window=1, **attrs):
        """A convolution without bias."""
        kernel = self.const(f"{name}/w", values(window, window, 3, out))
        return self.b.value(name, "Conv2D", x, kernel, **{**WINDOW, **attrs})

    def norm(self, name, x, channels=4):
        """Batch norm of what has so many channels."""
        parts = [self.const(f"{name}/{i}", values(channels)) for i in range(4)]
        return self.b.value(name, "FusedBatchNormV3", x, *parts, epsilon=1e-3)

    def graph(self, *outs):
        """The graph with these outputs."""
        return self.b.build([Port(o, o, None, "float32") for o in outs], {})


def optimized(graph, *names, target="tfjs"):
    """After the passes (all by default): (ops in order, graph, reports by name)."""
    made, reports = run_passes(graph, chosen(names or None), target)
    feeds = {p.value: RNG.uniform(-1, 1, [d or 2 for d in p.shape]).astype(np.float32) for p in graph.inputs}
    for was, now in zip(evaluate(graph, feeds), evaluate(made, feeds), strict=True):
        np.testing.assert_allclose(now, was, rtol=2e-6, atol=2e-6)
    return [n.op for n in made.nodes], made, {r.name: r for r in reports}


def reasons(reports, name):
    return [r.reason for r in reports[name].refusals]


def test_passes_have_names_and_say_what_they_do():
    assert all(name == p.name and p.doc for name, p in PASSES.items())


def test_unknown_passes_and_targets_are_refused_with_a_suggestion():
    with pytest.raises(UsageError, match=r"pass 'padings' is not one of .*; did you mean 'padding'\?"):
        chosen(skip=["padings"])
    with pytest.raises(UsageError, match="target 'tflite' is not one of tfjs, tfjslab"):
        run_passes(Image().graph("x"), target="tflite")


def test_batch_norm_bias_and_activation_end_up_in_the_convolution():
    i = Image()
    y = i.b.value("relu", "Relu", i.norm("bn", i.conv("conv", i.x)))
    ops, made, reports = optimized(i.graph(y))
    assert ops == ["FusedConv2D"]
    assert made.nodes[0].name == "relu"
    assert made.nodes[0].attrs["fused_ops"] == ("BiasAdd", "Relu")
    assert sorted(made.constants) == ["bn/bias", "bn/weights"]
    assert [c.what for c in reports["batch_norm"].changes] == [
        "bn (FusedBatchNorm) folded into the weights of conv",
    ]


def test_integers_that_are_scaled_stay_cast_before_the_convolution():
    b = GraphBuilder()
    x = b.input("x", (None, 5, 5, 3), "int32")
    one = b.value("one", "Mul", x, b.constant("unit", np.float32(1)))
    scaled = b.value("scaled", "Mul", one, b.constant("scale", np.float32(1 / 255)))
    y = b.value("y", "Conv2D", scaled, b.constant("w", values(1, 1, 3, 4)), **WINDOW)
    graph = with_casts(b.build([Port(y, y, None, "float32")], {}))
    made = run_passes(graph)[0]
    assert [n.op for n in made.nodes] == ["Cast", "Conv2D"]
    pixels = RNG.integers(0, 256, (2, 5, 5, 3)).astype(np.int32)
    (was,), (now,) = (evaluate(g, {"x": pixels}) for g in (graph, made))
    np.testing.assert_allclose(now, was, rtol=2e-6)


def test_a_skipped_pass_does_nothing():
    i = Image()
    graph = i.graph(i.norm("bn", i.conv("conv", i.x)))
    made, reports = run_passes(graph, chosen(skip=["batch_norm"]))
    assert [n.op for n in made.nodes] == ["Conv2D", "FusedBatchNorm"]
    assert "batch_norm" not in {r.name for r in reports}


def test_batch_norm_is_left_where_others_need_the_convolution():
    i = Image()
    c = i.conv("conv", i.x)
    ops, _, reports = optimized(i.graph(i.norm("bn", c), i.b.value("neg", "Neg", c)))
    assert ops == ["Conv2D", "FusedBatchNorm", "Neg"]
    assert reasons(reports, "batch_norm") == ["conv is also read by neg, which needs it without the batch norm"]


def test_batch_norm_behind_something_else_says_what_that_is():
    i = Image()
    pool = i.b.value("pool", "MaxPool", i.x, ksize=[2], strides=[1], padding="VALID")
    between = i.norm("second", i.b.value("relu", "Relu", i.norm("first", pool, 3)), 3)
    _, _, reports = optimized(i.graph(between))
    assert reasons(reports, "batch_norm") == [
        "it reads pool (MaxPool), which is no convolution or product with constant weights",
        "it reads relu (Relu), which is no convolution or product with constant weights",
    ]


def test_batch_norm_before_a_convolution_is_folded_unless_zeros_lie_between():
    i = Image()
    inside = i.conv("conv", i.norm("bn", i.x, 3), window=3)
    assert optimized(i.graph(inside))[0] == ["FusedConv2D"]
    j = Image()
    padded = j.conv("conv", j.norm("bn", j.x, 3), window=3, padding="SAME")
    ops, _, reports = optimized(j.graph(padded))
    assert ops == ["FusedBatchNorm", "Conv2D"]
    assert reasons(reports, "batch_norm_before") == [
        "zeros are padded between the two, which the shift would miss",
    ]


def test_large_weights_that_two_convolutions_share_are_not_stored_twice():
    i = Image()
    kernel = i.const("w", values(1, 1, 3, 2000))
    a, b = (i.b.value(n, "Conv2D", i.x, kernel, **WINDOW, dilations=[1, d, d, 1]) for n, d in (("a", 1), ("b", 2)))
    _, _, reports = optimized(i.graph(i.norm("bn", a, 2000), b))
    assert reasons(reports, "batch_norm")[0] == (
        "its weights (24000 bytes) are also those of b; folding would store them twice"
    )


def test_weights_that_would_not_be_finite_are_not_made():
    i = Image()
    infinite = i.const("infinite", np.float32(np.inf))
    made, _ = run_passes(i.graph(i.b.value("mul", "Mul", i.conv("conv", i.x), infinite)))
    assert [n.op for n in made.nodes] == ["Conv2D", "Multiply"]


def test_padding_moves_into_the_convolution_unless_somebody_else_needs_it():
    i = Image()
    pad = i.b.value("pad", "Pad", i.x, paddings=[[0, 0], [0, 1], [1, 2], [0, 0]])
    c = i.conv("conv", pad)
    _, made, _ = optimized(i.graph(c))
    assert made.nodes[0].attrs["explicit_paddings"] == (0, 0, 0, 1, 1, 2, 0, 0)
    ops, _, reports = optimized(i.graph(c, pad))
    assert ops == ["PadV2", "Conv2D"]
    assert reasons(reports, "padding") == [
        "the padded image is also read by the outputs, so it has to be made anyway",
    ]


def test_padding_with_other_numbers_stays():
    i = Image()
    pad = i.b.node("pad", "PadV2", [i.x], paddings=[[0, 0], [1, 1], [1, 1], [0, 0]], constant_value=1.5).name
    _, _, reports = optimized(i.graph(i.conv("conv", pad)))
    assert reasons(reports, "padding") == ["it pads with 1.5; convolutions pad with 0"]


def test_padding_that_no_convolution_reads_is_told():
    i = Image()
    pad = i.b.value("pad", "Pad", i.x, paddings=[[0, 0], [0, 0], [0, 0], [0, 1]])
    _, _, reports = optimized(i.graph(i.b.value("sum", "AddV2", pad, i.const("c", np.ones(4, np.float32)))))
    assert reasons(reports, "padding") == ["it is read by Add, and only convolutions pad for themselves"]


@pytest.mark.parametrize("order", ["max of min", "min of max"])
def test_both_ways_to_clip_are_relu6(order):
    i = Image()
    zero, six = i.const("zero", np.float32(0)), i.const("six", np.float32(6))
    if order == "max of min":
        y = i.b.value("y", "Maximum", zero, i.b.value("inner", "Minimum", i.x, six))
    else:
        y = i.b.value("y", "Minimum", i.b.value("inner", "Maximum", i.x, zero), six)
    assert optimized(i.graph(y))[0] == ["Relu6"]


@pytest.mark.parametrize("spelling", ["plus negative slopes", "minus slopes", "of min"])
def test_every_way_to_spell_prelu_is_one(spelling):
    i = Image()
    slopes, positive = values(3), i.b.value("positive", "Relu", i.x)
    if spelling == "of min":
        below = i.b.value("below", "Minimum", i.x, i.const("zero", np.float32(0)))
    else:
        below = i.b.value("below", "Relu", i.b.value("neg", "Neg", i.x))
    array = -slopes if spelling == "plus negative slopes" else slopes
    product = i.b.value("product", "Mul", i.const("slopes", array), below)
    y = i.b.value("y", "Sub" if spelling == "minus slopes" else "AddV2", positive, product)
    ops, made, _ = optimized(i.graph(y), "activations", "dead_code")
    assert ops == ["Prelu"]
    np.testing.assert_array_equal(made.constants["y/alpha"], slopes)


def test_a_difference_the_wrong_way_round_is_no_prelu():
    i = Image()
    below = i.b.value("below", "Relu", i.b.value("neg", "Neg", i.x))
    product = i.b.value("product", "Mul", i.const("slopes", values(3)), below)
    y = i.b.value("y", "Sub", product, i.b.value("positive", "Relu", i.x))
    assert "Prelu" not in optimized(i.graph(y))[0]


@pytest.mark.parametrize(("target", "ops"), [("tfjs", ("BiasAdd", "Relu")), ("tfjslab", ("Relu",))])
def test_an_activation_gets_a_bias_of_zeros_where_tfjs_needs_one(target, ops):
    i = Image()
    graph = i.graph(i.b.value("relu", "Relu", i.conv("conv", i.x)))
    assert optimized(graph, target=target)[1].nodes[0].attrs["fused_ops"] == ops


def test_what_tfjs_cannot_fuse_is_told():
    i = Image()
    graph = i.graph(i.b.value("tanh", "Tanh", i.conv("conv", i.x)))
    ops, _, reports = optimized(graph)
    assert ops == ["Conv2D", "Tanh"]
    assert reasons(reports, "epilogues") == ["Tanh cannot be fused for tfjs"]
    assert optimized(graph, target="tfjslab")[0] == ["FusedConv2D"]


def test_leaky_relu_of_a_depthwise_convolution_is_kept_apart_for_tfjs():
    """TensorFlow.js 4.22 does not read its slope there and gives NaN."""
    i = Image()
    y = i.b.value("depthwise", "DepthwiseConv2dNative", i.x, i.const("w", values(2, 2, 3, 1)), **WINDOW)
    graph = i.graph(i.b.value("leaky", "LeakyRelu", y, alpha=0.3))
    ops, _, reports = optimized(graph)
    assert ops == ["DepthwiseConv2dNative", "LeakyRelu"]
    assert reasons(reports, "epilogues") == ["tfjs computes FusedDepthwiseConv2D with LeakyRelu wrongly"]
    assert optimized(graph, target="tfjslab")[0] == ["FusedDepthwiseConv2D"]


def test_hard_swish_and_residual_sums_are_recognised_and_left():
    i = Image()
    c = i.conv("conv", i.x, out=3)
    gate = i.b.value("clip", "ClipByValue", i.b.value("plus", "AddV2", c, i.const("three", np.float32(3))),
                     clip_value_min=0.0, clip_value_max=6.0)
    y = i.b.value("sixth", "RealDiv", i.b.value("gated", "Mul", c, gate), i.const("six", np.float32(6)))
    left = "files have no fused op for it; a backend may run it in the same loop"
    ops, _, reports = optimized(i.graph(y))
    assert ops == ["Conv2D", "Add", "Relu6", "Multiply", "RealDiv"]
    assert reasons(reports, "epilogues") == [f"hard-swish: {left}"]
    j = Image()
    _, _, reports = optimized(j.graph(j.b.value("sum", "AddV2", j.conv("conv", j.x, out=3), j.x)))
    assert reasons(reports, "epilogues") == [f"sum of two results (residual): {left}"]


def test_constants_are_computed_unless_the_model_would_grow():
    i = Image()
    i.const("wide", values(1, 1, 3000))
    i.const("high", values(3000, 1))
    big = i.b.value("big", "AddV2", "wide", "high")
    small = i.b.value("small", "Neg", i.const("c", values(3)))
    y = i.b.value("y", "AddV2", i.x, small)
    ops, made, reports = optimized(i.graph(y, i.b.value("mean", "Mean", big, axis=[0, 1, 2])), "constants")
    assert ops == ["Add", "Add", "Mean"]
    assert "small/folded" in made.constants
    assert "c" not in made.constants
    assert reasons(reports, "constants") == [
        "its result takes 36000000 bytes, the constants that it would replace 24000",
    ]


def test_shapes_are_computed_only_where_they_are_declared():
    for batch, ops in ((2, ["Reshape"]), (None, ["Shape", "Reshape"])):
        i = Image(batch)
        shape = i.b.value("shape", "Shape", i.b.value("twin", "Identity", i.x))
        node = i.b.node("y", "Reshape", [i.x], shape=[-1])
        i.b.nodes[-1] = type(node)("y", "Reshape", node.inputs, {}, {"shape": shape})
        found, _, reports = optimized(i.graph("y"))
        assert found == ops
        assert bool(reasons(reports, "shapes")) == (batch is None)


def test_pairs_that_undo_each_other_go():
    i = Image()
    y = i.b.value("t1", "Transpose", i.b.value("t0", "Transpose", i.x, perm=[0, 3, 1, 2]), perm=[0, 2, 3, 1])
    y = i.b.value("s", "Squeeze", i.b.value("e", "ExpandDims", y, axis=1), squeeze_dims=[1])
    y = i.b.value("r1", "Reshape", i.b.value("r0", "Reshape", y, shape=[-1]), shape=[-1, 25])
    assert optimized(i.graph(y))[0] == ["Reshape"]


def test_a_cast_that_loses_something_stays():
    i = Image()
    y = i.b.value("back", "Cast", i.b.value("whole", "Cast", i.x, DstT="int32"), DstT="float32")
    ops, _, reports = optimized(i.graph(y))
    assert ops == ["Cast", "Cast"]
    assert reasons(reports, "casts") == ["the cast from float32 to int32 may lose something"]


def test_what_is_computed_twice_is_computed_once():
    i = Image()
    twins = [i.b.value(f"n{k}", "AddV2", i.x, i.const(f"c{k}", np.float32([1, 2, 3]))) for k in range(2)]
    ops, made, _ = optimized(i.graph(i.b.value("sum", "Mul", *twins)))
    assert ops == ["Add", "Multiply"]
    assert list(made.constants) == ["c0"]


def test_functions_are_optimized_too_and_named():
    cond, body, outer = GraphBuilder(), GraphBuilder(), GraphBuilder()
    v = cond.input("v", (2,))
    less = cond.value("less", "Less", cond.value("max", "Max", v, axis=[0], keep_dims=False),
                      cond.constant("limit", np.float32(9)))
    w = body.input("v", (2,))
    twice = body.value("twice", "Mul", body.value("same", "Identity", w), body.constant("two", np.float32(2)))
    outer.functions.update({"c": cond.build([Port("go", less, None, "bool")], {}),
                            "b": body.build([Port("next", twice, None, "float32")], {})})
    loop = outer.value("loop", "While", outer.input("x", (2,)), cond="c", body="b")
    made, reports = run_passes(outer.build([Port("y", loop, None, "float32")], {}))
    changes = [c for r in reports for c in r.changes]
    assert [c.removed for c in changes] == [("b: same",)]
    assert len(made.functions["b"].nodes) == 1


def test_a_report_that_claims_too_much_or_too_little_is_an_error():
    before = zoo.build("digits")
    after, _ = run_passes(before, chosen(["batch_norm"]))
    with pytest.raises(GraphError, match="its report and the graph differ in removed 'conv1/Conv2D'"):
        check_claims(before, after, "p", [])
    with pytest.raises(GraphError, match="pass 'p': its report and the graph differ in removed 'digit'"):
        check_claims(before, before, "p", [Change("more", ("digit",), (), ())])


@pytest.mark.parametrize("name", zoo.ENTRIES)
def test_the_graph_that_is_given_stays_as_it_is(name):
    graph = zoo.build(name)
    nodes, constants = graph.nodes, {k: v.copy() for k, v in graph.constants.items()}
    run_passes(graph)
    assert graph.nodes is nodes
    assert all(np.array_equal(v, constants[k]) for k, v in graph.constants.items())
