"""Strings: replacing by regular expressions, n-grams, splitting, hashing. They are computed on the host everywhere.

TensorFlow's strings are bytes. Here they are text, with surrogates for bytes that are no UTF-8, and lengths, single
characters and hashes are those of the bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from tfjslab.base.arrays import encoded
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError, InputError, ShapeError, UsageError
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.facts import FIRST, Facts
from tfjslab.ops.farmhash import fingerprint64
from tfjslab.ops.regex import Budget, Regex, parse_rewrite, replaced
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, no_flops, op


def check_strings(name: str, *specs: Spec) -> None:
    """DTypeError unless all are strings."""
    wrong = [s.dtype for s in specs if s.dtype != "string"]
    if wrong:
        raise DTypeError(f"{name}: dtype {wrong[0]}; expected string")


def check_rank(name: str, what: str, spec: Spec, rank: int) -> None:
    """ShapeError unless an input has that many axes."""
    if len(spec.known_shape) != rank:
        raise ShapeError(f"{name}: {what} has shape {list(spec.known_shape)}; expected rank {rank}")


def texts(values: Sequence[str], shape: tuple[int, ...] | None = None) -> Array:
    """Strings as an array."""
    out = np.empty(len(values), object)
    out[:] = values
    return out if shape is None else out.reshape(shape)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _s(*values: str, shape: tuple[int, ...] | None = None) -> T:
    return T((len(values),) if shape is None else shape, "string", values=values)


# ---- StaticRegexReplace ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> Regex:
    return Regex(pattern)


def _infer_replace(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_strings("StaticRegexReplace", ins[0])
    parse_rewrite(attrs["rewrite"], _compiled(attrs["pattern"]).groups)
    return [Spec(ins[0].shape, "string")]


_REPLACE = (Attr("pattern", "str"), Attr("rewrite", "str"), Attr("replace_global", "bool", default=True))


@op("StaticRegexReplace", "x", infer=_infer_replace, attrs=_REPLACE, flops=no_flops, api="static_regex_replace",
    tf=[Tf("StaticRegexReplace", "x")], facts=Facts(dtype="string", rank=FIRST), cases=(
        Case((_s("abcb", "xyz", ""),), {"pattern": "b", "rewrite": "X"}),
        Case((_s("abcb"),), {"pattern": "b", "rewrite": "X", "replace_global": False}),
        Case((_s("Hello World", shape=()),), {"pattern": r"(\w+) (\w+)", "rewrite": r"\2 \1\\"}),
        Case((_s("baac"),), {"pattern": "a*", "rewrite": "-"}),
        Case((T((0, 2), "string"),), {"pattern": "", "rewrite": ""}),
    ))
def static_regex_replace(x: Array, pattern: str, rewrite: str, *, replace_global: bool) -> Array:
    r"""What a regular expression matches is replaced, everywhere or the first time.

    Patterns are those of RE2, and ``\0`` to ``\9`` in ``rewrite`` are what groups matched: TensorFlow's rule, while
    TensorFlow.js takes JavaScript's. Matching takes linear time; LimitError where even that would be long.
    """
    regex, budget = _compiled(pattern), Budget()
    parts = parse_rewrite(rewrite, regex.groups)
    return texts([replaced(regex, parts, t, budget, everywhere=replace_global) for t in x.flat], x.shape)


# ---- StringSplit -----------------------------------------------------------------------------------------------------


def _infer_split(ins: Specs, _attrs: Attrs) -> list[Spec]:
    check_strings("StringSplit", *ins)
    check_rank("StringSplit", "input", ins[0], 1)
    if ins[1].size != 1:
        raise ShapeError(f"StringSplit: delimiter has shape {list(ins[1].known_shape)}; expected a scalar")
    return [Spec(None, "int32"), Spec(None, "string"), Spec((2,), "int32")]


def _pieces(text: bytes, delimiters: bytes) -> list[bytes]:
    if not delimiters:
        return [text[i : i + 1] for i in range(len(text))]
    first = delimiters[:1]
    return text.translate(bytes.maketrans(delimiters, first * len(delimiters))).split(first) if text else []


@op("StringSplit", "x delimiter", infer=_infer_split, attrs=[Attr("skip_empty", "bool", default=True)], num_outputs=3,
    flops=no_flops, api="string_split", tf=[Tf("StringSplit", "x delimiter")], cases=(
        Case((_s("a b c", "", "d  e"), _s(" ", shape=())), expect=[0, 0, 0, 1, 0, 2, 2, 0, 2, 1]),
        Case((_s("a,b;c", ",x"), _s(",;", shape=())), {"skip_empty": False}, expect=[0, 0, 0, 1, 0, 2, 1, 0, 1, 1]),
        Case((_s("abc"), _s("", shape=()))), Case((T((0,), "string"), _s(" ", shape=()))),
    ))
def string_split(x: Array, delimiter: Array, *, skip_empty: bool) -> list[Array]:
    """Strings cut at each byte of ``delimiter``, or into bytes where that is empty, as a sparse tensor.

    Its indices [pieces, 2], its values [pieces], and its shape: strings and the most pieces of one.
    """
    delimiters = encoded(delimiter.reshape(-1)[0])
    rows = [[p for p in _pieces(encoded(t), delimiters) if p or not skip_empty] for t in x]
    places = [(i, j) for i, row in enumerate(rows) for j in range(len(row))]
    return [
        np.array(places, np.int32).reshape(-1, 2), texts([_text(p) for row in rows for p in row]),
        np.array([len(rows), max(map(len, rows), default=0)], np.int32),
    ]


# ---- StringToHashBucketFast ------------------------------------------------------------------------------------------


def _infer_hash(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_strings("StringToHashBucketFast", ins[0])
    if attrs["num_buckets"] < 1:
        raise UsageError(f"StringToHashBucketFast: num_buckets is {attrs['num_buckets']}; expected 1 or more")
    return [Spec(ins[0].shape, "int32")]


@op("StringToHashBucketFast", "x", infer=_infer_hash, attrs=[Attr("num_buckets", "int")], flops=no_flops,
    api="string_to_hash_bucket_fast", tf=[Tf("StringToHashBucketFast", "x")], facts=Facts(dtype="int32", rank=FIRST),
    cases=(
        Case((_s("Hello", "TensorFlow", "2.x"),), {"num_buckets": 3}, expect=[0, 2, 2]),
        Case((_s("a", "b", "c", "d"),), {"num_buckets": 10}, expect=[9, 2, 2, 5]),
        Case((_s("x" * 70),), {"num_buckets": 9}),
        Case((_s("q", shape=()),), {"num_buckets": 1 << 40}), Case((T((0, 2), "string"),), {"num_buckets": 3}),
    ))
def string_to_hash_bucket_fast(x: Array, num_buckets: int) -> Array:
    """A number from 0 to below ``num_buckets`` for each string, by FarmHash; the low 32 bits of larger ones."""
    found = np.array([fingerprint64(encoded(t)) % num_buckets for t in x.flat], np.uint64)
    return found.astype(np.uint32).astype(np.int32).reshape(x.shape)


# ---- StringNGrams ----------------------------------------------------------------------------------------------------

_NGRAMS = (
    Attr("separator", "str", " "), Attr("ngram_widths", "ints", ()), Attr("left_pad", "str", ""),
    Attr("right_pad", "str", ""), Attr("pad_width", "int", 0),
    Attr("preserve_short_sequences", "bool", default=False),
)


def _infer_ngrams(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_strings("StringNGrams", ins[0])
    if ins[1].dtype != "int32":
        raise DTypeError(f"StringNGrams: data_splits are {ins[1].dtype}; expected int32")
    check_rank("StringNGrams", "data", ins[0], 1)
    check_rank("StringNGrams", "data_splits", ins[1], 1)
    if min(attrs["ngram_widths"], default=1) < 1:
        raise UsageError(f"StringNGrams: ngram_widths are {list(attrs['ngram_widths'])}; expected numbers of 1 or more")
    return [Spec(None, "string"), Spec(ins[1].shape, "int32")]


def _check_splits(splits: list[int], size: int) -> None:
    ordered = all(a <= b for a, b in pairwise(splits))
    if splits and (splits[0] != 0 or splits[-1] != size or not ordered):
        raise InputError(f"StringNGrams: data_splits {splits}; expected numbers in order from 0 to {size}")


def _pad_width(width: int, attrs: Attrs) -> int:
    """How many pads a row gets on each side; one fewer than the width at most, and just that when negative."""
    return min(attrs["pad_width"], width - 1) if attrs["pad_width"] >= 0 else width - 1


def _row_widths(length: int, attrs: Attrs) -> list[tuple[int, int]]:
    """For a row: each width with the number of its n-grams; a short row may be one n-gram, as it is."""
    found = [(w, max(length + 2 * _pad_width(w, attrs) - w + 1, 0)) for w in attrs["ngram_widths"]]
    if length and attrs["preserve_short_sequences"] and not any(n for _, n in found):
        return [(length + 2 * max(attrs["pad_width"], 0), 1)]
    return found


def _ngrams(row: list[str], width: int, count: int, attrs: Attrs) -> list[str]:
    pads = _pad_width(width, attrs)
    padded = [*[attrs["left_pad"]] * pads, *row, *[attrs["right_pad"]] * pads]
    return [attrs["separator"].join(padded[i : i + width]) for i in range(count)]


@op("StringNGrams", "data data_splits", infer=_infer_ngrams, attrs=_NGRAMS, num_outputs=2, flops=no_flops,
    api="string_n_grams", tf=[Tf("StringNGrams", "data data_splits")], cases=(
        Case((_s("a", "b", "c", "d", "e"), T((3,), "int32", values=[0, 3, 5])),
             {"ngram_widths": [2], "separator": "|"}),
        Case((_s("a", "b", "c", "d"), T((4,), "int32", values=[0, 1, 1, 4])),
             {"ngram_widths": [3, 2], "left_pad": "L", "right_pad": "R", "pad_width": -1}),
        Case((_s("a", "b"), T((2,), "int32", values=[0, 2])),
             {"ngram_widths": [5], "preserve_short_sequences": True, "pad_width": 1, "left_pad": "L"}),
        Case((T((0,), "string"), T((2,), "int32", values=[0, 0])), {"ngram_widths": [2]}),
        Case((T((0,), "string"), T((0,), "int32")), {"ngram_widths": [2]}),
    ))
def string_n_grams(data: Array, data_splits: Array, **attrs: Any) -> list[Array]:
    """Neighbouring strings of each row joined by ``separator``, for each width; with where the rows begin.

    ``data_splits`` says where the rows of ``data`` begin and end. Rows are padded by ``pad_width`` on both sides, by
    one less than the width if it is negative.
    """
    splits: list[int] = data_splits.tolist()
    _check_splits(splits, data.size)
    if not data.size or not splits:
        return [texts([]), np.zeros(len(splits), np.int32)]
    rows = [data[a:b].tolist() for a, b in pairwise(splits)]
    plans = [_row_widths(len(row), attrs) for row in rows]
    words = sum(w * n for plan in plans for w, n in plan)
    check_limit("StringNGrams: number of joined strings", words, LIMITS.loop_iterations)
    made = [[g for w, n in plan for g in _ngrams(row, w, n, attrs)] for row, plan in zip(rows, plans, strict=True)]
    return [texts([g for row in made for g in row]), np.cumsum([0, *map(len, made)], dtype=np.int32)]
