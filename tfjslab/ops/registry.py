"""Where an op is defined, once.

An ``OpDef`` carries the attributes, the shape and dtype rule, the numpy reference (which is also the ``cpu``
backend), the cost model, the names TensorFlow files use for it, the eager function name and the test cases.
Backends, readers, writers, docs, the eager API and the test suite all read it from here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from tfjslab.base.dtypes import Array, element_type
from tfjslab.base.errors import UnknownOpError, UsageError, did_you_mean
from tfjslab.base.shapes import Shape, size_of
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.facts import FIRST, NO_FACTS, Facts

if TYPE_CHECKING:
    from tfjslab.ops.expr import Expr


@dataclass(frozen=True, eq=False)
class Spec:
    """What is known of a value before it is computed.

    ``shape`` is None when it depends on data. ``value`` holds the array when it is known while planning
    (constants, and what shape arithmetic computes from them).
    """

    shape: Shape | None
    dtype: str
    value: Array | None = None

    @property
    def known_shape(self) -> Shape:
        """The shape, for callers that have made sure it is known."""
        if self.shape is None:
            raise UsageError("the shape of this value depends on data and is not known before it runs")
        return self.shape

    @cached_property
    def size(self) -> int:
        """Number of elements."""
        return size_of(self.known_shape)

    @cached_property
    def num_bytes(self) -> int:
        """Bytes by TF.js's counting rule."""
        return self.size * element_type(self.dtype).bytes_per_element


Specs = Sequence[Spec]
Infer = Callable[[Specs, Attrs], Sequence[Spec]]
Reference = Callable[..., Any]
Cost = Callable[[Specs, Specs, Attrs], int]
OutputCount = Callable[[Attrs, int], int]


@dataclass(frozen=True)
class T:
    """A test tensor: a shape filled with seeded uniform values in [lo, hi), or explicit ``values``."""

    shape: Shape
    dtype: str = "float32"
    lo: float = -1.0
    hi: float = 1.0
    values: Any = None

    def make(self, seed: int) -> Any:
        """Build the array; the same seed gives the same values. A variant is ``values`` itself."""
        if self.dtype == "variant":
            return self.values
        dtype = element_type(self.dtype).numpy
        if self.values is not None:
            return np.array(self.values, dtype=dtype).reshape(self.shape)
        rng = np.random.default_rng(seed)
        if self.dtype == "bool":
            return np.asarray(rng.integers(0, 2, self.shape).astype(dtype))
        if dtype.kind in "iu":
            return np.asarray(rng.integers(int(self.lo), int(self.hi) + 1, self.shape).astype(dtype))
        parts = [rng.uniform(self.lo, self.hi, self.shape) for _ in range(2 if self.dtype == "complex64" else 1)]
        return np.asarray(sum(part * unit for part, unit in zip(parts, (1, 1j), strict=False)), dtype)


@dataclass(frozen=True)
class Case:
    """One conformance case of an op; every backend runs it and is compared with the float64 reference.

    ``expect`` optionally gives the first output written out by hand.
    """

    inputs: tuple[T, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    expect: Any = None


@dataclass(frozen=True)
class Tf:
    """How TensorFlow files spell an op.

    ``args`` lists the node's tensor inputs in order: ``x`` is an input of the op, ``*xs`` the rest of them,
    ``@axis`` a tensor whose value becomes the attribute ``axis``. Attributes not in ``args`` are read from the
    node's attribute of the same name, or from ``rename[name]``; ``fixed`` gives constant ones. ``only`` lists
    attributes of the node that the op does not have, with the one value for which it computes the same. ``also`` gives
    another name that some files use for an attribute. ``write`` marks the form the writer uses.
    """

    op: str
    args: str
    rename: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    write: bool = True
    only: Mapping[str, Any] = field(default_factory=dict)
    also: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tolerance:
    """Largest accepted error, relative to the largest absolute reference value (``relative``) plus ``absolute``."""

    relative: float = 2e-6
    absolute: float = 1e-6


@dataclass(frozen=True)
class OpDef:
    """One op, whole. ``inputs`` is like ``"x filter bias?"`` or ``"*xs"``; see the fields' own docs.

    Where the number of outputs varies, ``num_outputs`` is None and ``count_outputs`` tells it from the attributes
    and the number of inputs; without it only the node knows.
    ``expr`` is set for elementwise ops: numpy, WebAssembly and WGSL code come from it. ``control`` ops are run
    by the executor (loops, branches, calls). ``stateful`` ops are never folded (random numbers, dynamic lists).
    ``facts`` are what passes, backends and quantization read instead of lists of names.
    """

    name: str
    inputs: tuple[str, ...]
    attrs: tuple[Attr, ...]
    infer: Infer
    reference: Reference | None
    flops: Cost
    tf: tuple[Tf, ...]
    api: str | None
    cases: tuple[Case, ...]
    doc: str
    expr: Expr | None = None
    num_outputs: int | None = 1
    control: bool = False
    stateful: bool = False
    tolerance: Tolerance = field(default_factory=Tolerance)
    count_outputs: OutputCount | None = None
    facts: Facts = NO_FACTS

    @property
    def required_inputs(self) -> int:
        """Fewest inputs a node of this op has."""
        return sum(not n.endswith("?") and not n.startswith("*") for n in self.inputs)

    @property
    def max_inputs(self) -> int | None:
        """Most inputs a node has; None for variadic ops."""
        return None if any(n.startswith("*") for n in self.inputs) else len(self.inputs)

    def resolve_attrs(
        self, given: Mapping[str, Any], where: str, supplied: Collection[str] = (),
    ) -> dict[str, Any]:
        """Check given attributes, apply defaults, and return them canonical. UsageError names ``where``.

        Those that a value supplies at run time stay out.
        """
        known = {a.name: a for a in self.attrs}
        for name in given:
            if name not in known:
                raise UsageError(f"{where}: {self.name} has no attribute '{name}'{did_you_mean(name, known)}")
        return {a.name: a.resolve(given, f"{where}: {self.name}") for a in self.attrs if a.name not in supplied}

    def outputs_of(self, attrs: Attrs, num_inputs: int) -> int | None:
        """How many outputs a node has; None when only its users or its file tell (branches, calls)."""
        return self.count_outputs(attrs, num_inputs) if self.count_outputs else self.num_outputs

    def run(self, inputs: Sequence[Array | None], attrs: Attrs) -> list[Array]:
        """Compute the op with numpy. Float inputs decide the precision; float64 gives the oracle."""
        if self.reference is None:
            raise UsageError(f"{self.name} is run by the executor, not by a kernel")
        out = self.reference(*inputs, **attrs)
        outs = list(out) if isinstance(out, (tuple, list)) else [out]
        return [np.asarray(v) if isinstance(v, np.generic) else v for v in outs]


def default_flops(_ins: Specs, outs: Specs, _attrs: Attrs) -> int:
    """One operation for each output element."""
    return sum(o.size for o in outs if o.shape is not None)


def no_flops(_ins: Specs, _outs: Specs, _attrs: Attrs) -> int:
    """Data movement only."""
    return 0


def bytes_moved(ins: Specs, outs: Specs) -> int:
    """Bytes read plus bytes written when every tensor is touched once."""
    return sum(s.num_bytes for s in (*ins, *outs) if s.shape is not None)


MOST_PLACES = 3  # nodes that an error names for one unknown op
NO_NODES: Mapping[str, Sequence[str]] = MappingProxyType({})
_OPS: dict[str, OpDef] = {}
_TF: dict[str, tuple[OpDef, Tf]] = {}


def register(definition: OpDef) -> OpDef:
    """Add an op; a second definition of a name is a programming error."""
    if definition.name in _OPS:
        raise UsageError(f"op {definition.name} is defined twice")
    _OPS[definition.name] = definition
    for form in definition.tf:
        if form.op in _TF:
            raise UsageError(f"TensorFlow op {form.op} is claimed by {_TF[form.op][0].name} and {definition.name}")
        _TF[form.op] = (definition, form)
    return definition


def remove(name: str) -> None:
    """Take an op and its spellings out of the registry."""
    for form in _OPS.pop(name).tf:
        del _TF[form.op]


def op(
    name: str, inputs: str, *, infer: Infer, attrs: Iterable[Attr] = (), tf: Iterable[Tf] = (), api: str | None = None,
    cases: Iterable[Case] = (), flops: Cost = default_flops, num_outputs: int | None = 1, stateful: bool = False,
    tolerance: Tolerance | None = None, count_outputs: OutputCount | None = None, facts: Facts = NO_FACTS,
) -> Callable[[Reference], Reference]:
    """Decorate a numpy reference ``f(*inputs, **attrs)`` and register the op it computes.

    ``count_outputs`` is for ops whose attributes or inputs decide how many outputs there are. Dtype and rank follow
    from the rule ``same_shape``.
    """
    known = replace(facts, dtype=FIRST, rank=FIRST) if infer is same_shape else facts

    def decorate(reference: Reference) -> Reference:
        register(OpDef(
            name, tuple(inputs.split()), tuple(attrs), infer, reference, flops, tuple(tf), api, tuple(cases),
            (reference.__doc__ or "").strip(), num_outputs=None if count_outputs else num_outputs, stateful=stateful,
            tolerance=tolerance or Tolerance(), count_outputs=count_outputs, facts=known,
        ))
        return reference

    return decorate


def control(
    name: str, inputs: str, *, infer: Infer, doc: str, attrs: Iterable[Attr] = (), tf: Iterable[Tf] = (),
    num_outputs: int | None = None, count_outputs: OutputCount | None = None,
) -> OpDef:
    """Register an op that the executor itself runs (loops, branches, calls)."""
    return register(OpDef(
        name, tuple(inputs.split()), tuple(attrs), infer, None, no_flops, tuple(tf), None, (), doc,
        num_outputs=num_outputs, control=True, stateful=True, count_outputs=count_outputs,
    ))


def get(name: str) -> OpDef:
    """The op called ``name``; UnknownOpError suggests a close name."""
    if name not in _OPS:
        raise UnknownOpError(f"op '{name}' is not in the registry{did_you_mean(name, _OPS)}")
    return _OPS[name]


def all_ops() -> dict[str, OpDef]:
    """Every op by name, sorted."""
    return dict(sorted(_OPS.items()))


def having(fact: Callable[[Facts], object]) -> tuple[str, ...]:
    """The names of the ops for which a fact holds."""
    return tuple(name for name, definition in all_ops().items() if fact(definition.facts))


def find_tf(tf_op: str) -> tuple[OpDef, Tf] | None:
    """The op and spelling for a TensorFlow op name, or None."""
    return _TF.get(tf_op)


def tf_names() -> list[str]:
    """All names of TensorFlow ops that are known."""
    return [*_TF]


def require_known_tf(tf_ops: Iterable[str], where: str, nodes: Mapping[str, Sequence[str]] = NO_NODES) -> None:
    """Raise one UnknownOpError that lists all unknown TensorFlow ops with their counts.

    ``nodes`` are the names of nodes by op, of which the first are told.
    """
    unknown = Counter(n for n in tf_ops if n not in _TF)
    if unknown:
        listed = ", ".join(f"{n} ({c}x{_places(nodes.get(n, ()))}{did_you_mean(n, _TF)})"
                           for n, c in sorted(unknown.items()))
        raise UnknownOpError(f"{where}: {len(unknown)} unknown op(s): {listed}")


def _places(nodes: Sequence[str]) -> str:
    more = len(nodes) - MOST_PLACES
    listed = ", ".join(f"'{n}'" for n in nodes[:MOST_PLACES])
    return f" at {listed}{f' and {more} more' if more > 0 else ''}" if nodes else ""


def same_shape(ins: Specs, _attrs: Attrs) -> list[Spec]:
    """Shape rule: the output is like the first input."""
    return [Spec(ins[0].shape, ins[0].dtype)]
