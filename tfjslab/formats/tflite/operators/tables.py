"""Tables that are looked up by text or by number, as models for text have them."""

from __future__ import annotations

from tfjslab.base.errors import ModelError
from tfjslab.formats.tflite.operator import Operator, operator
from tfjslab.formats.tflite.schema import ELEMENT_TYPES


def _dtype(op: Operator, option: str) -> str:
    number = op.option(option)
    if not 0 <= number < len(ELEMENT_TYPES) or ELEMENT_TYPES[number].dtype not in ("string", "int32"):
        raise op.fail(f"{option} {number} is not supported; expected text or integers")
    return ELEMENT_TYPES[number].dtype


@operator("HASHTABLE")
def _table(op: Operator) -> str:
    """With what was imported into it when the model was loaded."""
    made = op.add("HashTableV2", key_dtype=_dtype(op, "key_type"), value_dtype=_dtype(op, "value_type"))
    found = op.variables.tables.get(op.option("table"))
    if found is None:
        return made
    return _filled(op, made, *(op.make_constant(array, part) for array, part in zip(found, ("keys", "values"),
                                                                                    strict=True)))


def _filled(op: Operator, table: str, keys: str, values: str) -> str:
    return op.add("LookupTableImportV2", table, keys, values)


@operator("HASHTABLE_IMPORT")
def _import(op: Operator) -> list[str]:
    """What is looked up behind it is looked up in the table with its new contents."""
    handle = op.told.inputs[0]
    if handle < 0:
        raise _no_handle(op)
    op.values[handle] = _filled(op, op.value(0), op.value(1), op.value(2))
    return []


def _no_handle(op: Operator) -> ModelError:
    return op.fail("input 0 is missing")


@operator("HASHTABLE_FIND")
def _find(op: Operator) -> str:
    return op.add("LookupTableFindV2", op.value(0), op.value(1), _default(op))


def _default(op: Operator) -> str:
    """The default, which files hold in a vector of one."""
    return op.value(2) if op.tensor(2).dims == () else op.add("Reshape", op.value(2), shape=[])


@operator("HASHTABLE_SIZE")
def _size(op: Operator) -> str:
    """In a vector of one."""
    return op.add("Reshape", op.add("LookupTableSizeV2", op.value(0)), shape=[1])
