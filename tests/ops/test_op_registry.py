"""The registry itself: spellings, attributes, unknown names, and what readers rely on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import tfjslab.ops  # noqa: F401 - registers all ops
from tfjslab.base.errors import UnknownOpError, UsageError
from tfjslab.ops import conformance, registry
from tfjslab.ops.activations import ACTIVATIONS, STEPS, epilogue
from tfjslab.ops.attrs import REQUIRED, Attr
from tfjslab.ops.expr import Expr, evaluate, num_inputs
from tfjslab.ops.registry import Case, OpDef, Spec, T, Tf, no_flops, register, same_shape

OPS = registry.all_ops()
MODELS = Path(__file__).parents[2].parent / "shared" / "models"
# What the reader itself turns into constants, inputs and loops.
STRUCTURE = {"Const", "Placeholder", "Enter", "Exit", "LoopCond", "NextIteration"}


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_spellings_name_the_ops_own_inputs_and_attributes(op: OpDef) -> None:
    inputs = {n.rstrip("?") for n in op.inputs}
    attrs = {a.name for a in op.attrs}
    for form in op.tf:
        tokens = form.args.split()
        assert {t for t in tokens if not t.startswith("@")} <= inputs
        supplied = {t.strip("@?") for t in tokens if t.startswith("@")}
        assert supplied | set(form.rename) | set(form.fixed) | set(form.also) <= attrs
        assert {n for n in op.inputs if not n.endswith("?")} <= set(tokens), "every required input has its place"
        assert not set(form.only) & attrs


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_resolved_attributes_resolve_to_themselves(op: OpDef) -> None:
    for case in op.cases:
        resolved = op.resolve_attrs(case.attrs, "here")
        assert op.resolve_attrs(resolved, "here") == resolved


@pytest.mark.parametrize("op", [o for o in OPS.values() if not o.control], ids=lambda o: o.name)
def test_number_of_outputs_follows_from_attributes_and_inputs(op: OpDef) -> None:
    for check in conformance.cases({op.name}):
        with np.errstate(all="ignore"):
            outs = op.run(check.inputs, check.attrs)
        if check.attrs.get("num", 0) is not None:
            assert op.outputs_of(check.attrs, len(check.inputs)) == len(outs)


def test_every_op_has_its_own_eager_name() -> None:
    names = [o.api for o in OPS.values() if o.api]
    assert len(names) == len(set(names))


@pytest.mark.skipif(not MODELS.exists(), reason="needs the development models beside the repository")
def test_no_op_of_the_development_models_is_missing() -> None:
    used = set()
    for file in MODELS.glob("*/model.json"):
        topology = json.loads(file.read_text())["modelTopology"]
        functions = topology.get("library", {}).get("function", [])
        for nodes in (topology.get("node", []), *(f.get("nodeDef", []) for f in functions)):
            used |= {n["op"] for n in nodes}
    registry.require_known_tf(used - STRUCTURE, "models")


def test_unknown_ops_are_listed_all_at_once_with_counts() -> None:
    with pytest.raises(UnknownOpError) as e:
        registry.require_known_tf(["Conv2d", "Relu", "Quux", "Conv2d"], "model.json")
    assert str(e.value) == "model.json: 2 unknown op(s): Conv2d (2x; did you mean 'Conv2D'?), Quux (1x)"
    with pytest.raises(UnknownOpError, match=r"^op 'Rellu' is not in the registry; did you mean 'Relu'\?$"):
        registry.get("Rellu")


def test_an_op_or_spelling_cannot_be_defined_twice() -> None:
    def make(name: str, tf: str) -> OpDef:
        forms = (Tf(tf, "x"),)
        return OpDef(name, ("x",), (), same_shape, lambda x: x, no_flops, forms, None, (Case((T(()),)),), "doc")

    with pytest.raises(UsageError, match=r"^op Relu is defined twice$"):
        register(make("Relu", "Unheard"))


@pytest.mark.parametrize(("attr", "value", "text"), [
    (Attr("k", "int"), 1.5, "attribute 'k' is 1.5; expected an integer"),
    (Attr("k", "int"), True, "attribute 'k' is True; expected an integer"),
    (Attr("k", "float"), "x", "attribute 'k' is 'x'; expected a number"),
    (Attr("k", "bool"), 1, "attribute 'k' is 1; expected true or false"),
    (Attr("k", "ints"), [1, 2.5], "attribute 'k' is [1, 2.5]; expected a list of integers"),
    (Attr("k", "pairs"), [1, 2, 3], "attribute 'k' is [1, 2, 3]; expected a list of pairs of integers"),
    (Attr("k", "bools"), [1], "attribute 'k' is [1]; expected a list of true and false"),
    (Attr("k", "dims"), "abc", "attribute 'k' is 'abc'; expected a shape, with -1 for what is not known"),
    (Attr("k", "dtype"), "float",
     "attribute 'k' is 'float'; expected one of float32, int32, bool, complex64, string, variant"),
    (Attr("k", "word", choices=("SAME", "VALID")), "smae",
     "attribute 'k' is 'SMAE'; expected one of SAME, VALID; did you mean 'SAME'?"),
])
def test_wrong_attributes_are_told_with_what_was_expected(attr: Attr, value: object, text: str) -> None:
    with pytest.raises(UsageError) as e:
        attr.resolve({"k": value}, "node 'n'")
    assert str(e.value) == f"node 'n': {text}"


@pytest.mark.parametrize(("kind", "value", "canonical"), [
    ("int", np.float32(3), 3), ("float", np.int32(2), 2.0), ("bool", np.True_, True), ("ints", 7, (7,)),
    ("ints", np.array([[1, 2]]), (1, 2)), ("ints", [], ()), ("pairs", [[1, 2], [3, 4]], ((1, 2), (3, 4))),
    ("pairs", np.zeros((0, 2), np.int32), ()), ("dims", None, (-1,)), ("dims", (None, 3), (-1, 3)), ("dims", -1, (-1,)),
    ("dims", [], ()), ("strs", "Relu", ("Relu",)), ("word", "same", "SAME"), ("dtypes", ["bool"], ("bool",)),
])
def test_attributes_become_canonical(kind: str, value: object, canonical: object) -> None:
    found = Attr("k", kind).resolve({"k": value}, "here")
    assert found == canonical
    assert type(found) is type(canonical)


def test_missing_and_unknown_attributes_are_errors() -> None:
    op = OPS["MaxPool"]
    with pytest.raises(UsageError, match=r"^node 'p': MaxPool: attribute 'ksize' is missing$"):
        op.resolve_attrs({}, "node 'p'")
    with pytest.raises(UsageError, match=r"^node 'p': MaxPool has no attribute 'stride'; did you mean 'strides'\?$"):
        op.resolve_attrs({"ksize": 2, "stride": 2}, "node 'p'")
    assert repr(REQUIRED) == "REQUIRED"


def test_shape_arithmetic_knows_its_values() -> None:
    spec = [Spec((2, 0, 5), "float32")]
    for name, expected in {"Shape": [2, 0, 5], "Size": 0, "Rank": 3}.items():
        out = OPS[name].infer(spec, {})[0]
        np.testing.assert_array_equal(out.value, expected)
        assert out.value.dtype == np.int32
        assert out.shape == np.shape(expected)


# ---- activations -----------------------------------------------------------------------------------------------------


def test_every_activation_has_a_tensorflow_and_a_tfjs_name() -> None:
    for name, expression in ACTIVATIONS.items():
        assert ACTIVATIONS[name.lower()] is expression
        assert name in STEPS


def test_an_epilogue_chains_the_steps_and_numbers_their_inputs() -> None:
    chain = epilogue(["BiasAdd", "Prelu"])
    assert chain.num_args == num_inputs(chain.expr) - 1 == 2
    x, bias, alpha = np.array([[-1.0, 3.0]]), np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    np.testing.assert_array_equal(chain.run(x, [bias, alpha], {}), [[-1.0, 4.0]])
    norm = epilogue(["FusedBatchNorm", "LeakyRelu"])
    assert norm.num_args == 4
    args = [np.array([v]) for v in (2.0, 1.0, 1.0, 3.0)]
    found = norm.run(np.array([3.0]), args, {"epsilon": 1, "leakyrelu_alpha": 0})
    np.testing.assert_array_equal(found, [3.0])
    assert epilogue([]).expr is Expr("in", leaf=0)


def test_an_unknown_fused_op_is_told() -> None:
    with pytest.raises(UsageError, match=r"^fused op 'Rellu' is not one of .*; did you mean 'Relu'\?$"):
        epilogue(["BiasAdd", "Rellu"])


def test_activations_agree_with_the_ops_of_the_same_name() -> None:
    x = np.linspace(-3, 3, 25)
    for name in ("Relu", "Relu6", "Elu", "Selu", "Sigmoid", "Tanh", "Softplus"):
        np.testing.assert_array_equal(OPS[name].run([x], {})[0], evaluate(ACTIVATIONS[name], [x], {}))


# ---- conformance -----------------------------------------------------------------------------------------------------


def test_conformance_cases_are_the_same_every_time_and_can_be_chosen() -> None:
    first, second = (list(conformance.cases({"Add", "Conv2D"})) for _ in range(2))
    assert {c.op.name for c in first} == {"Add", "Conv2D"}
    for a, b in zip(first, second, strict=True):
        assert a.name == b.name
        for x, y in zip(a.inputs, b.inputs, strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(("spoil", "text"), [
    (lambda _: [], "0 outputs; expected 1"),
    (lambda y: [y.T], "output 0: shape [5, 3, 2]; expected [2, 3, 5]"),
    (lambda y: [y.astype(np.int32)], "output 0: dtype int32; expected float"),
    (lambda y: [y + 1e-3], "output 0: error 0.001 above the allowed "),
    (lambda y: [np.where(y == y.max(), np.nan, y)], "output 0: "),
])
def test_conformance_says_what_is_wrong(spoil: object, text: str) -> None:
    check = next(c for c in conformance.cases({"Tanh"}) if c.inputs[0].shape == (2, 3, 5))
    right = check.op.run(check.inputs, check.attrs)[0]
    assert conformance.problem(check, [right]) == ""
    assert conformance.problem(check, spoil(right)).startswith(f"{check.name}: {text}")
