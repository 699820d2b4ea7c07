"""Attention layers: dot products, additive scores, several heads, heads that share keys and values."""

from __future__ import annotations

import math
import string
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tfjslab.formats.layers_model.layers.activations import MASKED, softmax_over
from tfjslab.formats.layers_model.layers.call import Call, Value, layer
from tfjslab.formats.layers_model.layers.operands import arguments, as_float, tensor
from tfjslab.formats.layers_model.layers.products import product

_PAIR = 2
_GIVEN = ("query", "value", "key")


def _told(c: Call, name: str) -> bool:
    """A true or false argument of the call."""
    value = c.kwargs.get(name)
    if value not in (None, True, False):
        raise c.fail(f"argument '{name}' is {value!r}, expected true or false")
    return bool(value)


def _causal(c: Call, queries: str, values: str) -> str:
    """A mask [queries, values] that hides from each position those behind it."""
    rows, columns = c.shape(queries)[1], c.shape(values)[1]
    if rows is not None and columns is not None:
        return c.constant("causal", np.tri(rows, columns, dtype=bool), bool)
    row, column = (c.add("ExpandDims", _positions(c, v), axis=axis) for v, axis in ((queries, 1), (values, 0)))
    return c.add("GreaterEqual", row, column)


def _positions(c: Call, value: str) -> str:
    """1, 2 and so on, for a length that is known when the model runs: counts of ones."""
    others = [i for i in range(c.rank(value)) if i != 1]
    return c.add("Cumsum", c.add("OnesLike", c.add("Max", value, axis=others)), axis=0)


def _both(c: Call, *masks: str) -> str:
    """Where all of the masks are true; "" without any."""
    out = ""
    for mask in filter(None, masks):
        out = c.add("LogicalAnd", out, mask) if out else mask
    return out


def _mask(c: Call, value: object, axis: int | None = None) -> str:
    """A mask as bool, with an axis added; "" for none."""
    if value is None:
        return ""
    found = tensor(c, value, "bool")
    return found if axis is None else c.add("ExpandDims", found, axis=axis)


def _carried(c: Call, value: object) -> Value | None:
    """The mask that comes with an argument, from layers before."""
    found = c.bench.masks.get(value) if isinstance(value, Value) else None
    return Value(found) if found else None


# ---- Attention and AdditiveAttention ---------------------------------------------------------------------------------


def _pairs(c: Call, query: str, key: str) -> str:
    """Sums of every query and every key, [batch, queries, keys, features]."""
    return c.add("AddV2", c.add("ExpandDims", query, axis=2), c.add("ExpandDims", key, axis=1))


def _dot_scores(c: Call, query: str, key: str) -> str:
    scale = c.weight("scale") if c.flag("use_scale", default=False) else ""
    if c.text("score_mode", "dot", ("dot", "concat")) == "dot":
        scores = c.add("BatchMatMulV2", query, key, adj_y=True)
        return c.add("Mul", scores, scale) if scale else scores
    pairs = _pairs(c, query, key)
    pairs = c.add("Mul", pairs, scale) if scale else pairs
    return c.add("Mul", c.add("Sum", c.add("Tanh", pairs), axis=[3]), c.weight("concat_score_weight"))


def _additive_scores(c: Call, query: str, key: str) -> str:
    pairs = c.add("Tanh", _pairs(c, query, key))
    pairs = c.add("Mul", pairs, c.weight("scale")) if c.flag("use_scale", default=True) else pairs
    return c.add("Sum", pairs, axis=[3])


@layer("Attention")
def _dot_attention(c: Call) -> str | list[str]:
    return _attention(c, _dot_scores)


@layer("AdditiveAttention")
def _additive_attention(c: Call) -> str | list[str]:
    return _attention(c, _additive_scores)


def _attention(c: Call, scores_of: Callable[[Call, str, str], str]) -> str | list[str]:
    """Inputs are [query, value] or [query, value, key]; ``mask`` are masks of the first two."""
    inputs, mask = arguments(c, "inputs", "mask")
    if not isinstance(inputs, list) or len(inputs) not in (_PAIR, _PAIR + 1):
        raise c.fail("expected a list of a query, a value and perhaps a key")
    query, value, key = (as_float(c, v) for v in (*inputs, inputs[1])[:3])
    masks = [*mask, None, None] if isinstance(mask, list) else [_carried(c, v) for v in inputs]
    scores = scores_of(c, query, key)
    visible = _both(
        c, _mask(c, masks[1], 1), _causal(c, query, value) if _told(c, "use_causal_mask") else "",
    )
    if visible:
        hidden = c.add("Cast", c.add("LogicalNot", visible), DstT="float32")
        scores = c.add("Sub", scores, c.add("Mul", hidden, c.constant("masked", MASKED)))
    shares = c.add("Softmax", scores)
    out = c.add("BatchMatMulV2", shares, value)
    if masks[0] is not None:
        counted = _mask(c, masks[0])
        out = c.add("Mul", out, c.add("ExpandDims", c.add("Cast", counted, DstT="float32"), axis=2))
        c.bench.masks[out] = counted
    return [out, shares] if _told(c, "return_attention_scores") else out


# ---- several heads ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Heads:
    """The inputs of a layer with several heads, projected to [batch, ..., heads, features]."""

    c: Call
    query: str
    key: str
    value: str

    @classmethod
    def of(cls, c: Call) -> _Heads:
        """Project query, value and key; without a key, the value is it."""
        query, value, key = arguments(c, *_GIVEN)
        query, value, key = (as_float(c, tensor(c, v)) for v in (query, value, value if key is None else key))
        found = [_projected(c, n, v, 1) for n, v in (("query", query), ("key", key), ("value", value))]
        return cls(c, *found)

    def mask(self) -> str:
        """What the call says is visible, [batch, queries, keys]; "" without a mask."""
        c = self.c
        told = (c.kwargs.get(f"{name}_mask") for name in _GIVEN)
        carried = (_carried(c, given) for given in arguments(c, *_GIVEN))
        query, value, key = (c_ if t is None else t for t, c_ in zip(told, carried, strict=True))
        given = _mask(c, c.kwargs.get("attention_mask"))
        causal = _causal(c, self.query, self.value) if _told(c, "use_causal_mask") else ""
        return _both(c, _mask(c, query, 2), _mask(c, value, 1), _mask(c, key, 1), causal, given)


def _projected(c: Call, name: str, x: str, bound: int) -> str:
    """The input times a kernel over its last ``bound`` axes, and a bias."""
    kernel = c.weight(f"{name}/kernel")
    letters = iter(string.ascii_lowercase)
    free, summed = ([next(letters) for _ in range(n)] for n in (c.rank(x) - bound, bound))
    new = [next(letters) for _ in range(c.rank(kernel) - bound)]
    out = product(c, f"{''.join(free + summed)},{''.join(summed + new)}->{''.join(free + new)}", x, kernel)
    if not c.flag("use_bias", default=True):
        return out
    return c.add("AddV2", out, c.weight(f"{name}/bias"))


def _attended(c: Call, heads: _Heads, width: int, axes: list[int]) -> str | list[str]:
    """Scores, shares and the output projection; ``axes`` are those of the positions that are attended to."""
    rank = c.rank(heads.query)
    letters = string.ascii_lowercase
    target = letters[:rank]
    # Keys have letters of their own along the axes that are attended to.
    source = "".join(letters[rank + i] if i in axes else target[i] for i in range(rank))
    kept = [i for i in range(rank - 1) if i not in axes]
    shares_of = "".join([*(target[i] for i in kept), *(target[i] for i in axes), *(source[i] for i in axes)])
    query = c.add("Mul", heads.query, c.constant("scale", 1 / math.sqrt(width)))
    scores = product(c, f"{source},{target}->{shares_of}", heads.key, query)
    mask = heads.mask()
    if mask:
        for _ in range(c.rank(scores) - c.rank(mask)):
            mask = c.add("ExpandDims", mask, axis=c.rank(mask) - 2 * len(axes))
        scores = c.add("SelectV2", mask, scores, c.constant("lowest", -MASKED))
    shares = softmax_over(c, scores, tuple(range(-len(axes), 0)))
    out = _projected(c, "attention_output", product(c, f"{shares_of},{source}->{target}", shares, heads.value), 2)
    carried = _carried(c, arguments(c, *_GIVEN)[0])
    if carried is not None:
        c.bench.masks[out] = carried
    return [out, shares] if _told(c, "return_attention_scores") else out


@layer("MultiHeadAttention")
def _multi_head(c: Call) -> str | list[str]:
    if c.flag("use_gate", default=False):
        raise c.fail("use_gate is not supported")
    (width,) = c.integers("key_dim", (1,), 1)
    heads = _Heads.of(c)
    rank = c.rank(heads.query)
    axes = [a % (rank - 1) for a in c.integers("attention_axes", range(1, rank - 2))]
    return _attended(c, heads, width, axes)


@layer("GroupedQueryAttention", "GroupQueryAttention")
def _grouped(c: Call) -> str | list[str]:
    """Keys and values have fewer heads, each of which serves several heads of the query."""
    (width,) = c.integers("head_dim", (1,), 1)
    (queries,), (keys,) = (c.integers(k, (1,), 1) for k in ("num_query_heads", "num_key_value_heads"))
    if keys < 1 or queries % keys:
        raise c.fail(f"{queries} heads of the query cannot share {keys} of the keys")
    heads = _Heads.of(c)
    which = c.constant("heads", np.repeat(np.arange(keys), queries // keys), np.int32)
    key, value = (c.add("GatherV2", v, which, axis=2) for v in (heads.key, heads.value))
    return _attended(c, _Heads(c, heads.query, key, value), width, [1])
