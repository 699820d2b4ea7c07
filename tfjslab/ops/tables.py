"""Look-up tables from keys to values, as models for text have them.

A table is one immutable value: importing gives another one, so that a look-up does not depend on the order of nodes.
Which table a node of a file reads after its initializer has run is settled by the reader.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, of_array
from tfjslab.base.errors import DTypeError, InputError, ShapeError
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, no_flops, op


@dataclass(frozen=True, eq=False)
class LookupTable:
    """Row ``index[key]`` of ``values`` belongs to a key; an empty table has no values."""

    key_dtype: str
    value_dtype: str
    index: dict[Any, int]
    values: Array | None = None


_INDICES: dict[int, tuple[weakref.ref[Array], dict[Any, int]]] = {}


def _index_of(keys: Array) -> dict[Any, int]:
    """Where each key stands; the last of equal ones. Kept for constants, which every run of a model brings again."""
    known = _INDICES.get(id(keys))
    if known is not None and known[0]() is keys:
        return known[1]
    found = {key: i for i, key in enumerate(keys.reshape(-1).tolist())}
    if not keys.flags.writeable:
        place = id(keys)
        _INDICES[place] = weakref.ref(keys, lambda _: _INDICES.pop(place, None)), found
    return found


def _check(what: str, name: str, found: str, expected: str) -> None:
    if found != expected:
        raise DTypeError(f"{name}: {what} are {found}; the table has {expected}")


_TABLE = Spec((), "variant")
_DTYPES = (Attr("key_dtype", "dtype", "string"), Attr("value_dtype", "dtype", "int32"))


def _words(*values: str) -> T:
    return T((len(values),), "string", values=values)


def _example() -> T:
    keys = np.array(["a", "b"], object)
    return T((), "variant", values=LookupTable("string", "int32", _index_of(keys), np.array([5, 7], np.int32)))


@op("HashTable", "", infer=lambda _ins, _attrs: [_TABLE], attrs=_DTYPES, flops=no_flops,
    stateful=True, tf=[Tf("HashTableV2", ""), Tf("HashTable", "", write=False)], cases=[Case(())])
def hash_table(key_dtype: str, value_dtype: str) -> LookupTable:
    """An empty table. Two are never one: in files, what is imported into a table is seen by all that read it."""
    return LookupTable(key_dtype, value_dtype, {})


def _infer_import(ins: Specs, _attrs: Attrs) -> list[Spec]:
    keys, values = ins[1].known_shape, ins[2].known_shape
    if ins[1].size != (values[0] if values else 1):
        raise ShapeError(f"LookupTableImport: keys {list(keys)} with values {list(values)}; expected one for each key")
    return [_TABLE]


@op("LookupTableImport", "table keys values", infer=_infer_import, flops=no_flops, tf=[
    Tf("LookupTableImportV2", "table keys values"), *(Tf(name, "table keys values", write=False) for name in (
        "LookupTableImport", "InitializeTable", "InitializeTableV2")),
], cases=(
    Case((_example(), _words("x", "y", "z"), T((3,), "int32", values=[1, 2, 3]))),
    Case((_example(), T((0,), "string"), T((0,), "int32"))),
))
def import_table(table: LookupTable, keys: Array, values: Array) -> LookupTable:
    """The table with other contents."""
    _check("keys", "LookupTableImport", of_array(keys), table.key_dtype)
    _check("values", "LookupTableImport", of_array(values), table.value_dtype)
    return replace(table, index=_index_of(keys), values=values if values.ndim else values.reshape(1))


def _infer_find(ins: Specs, _attrs: Attrs) -> list[Spec]:
    return [Spec((*ins[1].known_shape, *ins[2].known_shape), ins[2].dtype)]


@op("LookupTableFind", "table keys default", infer=_infer_find, flops=no_flops, tf=[
    Tf("LookupTableFindV2", "table keys default"), Tf("LookupTableFind", "table keys default", write=False),
], cases=(
    Case((_example(), _words("b", "c", "a"), T((), "int32", values=-1)), expect=[7, -1, 5]),
    Case((_example(), T((2, 1), "string", values=["a", ""]), T((), "int32", values=0)), expect=[5, 0]),
    Case((_example(), T((0,), "string"), T((), "int32", values=0))),
    Case((_example(), T((), "string", values="a"), T((), "int32", values=0)), expect=5),
))
def find(table: LookupTable, keys: Array, default: Array) -> Array:
    """The value of each key, and ``default`` for keys that the table does not have."""
    _check("keys", "LookupTableFind", of_array(keys), table.key_dtype)
    _check("default values", "LookupTableFind", of_array(default), table.value_dtype)
    values = table.values
    if values is not None and len(values) and values.shape[1:] != default.shape:
        raise InputError(
            f"LookupTableFind: the default has shape {list(default.shape)}; values have {list(values.shape[1:])}",
        )
    known = values if values is not None and len(values) else default[None][:0]
    choices = np.concatenate([known, default[None]])  # its last row is that of index -1
    places = [table.index.get(key, -1) for key in keys.reshape(-1).tolist()]
    return choices[np.array(places, np.intp)].reshape((*keys.shape, *default.shape))


@op("LookupTableSize", "table", infer=lambda _ins, _attrs: [Spec((), "int32")], flops=no_flops, tf=[
    Tf("LookupTableSizeV2", "table"), Tf("LookupTableSize", "table", write=False),
], cases=[Case((_example(),), expect=2)])
def size(table: LookupTable) -> Array:
    """The number of keys."""
    return np.asarray(len(table.index), np.int32)
