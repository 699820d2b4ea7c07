"""Loops, branches and calls: their names, attributes and shape rules. The executor runs them."""

from __future__ import annotations

from tfjslab.base.errors import DTypeError, ShapeError
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Spec, Specs, Tf, control

# Attributes whose value is the name of a function.
FUNCTION_ATTRS = ("cond", "body", "then_branch", "else_branch", "f")


def _unknown(dtype: str) -> Spec:
    return Spec(() if dtype == "variant" else None, dtype)


def _infer_while(ins: Specs, _attrs: Attrs) -> list[Spec]:
    # A loop may change the shapes of its variables but not what they are.
    return [_unknown(s.dtype) for s in ins]


def _infer_outputs(_ins: Specs, attrs: Attrs) -> list[Spec]:
    return [_unknown(d) for d in attrs["Tout"]]


def _count(attrs: Attrs, _inputs: int) -> int:
    return len(attrs.get("Tout", ()))


_OUTPUTS = Attr("Tout", "dtypes", ())

control(
    "While", "*args", infer=_infer_while, doc="Call ``body`` on the loop variables while ``cond`` of them is true.",
    attrs=[Attr("cond", "str"), Attr("body", "str")], count_outputs=lambda _attrs, n: n,
    tf=[Tf("While", "*args"), Tf("StatelessWhile", "*args", write=False)],
)
control(
    "If", "condition *args", infer=_infer_outputs, doc="Call ``then_branch`` or ``else_branch``.",
    attrs=[Attr("then_branch", "str"), Attr("else_branch", "str"), _OUTPUTS], count_outputs=_count,
    tf=[Tf("If", "condition *args"), Tf("StatelessIf", "condition *args", write=False)],
)
control(
    "Call", "*args", infer=_infer_outputs, doc="Call the function ``f``.", attrs=[Attr("f", "str"), _OUTPUTS],
    count_outputs=_count,
    tf=[Tf("PartitionedCall", "*args"), Tf("StatefulPartitionedCall", "*args", write=False)],
)


def _infer_switch(ins: Specs, _attrs: Attrs) -> list[Spec]:
    if ins[1].dtype != "bool" or ins[1].known_shape:
        raise ShapeError(f"Switch: the predicate is {ins[1].dtype} {list(ins[1].known_shape)}; expected a bool scalar")
    return [Spec(ins[0].shape, ins[0].dtype)] * 2


control(
    "Switch", "data pred", infer=_infer_switch, num_outputs=2,
    doc="Pass a value on as output 1 where the predicate is true, else as output 0; the other output is dead.",
    tf=[Tf("Switch", "data pred"), Tf("RefSwitch", "data pred", write=False)],
)


def _infer_merge(ins: Specs, _attrs: Attrs) -> list[Spec]:
    if not ins:
        raise ShapeError("Merge: no inputs; expected at least one")
    if len({s.dtype for s in ins}) > 1:
        raise DTypeError(f"Merge: dtypes {', '.join(s.dtype for s in ins)} differ")
    shapes = {s.shape for s in ins}
    return [Spec(ins[0].shape if len(shapes) == 1 else None, ins[0].dtype), Spec((), "int32")]


control(
    "Merge", "*xs", infer=_infer_merge, num_outputs=2,
    doc="Pass the one value on that is not dead, and say which one that is.",
    tf=[Tf("Merge", "*xs"), Tf("RefMerge", "*xs", write=False)],
)
