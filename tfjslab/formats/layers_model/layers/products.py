"""Products of matrices: Keras 3's operations, and the dense layer with an equation."""

from __future__ import annotations

import string

from tfjslab.formats.layers_model.layers.activations import activate
from tfjslab.formats.layers_model.layers.call import Call, Value, layer
from tfjslab.formats.layers_model.layers.operands import arguments, as_float, operands
from tfjslab.formats.strict_json import show

_VECTOR, _MATRIX = 1, 2


@layer("Matmul")
def _matmul(c: Call) -> str:
    """As numpy's matmul: vectors are a row on the left, a column on the right, and lose that axis again."""
    left, right = operands(c, arguments(c, "x1", "x2"), "float32")
    ranks = c.rank(left), c.rank(right)
    left = c.add("ExpandDims", left, axis=0) if ranks[0] == _VECTOR else left
    right = c.add("ExpandDims", right, axis=1) if ranks[1] == _VECTOR else right
    out = c.add("BatchMatMulV2", left, right)
    gone = [axis for axis, rank in ((-2, ranks[0]), (-1, ranks[1])) if rank == _VECTOR]
    return c.add("Squeeze", out, squeeze_dims=[a % c.rank(out) for a in gone]) if gone else out


def numpy_dot(c: Call) -> str:
    """As numpy's dot: the last axis of the left with the last but one of the right, or with its only one."""
    left, right = operands(c, arguments(c, "x1", "x2"), "float32")
    ranks = c.rank(left), c.rank(right)
    if 0 in ranks:
        return c.add("Mul", left, right)
    letters = iter(string.ascii_letters)
    one = [next(letters) for _ in range(ranks[0])]
    other = [next(letters) for _ in range(ranks[1])]
    other[max(ranks[1] - _MATRIX, 0)] = one[-1]
    return product(c, f"{''.join(one)},{''.join(other)}", left, right)


@layer("Einsum")
def _einsum(c: Call) -> str:
    return product(c, _equation(c, "subscripts"), *operands(c, [Value(v) for v in c.inputs], "float32"))


def _equation(c: Call, key: str) -> str:
    equation = c.config.get(key)
    if not isinstance(equation, str) or equation.count("->") > 1:
        raise c.fail(f"option '{key}' is {show(equation)}, expected an equation")
    return equation


def product(c: Call, equation: str, *values: str) -> str:
    """A sum of products by an equation, in numpy's spelling.

    Three dots stand for the axes that have no letter. Without a right side, it has the letters that occur once, by the
    alphabet.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    hidden = [c.rank(v) - len(t.replace("...", "")) if "..." in t else 0 for t, v in zip(terms, values, strict=False)]
    free = [x for x in string.ascii_letters if x not in equation]
    if len(terms) != len(values) or any(not 0 <= n <= len(free) for n in hidden):
        raise c.fail(f"equation {show(equation)} for inputs of ranks {[c.rank(v) for v in values]}")
    if not arrow:
        once = sorted(x for x in set(left) - {",", "."} if left.count(x) == 1)
        right = ("..." if any(hidden) else "") + "".join(once)
    names = "".join(free[: max(hidden)])
    spelled = [t.replace("...", names[len(names) - n :]) for t, n in zip(terms, hidden, strict=True)]
    return c.add("Einsum", *values, equation=f"{','.join(spelled)}->{right.replace('...', names)}")


@layer("EinsumDense")
def _einsum_dense(c: Call) -> str:
    out = product(c, _equation(c, "equation"), as_float(c, c.x), c.weight("kernel"))
    if c.config.get("bias_axes") is not None:
        out = c.add("AddV2", out, c.weight("bias"))
    return activate(c, out)
