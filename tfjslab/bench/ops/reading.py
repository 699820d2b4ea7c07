"""Reads op lists: JSON that is checked like a model's, before anything is allocated.

``{"rows": [...]}``, where a row has a ``group`` and one of three forms:

    {"group": "3x3", "op": "Conv2D", "inputs": [[1, 56, 56, 64], {"constant": [3, 3, 64, 64]}],
     "attrs": {"padding": "SAME"}}
    {"group": "attention", "name": "Attention", "inputs": {"q": [8, 128, 64], "k": [8, 128, 64]},
     "steps": [{"as": "scores", "op": "BatchMatMul", "inputs": ["q", "k"], "attrs": {"transpose_b": true}}, ...]}
    {"group": "recurrent", "layer": "LSTM", "config": {"units": 128}, "inputs": [[1, 100, 128]],
     "weights": {"kernel": [128, 512], ...}}

Ops and attributes are named as in the op registry. A tensor is a shape, or an object with ``shape`` (a ``constant`` is
known before the runs, as a weight is), ``dtype``, and the range ``low`` to ``high`` of its values.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfjslab.base.dtypes import DTYPES
from tfjslab.base.errors import InputError, TfjslabError, did_you_mean
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.base.shapes import checked_shape
from tfjslab.bench.ops.row import OpRow, RowLayer, RowStep, RowTensor, attrs_text, shapes_text
from tfjslab.formats.strict_json import each, member, optional, parse_object, show, typed
from tfjslab.ops import registry
from tfjslab.ops.registry import Spec, T

BUILTIN = "builtin"
_BUILTIN_FILE = Path(__file__).with_name("builtin.json")
_MOST_ROWS, _MOST_STEPS, _MOST_OPERANDS = 10_000, 100, 100
_ROW_BYTES = 1 << 30  # of all tensors of a row: both sides hold them, and results besides
_FORMS = {"op": {"group", "op", "inputs", "attrs"}, "steps": {"group", "name", "inputs", "steps"},
          "layer": {"group", "layer", "config", "inputs", "weights"}}
_TENSOR = {"shape", "constant", "dtype", "low", "high"}
_DTYPES = ("float32", "int32", "bool")
_LARGEST = 2.0**31 - 1


def read_rows(source: str) -> list[OpRow]:
    """The rows of the built-in list or of a file.

    Raises InputError for a file that cannot be read, and the typed error of what is wrong in it, naming row and place.
    """
    path = _BUILTIN_FILE if source == BUILTIN else Path(source)
    where = "the built-in op list" if source == BUILTIN else source
    try:
        with path.open("rb") as f:
            data = f.read(LIMITS.model_json_bytes + 1)
    except OSError as e:
        raise InputError(f"--ops {source}: cannot be read ({e.strerror}); give a file, or '{BUILTIN}'") from None
    document = parse_object(data, where)
    _only(document, {"rows"}, where)
    found = each(member(document, "rows", list, where), dict, f"{where}: 'rows'")
    check_limit(f"{where}: number of rows", len(found), _MOST_ROWS)
    return [row_of(r, f"{where}: row {i + 1}") for i, r in enumerate(found)]


def row_of(data: dict[str, Any], where: str) -> OpRow:
    """One row, checked."""
    forms = [f for f in _FORMS if f in data]
    if len(forms) != 1:
        raise InputError(f"{where}: has {' and '.join(forms) or 'none'} of {', '.join(_FORMS)}; expected one")
    _only(data, _FORMS[forms[0]], where)
    group = member(data, "group", str, where)
    operands = _operands(data.get("inputs"), where)
    if all(o.constant for o in operands):
        raise InputError(f"{where}: all inputs are constants, so there is nothing to run; expected one that is not")
    if forms[0] == "layer":
        return _layer_row(data, group, operands, where)
    return _step_row(data, group, operands, where)


def _only(data: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(data) - known)
    if unknown:
        raise InputError(f"{where}: unknown key {show(unknown[0])}; expected {', '.join(sorted(known))}"
                         f"{did_you_mean(unknown[0], known)}")


def _operands(given: Any, where: str) -> tuple[RowTensor, ...]:
    """Named by position where the row names none."""
    if isinstance(given, dict):
        named = given
    else:
        named = {f"x{i}": v for i, v in enumerate(typed(given, list, f"{where}: 'inputs'"))}
    check_limit(f"{where}: number of inputs", len(named), _MOST_OPERANDS)
    found = tuple(_operand(name, value, f"{where}: input '{name}'") for name, value in named.items())
    check_limit(f"{where}: bytes of all inputs", sum(_spec(o.values).num_bytes for o in found), _ROW_BYTES)
    return found


def _operand(name: str, value: Any, where: str) -> RowTensor:
    if isinstance(value, list):
        return RowTensor(name, T(checked_shape(value, where)))
    data = typed(value, dict, where)
    _only(data, _TENSOR, where)
    if ("shape" in data) == ("constant" in data):
        raise InputError(f"{where}: expected either 'shape' or 'constant'")
    constant = "constant" in data
    dims = checked_shape(member(data, "constant" if constant else "shape", list, where), where)
    dtype = optional(data, "dtype", str, "float32", where)
    if dtype not in _DTYPES:
        raise InputError(f"{where}: dtype {show(dtype)}; expected one of {', '.join(_DTYPES)}"
                         f"{did_you_mean(dtype, DTYPES)}")
    low, high = _number(data, "low", -1.0, where), _number(data, "high", 1.0, where)
    if low > high:
        raise InputError(f"{where}: 'low' {low:g} is above 'high' {high:g}")
    return RowTensor(name, T(dims, dtype, low, high), constant)


def _number(data: dict[str, Any], key: str, default: float, where: str) -> float:
    value = data.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise InputError(f"{where}: '{key}' is {show(value)}; expected a number of at most {_LARGEST:.0f}")
    return float(value)


def _spec(values: T) -> Spec:
    return Spec(values.shape, values.dtype)


def _step_row(data: dict[str, Any], group: str, operands: tuple[RowTensor, ...], where: str) -> OpRow:
    """Of one op, or of several."""
    names = [o.name for o in operands]
    if "op" in data:
        op, attrs = member(data, "op", str, where), optional(data, "attrs", dict, {}, where)
        steps = [_step("y", op, tuple(names), attrs, where)]
        text = ", ".join(filter(None, (shapes_text(operands), attrs_text(steps[0].definition, attrs))))
    else:
        op, text = member(data, "name", str, where), shapes_text(operands)
        steps = _steps(each(member(data, "steps", list, where), dict, f"{where}: 'steps'"), names, where)
    _check_shapes(operands, steps, where)
    return OpRow(group, op, text, operands, tuple(steps))


def _steps(given: list[dict[str, Any]], names: list[str], where: str) -> list[RowStep]:
    check_limit(f"{where}: number of steps", len(given), _MOST_STEPS)
    found, known = [], list(names)
    for i, data in enumerate(given):
        here = f"{where}: step {i + 1}"
        _only(data, {"as", "op", "inputs", "attrs"}, here)
        name = member(data, "as", str, here)
        reads = each(member(data, "inputs", list, here), str, f"{here}: 'inputs'")
        for read in reads:
            if read not in known:
                raise InputError(f"{here}: input {show(read)} is neither an input of the row nor an earlier step"
                                 f"{did_you_mean(read, known)}")
        if name in known:
            raise InputError(f"{here}: the name {show(name)} is taken")
        known.append(name)
        attrs = optional(data, "attrs", dict, {}, here)
        found.append(_step(name, member(data, "op", str, here), tuple(reads), attrs, here))
    if not found:
        raise InputError(f"{where}: no steps; expected one or more")
    return found


def _step(name: str, op: str, inputs: tuple[str, ...], attrs: dict[str, Any], where: str) -> RowStep:
    with _naming(where):
        definition = registry.get(op)
    if definition.control or definition.stateful or definition.api is None:
        raise InputError(f"{where}: {op} cannot be measured by itself; expected an op that is a function of tensors")
    least, most = definition.required_inputs, definition.max_inputs
    if len(inputs) < least or (most is not None and len(inputs) > most):
        raise InputError(f"{where}: {op} has {len(inputs)} inputs; expected "
                         f"{least if least == most else f'{least} or more' if most is None else f'{least} to {most}'}")
    return RowStep(name, op, inputs, definition.resolve_attrs(attrs, where))


@contextmanager
def _naming(where: str) -> Iterator[None]:
    """Put the place in front of what an op says, which some ops begin with their name."""
    try:
        yield
    except TfjslabError as e:
        op = where.rpartition(": ")[2]
        raise InputError(f"{where}: {str(e).removeprefix(f'{op}: ')}", code=e.code) from None


def _check_shapes(operands: tuple[RowTensor, ...], steps: list[RowStep], where: str) -> None:
    """Shapes and dtypes fit each op, and results are no larger than tensors may be."""
    specs = {o.name: _spec(o.values) for o in operands}
    for step in steps:
        with _naming(f"{where}: {step.op}"):
            outs = step.definition.infer([specs[n] for n in step.inputs], step.attrs)
        for spec in outs:
            if spec.shape is not None:
                check_limit(f"{where}: bytes of the result of {step.op}", spec.num_bytes, _ROW_BYTES)
        specs[step.name] = outs[0]


def _layer_row(data: dict[str, Any], group: str, operands: tuple[RowTensor, ...], where: str) -> OpRow:
    if len(operands) != 1 or operands[0].constant:
        raise InputError(f"{where}: a layer has one input here, which is no constant")
    weights = {
        name: _operand(name, value, f"{where}: weight '{name}'").values
        for name, value in optional(data, "weights", dict, {}, where).items()
    }
    check_limit(f"{where}: bytes of all weights", sum(_spec(w).num_bytes for w in weights.values()), _ROW_BYTES)
    layer = RowLayer(member(data, "layer", str, where), optional(data, "config", dict, {}, where), weights)
    units = layer.config.get("units")
    text = shapes_text(operands) + (f", units {units}" if units is not None else "")
    return OpRow(group, layer.class_name, text, operands, layer=layer)
