"""Eager functions, made from the op registry: ``tf.add(a, b)``, ``tf.conv2d(x, filter, strides, padding)``.

A function takes the op's inputs, then its attributes, by position or by name. Values may be tensors, numbers, lists
or numpy arrays. An op's definition says what it does and accepts; this module adds only conveniences.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from tfjslab.base.errors import UsageError
from tfjslab.base.out_of_memory import out_of_memory
from tfjslab.engine.calls import Results, aliases_of, call_of, changes_of, is_complete, omissible_attribute
from tfjslab.engine.convert import to_tensors
from tfjslab.engine.kernels import run_kernel
from tfjslab.engine.operators import DISPATCH
from tfjslab.engine.scopes import dispose
from tfjslab.engine.tensor import Tensor
from tfjslab.ops import registry
from tfjslab.ops.attrs import REQUIRED
from tfjslab.ops.registry import OpDef

_MAX_ATTRS = 4096
_OF_COMPLEX = {"abs": "ComplexAbs"}  # functions that run another op for complex numbers


def freeze(value: Any) -> Hashable:
    """Something hashable that is equal for equal attribute values."""
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype.str, value.tobytes())
    if isinstance(value, Mapping):
        return tuple((k, freeze(v)) for k, v in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(freeze(v) for v in value)
    # 1, 1.0 and True are equal but not the same attribute.
    return (type(value), value if isinstance(value, Hashable) else repr(value))


class EagerOp:
    """The eager side of one op."""

    def __init__(self, definition: OpDef) -> None:
        self.definition = definition
        self.name = definition.api or definition.name
        self.variadic = any(n.startswith("*") for n in definition.inputs)
        self.inputs = [n.strip("*?") for n in definition.inputs]
        self.call = call_of(definition)
        self.aliases = aliases_of(definition)
        self.changes = changes_of(definition)
        self.results = tuple(self.call.results.split())
        self.signature = _signature(definition)
        self._resolved: dict[Hashable, tuple[Mapping[str, Any], Hashable]] = {}
        self._plain = self._resolve({}) if is_complete(definition) else None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the op: see ``signature``."""
        if self.name in _OF_COMPLEX and args and str(getattr(args[0], "dtype", "")).startswith("complex"):
            return _dispatch(_OF_COMPLEX[self.name], *args, **kwargs)
        if not kwargs and self._plain is not None and not self.variadic and len(args) == len(self.inputs):
            return self._run(args, *self._plain)  # the common call, without binding
        bound = self._bind(args, kwargs)
        values = [self.call.defaults.get(n) if v is None else v for n in self.inputs for v in [bound.pop(n, None)]]
        if self.variadic:
            values = [*values[:-1], *_sequence(values[-1], self.name)]
        given: Mapping[str, Any] = bound
        for change in self.changes:
            given = change(given, values)
        return self._run(values, *self._resolve(given))

    def _bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        named = {self.aliases.get(k, k): v for k, v in kwargs.items()}
        try:
            return {**self.call.defaults, **self.signature.bind(*args, **named).arguments}
        except TypeError as e:
            raise TypeError(f"{self.name}: {e}; expected {self.name}{self.signature}") from None

    def _resolve(self, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], Hashable]:
        """Canonical attributes and their key, from the cache when the same were given before."""
        raw = freeze(given)
        if raw not in self._resolved:
            if len(self._resolved) > _MAX_ATTRS:
                self._resolved.clear()
            attrs = self.definition.resolve_attrs(given, self.name)
            self._resolved[raw] = (attrs, freeze(attrs))
        return self._resolved[raw]

    def _run(self, values: Sequence[Any], attrs: Mapping[str, Any], key: Hashable) -> Any:
        dtypes = {v.dtype if type(v) is Tensor else "" for v in values}
        if len(dtypes) <= 1 and "" not in dtypes and (not self.call.takes or self.call.takes in dtypes):
            outs = self._batched(values, attrs, key)
        else:
            tensors, made = to_tensors(self.definition, values, self.name, self.call.takes)
            try:
                outs = self._batched(tensors, attrs, key)
            finally:
                for t in made:
                    t.dispose()
        if len(outs) == 1 and self.definition.num_outputs == 1:
            return outs[0]
        return Results(outs, self.results) if self.results else outs

    def _batched(self, tensors: Sequence[Tensor | None], attrs: Mapping[str, Any], key: Hashable) -> list[Tensor]:
        """Run the kernel; on a batch of one where the first input has no batch."""
        x = tensors[0] if tensors else None
        if x is None or x.rank != self.call.rank - 1:
            return run_kernel(self.definition, tensors, attrs, key)
        several = self.call.batched
        batches = [None if t is None else t.shared((1, *t.signature[0])) for t in tensors[:several]]
        try:
            outs = run_kernel(self.definition, [*batches, *tensors[several:]], attrs, key)
        finally:
            dispose(batches)
        return [_only(out) for out in outs]


def _only(batch: Tensor) -> Tensor:
    """The only one of a batch, in its place."""
    with batch:
        return batch.shared(batch.signature[0][1:])


def _sequence(value: Any, name: str) -> Sequence[Any]:
    if isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim):
        return list(value)
    raise UsageError(f"{name}: {type(value).__name__}; expected a list of tensors")


def _signature(definition: OpDef) -> inspect.Signature:
    """Inputs, then attributes, then optional inputs, or TensorFlow.js's order; those without default come first."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    value = "Tensor | Array | float | list"  # text, as this is only for readers
    call = call_of(definition)
    parameters = []
    for n in definition.inputs:
        default = call.defaults.get(n, None if n.endswith("?") else inspect.Parameter.empty)
        annotation = f"list[{value}]" if n.startswith("*") else f"{value} | None" if n.endswith("?") else value
        parameters.append(inspect.Parameter(n.strip("*?"), kind, default=default, annotation=annotation))
    for attr in definition.attrs:
        required = attr.default is REQUIRED and attr.name != omissible_attribute(definition)
        default = inspect.Parameter.empty if required else None if attr.default is REQUIRED else attr.default
        parameters.append(inspect.Parameter(attr.name, kind, default=call.defaults.get(attr.name, default)))
    optional = [n.strip("?") for n in definition.inputs if n.endswith("?")]
    order = call.order.replace("*", "").split()
    parameters.sort(key=lambda p: (
        p.default is not inspect.Parameter.empty, order.index(p.name) if p.name in order else len(order),
        p.name in optional,
    ))
    if "*" in call.order:
        parameters[-1] = parameters[-1].replace(kind=inspect.Parameter.VAR_POSITIONAL, annotation=value)
    result = "Tensor" if definition.num_outputs == 1 else "list[Tensor]"
    return inspect.Signature(parameters, return_annotation=result)


def _function(definition: OpDef) -> Callable[..., Any]:
    """A real function with the signature, name and docstring of the op."""
    eager = EagerOp(definition)

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return eager(*args, **kwargs)
        except MemoryError as e:
            raise out_of_memory(eager.name, e) from e

    call.__name__ = call.__qualname__ = eager.name
    call.__module__ = "tfjslab"
    call.__doc__ = _doc(definition)
    call.__signature__ = eager.signature  # type: ignore[attr-defined]
    return call


def _doc(definition: OpDef) -> str:
    lines = [definition.doc, "", f"Runs the kernel {definition.name} on the current backend."]
    if definition.attrs:
        lines += ["", "Attributes:"]
        for a in definition.attrs:
            choices = f", one of {', '.join(a.choices)}" if a.choices else ""
            default = "" if a.default is REQUIRED else f"; default {a.default!r}"
            lines.append(f"    {a.name}: {a.kind}{choices}{default}")
    return "\n".join(lines)


@cache
def functions() -> dict[str, Callable[..., Any]]:
    """Every eager function by name."""
    return {d.api: _function(d) for d in registry.all_ops().values() if d.api}


@cache
def _by_kernel(kernel: str) -> EagerOp:
    return EagerOp(registry.get(kernel))


def _dispatch(kernel: str, *values: Any, **attrs: Any) -> Any:
    try:
        return _by_kernel(kernel)(*values, **attrs)
    except MemoryError as e:
        raise out_of_memory(kernel, e) from e


DISPATCH.run = _dispatch
