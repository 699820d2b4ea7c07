"""A backend through the kernel core: its kernels are numpy functions, its memory is arrays."""

from __future__ import annotations

import time

import numpy as np

from tfjslab.backends.base import Buffer, PlanInfo
from tfjslab.backends.host import run_node
from tfjslab.backends.kernels.backend import KernelBackend
from tfjslab.backends.kernels.builder import Builder, Constant, Place
from tfjslab.backends.kernels.describe import describe_records
from tfjslab.backends.kernels.lowering import lower_program
from tfjslab.backends.kernels.memory_plan import plan_memory
from tfjslab.backends.kernels.plan import KernelPlan
from tfjslab.backends.kernels.session import CountedConstants, KernelSession
from tfjslab.backends.kernels.table import CHAIN, KernelTable
from tfjslab.base.dtypes import numpy_dtype
from tfjslab.ops.expr import evaluate

TABLE = KernelTable("toy")


def floats(node, specs):
    return TABLE.only(node, specs, "float32")


@TABLE.lowering(CHAIN, refuses=floats)
def lower_chain(b, group):
    b.call(lambda *ins: evaluate(group.expr, ins, {}), group.operands, group.output)


@TABLE.lowering("BatchMatMul", refuses=floats, takes_epilogue=True)
def lower_product(b, group):
    core = group.core_node

    def product(x, w, *operands):
        return evaluate(group.expr, [*core.definition.run([x, w], core.attrs), *operands], {})

    b.call(product, group.inputs, group.output)


class ToyBuilder(Builder):
    """Values are row-major arrays; a call is a function with its places."""

    kind = "toy"

    def place(self, value):
        """Where a value lies."""
        if value in self.graph.constants:
            array = self.graph.constants[value]
            return self.constant(value, array.copy, array)
        is_input = any(p.value == value for p in self.graph.inputs)
        return Place(f"in:{value}" if is_input else f"out:{value}" if value in self.outputs else f"arena:{value}@rows")

    def new(self, value):
        """See ``Builder``."""
        if value in self.outputs:
            return Place(self._output_slot(value))
        return Place(self._arena_slot(f"{value}@rows", self.spec(value).num_bytes))

    def constant(self, key, make, source=None):
        """See ``Builder``."""
        return Place(self._constant_slot(Constant((key, id(source)), make, source)))

    def _read_by_host(self, value):
        return self.place(value), self.spec(value)

    def call(self, function, inputs, output):
        """Add a call of a numpy function."""
        ins, out = [self.place(v) for v in inputs], self.new(output)
        self._add((function, ins, out), [*ins, out])


class ToyPlan(KernelPlan):
    """Runs calls in order on arrays by slot."""

    def _build(self, program, start):
        self._b = b = ToyBuilder(program, self._outputs)
        lower_program(b, program, TABLE)
        self._places = [(v, b.place(v).slot) for v in self._outputs]
        held = {slot: self._hold(c) for slot, c in b.constants.items()}
        self._fixed = {slot: array for slot, (array, _) in held.items()}
        weights, memory = sum(n for _, n in held.values()), plan_memory(b.lifetimes())
        took, commands = (time.perf_counter() - start) * 1e3, describe_records(b, b.lifetimes())
        sizes = weights, memory.peak_bytes, memory.lower_bound_bytes
        return PlanInfo(commands, *sizes, took, cached=False, threads=1, clock="perf_counter")

    def _run(self, feeds, stamps):
        empty = {v: np.empty(s.known_shape, numpy_dtype(s.dtype)) for v, s in self._specs.items() if s.size == 0}
        values = self._fixed | {self._b.place(v).slot: array for v, array in empty.items()}  # nobody writes them
        for v in self._inputs:
            array = self._session.native(feeds[v]) if isinstance(feeds[v], Buffer) else feeds[v]
            values[f"in:{v}"] = array.reshape(self._specs[v].known_shape)
        for r in self._b.records:
            begin = time.perf_counter()
            with np.errstate(all="ignore"):
                for function, ins, out in r.calls:
                    values[out.slot] = function(*(values[p.slot] for p in ins))
            if r.host:
                found = run_node(r.host.node, [i and values[i[0].slot] for i in r.host.inputs], r.host.node.attrs)
                values |= zip([p.slot for p, _ in r.host.outputs], found, strict=True)
            if stamps is not None:
                stamps.append((time.perf_counter() - begin) * 1e3)
        return {v: np.array(values[slot]) for v, slot in self._places}

    def _run_into(self, kept, feeds, stamps):
        for v, found in self._run(feeds, stamps).items():
            kept[v].native[...] = found

    def _release(self):
        """Arrays go by themselves."""


class ToySession(KernelSession):
    """Natives are arrays."""

    def __init__(self, backend):
        super().__init__(backend)
        self.constants = CountedConstants(self.lock, lambda c: (c.make(), c.source.nbytes), lambda _: None)

    def _plan(self, program, outputs):
        return ToyPlan(self, self.constants, program, outputs)

    def _alloc(self, spec):
        return np.empty(spec.known_shape, numpy_dtype(spec.dtype))

    def _write(self, native, array, _dtype):
        native[...] = array

    def _read(self, native, _shape, _dtype):
        return native.copy()


class ToyBackend(KernelBackend):
    """Needs nothing but numpy."""

    counters = ("plans", "buffers")

    def _open(self):
        return ToySession(self)
