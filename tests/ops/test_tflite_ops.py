"""The integer ops of TensorFlow Lite against its kernels written out for one element, in Python's own integers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tfjslab.base.errors import DTypeError, ShapeError
from tfjslab.base.shapes import window_padding
from tfjslab.ops import conformance, registry
from tfjslab.ops.registry import Spec

F32 = np.float32
# Compared with LiteRT's own bytes instead: in test_tflite_recorded.py and test_tflite_recurrent_integers.py.
RECORDED = {
    "TflAbs", "TflBatchMatMul", "TflBitcast", "TflCast", "TflCompare", "TflDiv", "TflFunction", "TflL2Normalization",
    "TflLogSoftmax", "TflPrelu", "TflProd", "TflRsqrt", "TflShortLogistic", "TflShortSoftmax", "TflShortTanh",
    "TflSqrt", "TflSquaredDifference", "TflSvdf", "TflUnidirectionalSequenceLstm",
}
ALL = {name: op for name, op in registry.all_ops().items() if name.startswith("Tfl")}
OPS = {name: op for name, op in ALL.items() if name not in RECORDED}


def truncated(a, b):
    """C's division."""
    return abs(a) // b * (1 if a >= 0 else -1)


def away(v):
    """C's round."""
    return int(math.copysign(math.floor(abs(float(v)) + 0.5), v))


def multiplier(real):
    fraction, shift = math.frexp(real)
    whole = math.floor(fraction * 2**31 + 0.5)
    if whole == 2**31:
        whole, shift = whole // 2, shift + 1
    return (0, 0) if shift < -31 else (whole, shift)


def high(a, b, bits=31):
    """SaturatingRoundingDoublingHighMul of gemmlowp."""
    nudge = 1 << (bits - 1) if a * b >= 0 else 1 - (1 << (bits - 1))
    return min(truncated(a * b + nudge, 1 << bits), (1 << bits) - 1)


def shifted(x, bits):
    """RoundingDivideByPOT of gemmlowp."""
    rest = x & ((1 << bits) - 1)
    return (x >> bits) + int(rest > ((1 << bits) - 1 >> 1) + (x < 0))


def scaled(x, real):
    m, shift = multiplier(float(real))
    return shifted(high(x << max(shift, 0), m), max(-shift, 0))


def scaled_wide(x, real):
    m, shift = multiplier(float(real))
    short = (m + 2**15) >> 16 if m < 0x7FFF0000 else 0x7FFF
    return (x * short + (1 << (14 - shift))) >> (15 - shift)


def ends(a, dtype):
    info = np.iinfo(dtype)
    low, high_ = a.get("lowest"), a.get("highest")
    return info.min if low is None else max(low, info.min), info.max if high_ is None else min(high_, info.max)


def clamped(v, a, dtype):
    low, most = ends(a, dtype)
    return min(max(v, low), most)


def each(rule):
    """A kernel of one input that treats each element by itself: ``rule(q, attrs)``, not yet clamped."""
    def run(x, a):
        dtype = a.get("dtype", str(x.dtype))
        return [clamped(rule(v.item(), a), a, dtype) for v in x.reshape(-1)]

    return run


def placed(a, x, size, *, dilated=True):
    """Padding before, strides and dilations of a window."""
    stride = a["strides"] if len(a["strides"]) == 2 else a["strides"] * 2
    dilation = (a["dilations"] if len(a["dilations"]) == 2 else a["dilations"] * 2) if dilated else (1, 1)
    pads = window_padding(a["padding"], (), x.shape[1:3], size, stride, dilation)
    return (pads[0][0], pads[1][0]), stride, dilation


def convolved(x, w, scale, bias, a, shape, *, depthwise):
    before, stride, dilation = placed(a, x, w.shape[:2])
    multiplier_of = depthwise and w.shape[3]
    out = []
    for n, i, j, c in np.ndindex(*shape):
        total = 0 if bias is None else int(bias[c])
        for h, v in np.ndindex(*w.shape[:2]):
            y, z = i * stride[0] + h * dilation[0] - before[0], j * stride[1] + v * dilation[1] - before[1]
            if not (0 <= y < x.shape[1] and 0 <= z < x.shape[2]):
                continue
            group = w.shape[3] // (x.shape[3] // w.shape[2]) if not depthwise and w.shape[2] else 1
            for k in range(1 if depthwise else w.shape[2]):
                source = c // multiplier_of if depthwise else c // group * w.shape[2] + k
                weight = w[h, v, source, c % multiplier_of] if depthwise else w[h, v, k, c]
                total += (int(x[n, y, z, source]) - a["x_zero"]) * (int(weight) - a["filter_zero"])
        out.append(weighted(total, x, scale, c, a))
    return out


def weighted(total, x, scale, c, a):
    s = F32(scale[c % scale.size])
    product = float(F32(F32(a["x_scale"]) * s)) if x.dtype == np.uint8 else float(F32(a["x_scale"])) * float(s)
    real = product / float(F32(a["out_scale"]))
    return clamped((scaled_wide if a.get("wide") else scaled)(total, real) + a["out_zero"], a, x.dtype)


def transposed(x, w, scale, bias, a, shape):
    before, stride, _ = placed({**a, "dilations": (1, 1)}, np.zeros(shape), w.shape[:2])
    sums = np.zeros(shape, object) + (0 if bias is None else bias.astype(object))
    for n, i, j, k in np.ndindex(*x.shape):
        for h, v, c in np.ndindex(*w.shape[:3]):
            y, z = i * stride[0] + h - before[0], j * stride[1] + v - before[1]
            if 0 <= y < shape[1] and 0 <= z < shape[2]:
                sums[n, y, z, c] += (int(x[n, i, j, k]) - a["x_zero"]) * (int(w[h, v, c, k]) - a["filter_zero"])
    return [weighted(int(t), x, scale, i % shape[3], a) for i, t in enumerate(sums.reshape(-1))]


def dense(x, w, scale, bias, a):
    out = []
    for i, c in np.ndindex(x.shape[0], w.shape[1]):
        total = 0 if bias is None else int(bias[c])
        for k in range(w.shape[0]):
            total += (int(x[i, k]) - a["x_zero"]) * (int(w[k, c]) - a["filter_zero"])
        real = float(F32(a["x_scale"])) * float(scale[c % scale.size]) / float(F32(a["out_scale"]))
        out.append(clamped(away(total * real) + a["out_zero"], a, x.dtype))
    return out


def pairs(x, y):
    """The elements that meet."""
    return zip(*(v.reshape(-1).tolist() for v in np.broadcast_arrays(x, y)), strict=True)


def halved(x, bits):
    """X / 2**bits, halves away from zero."""
    return truncated(2 * x + (1 if x >= 0 else -1) * 2**bits, 2 ** (bits + 1))


def shifted_sum(x, y, a, sign):
    """Scales that are powers of two: the operand of the smaller one is shifted."""
    bits = [round(math.log2(a["out_scale"] / a[f"{n}_scale"])) for n in ("x", "y")]
    sums = (halved(p, bits[0]) + sign * halved(q, bits[1]) for p, q in pairs(x, y))
    return [clamped(v, a, x.dtype) for v in sums]


def added(x, y, a, sign):
    if a["powers"]:
        return shifted_sum(x, y, a, sign)
    left = 15 if x.dtype == np.int16 else 20
    sa, sb, so = (float(F32(a[f"{n}_scale"])) for n in ("x", "y", "out"))
    twice = 2 * max(sa, sb)
    out = []
    for p, q in pairs(x, y):
        first = scaled((p - a["x_zero"]) << left, sa / twice)
        second = scaled((q - a["y_zero"]) << left, sb / twice)
        total = scaled(first + sign * second, twice / (2**left * so))
        out.append(clamped(total + a["out_zero"], a, x.dtype))
    return out


def multiplied(x, y, a):
    real = F32(F32(F32(a["x_scale"]) * F32(a["y_scale"])) / F32(a["out_scale"]))
    products = ((p - a["x_zero"]) * (q - a["y_zero"]) for p, q in pairs(x, y))
    return [clamped(scaled(v, real) + a["out_zero"], a, x.dtype) for v in products]


def pooled(x, a, shape, reduce):
    size = a["ksize"] if len(a["ksize"]) == 2 else a["ksize"] * 2
    before, stride, _ = placed(a, x, size, dilated=False)
    out = []
    for n, i, j, c in np.ndindex(*shape):
        rows = range(i * stride[0] - before[0], i * stride[0] - before[0] + size[0])
        columns = range(j * stride[1] - before[1], j * stride[1] - before[1] + size[1])
        found = [int(x[n, y, z, c]) for y in rows for z in columns if 0 <= y < x.shape[1] and 0 <= z < x.shape[2]]
        out.append(clamped(reduce(found), a, x.dtype))
    return out


def average(found):
    total, half = sum(found), len(found) // 2
    return truncated(total + half if total > 0 else total - half, len(found))


def averaged(x, a):
    count = x.shape[1] * x.shape[2]
    m, shift = multiplier(float(F32(a["x_scale"])) / float(F32(a["out_scale"])))
    bits = min(int(math.log2(count)), 32, 31 + shift)
    m, shift = (m << bits) // count, shift - bits
    sums = (int(v) - a["x_zero"] * count for v in x.sum((1, 2), dtype=np.int64).reshape(-1))
    return [clamped(shifted(high(s << max(shift, 0), m), max(-shift, 0)) + a["out_zero"], a, x.dtype) for s in sums]


def hard_swish(q, a):
    def short(real):
        m, shift = multiplier(float(F32(real)))
        return min((m + 2**15) >> 16, 2**15 - 1), shift

    fine = F32(F32(1 / 128) * F32(a["x_scale"]))
    (out, out_shift), (gate_by, gate_shift) = short(fine / F32(a["out_scale"])), short(fine / F32(3 / 32768))
    value = (q - a["x_zero"]) * 128
    gate = value if gate_shift <= 0 else min(max(value << (gate_shift - 1), -(2**15)), 2**15 - 1)
    gate = high(gate, gate_by, 15)
    gate = min(max(gate * 2, -(2**15)), 2**15 - 1) if gate_shift > 0 else shifted(gate, -gate_shift)
    product = truncated(((gate + 2**15) >> 1) * high(value, out, 15), 2**15)
    return shifted(product, -out_shift) + a["out_zero"]


def exp_below_zero(x):
    """The exponential of Q5.26 as Q0.31, step by step as gemmlowp does."""
    part = (x & (2**24 - 1)) - 2**24
    y = (part << 5) + 2**28
    y2 = high(y, y)
    inner = high(shifted(high(y2, y2), 2) + high(y2, y), 715827883) + y2
    result = 1895147668 + high(1895147668, y + shifted(inner, 1))
    for power in range(-2, 5):
        if (part - x) >> (26 + power) & 1:
            result = high(result, round(math.exp(-(2.0**power)) * 2**31))
    return 2**31 - 1 if x == 0 else result


def softmax(x, a):
    real = min(float(F32(a["beta"])) * float(F32(a["x_scale"])) * 2**26, 2**31 - 1.0)
    m, shift = multiplier(real)
    least = -math.floor(31 * 2**26 / 2**shift)
    info, out = np.iinfo(a["dtype"]), []
    for row in x.reshape(-1, x.shape[-1]).tolist():
        diffs = [q - max(row) for q in row]
        powers = [exp_below_zero(high(d << shift, m)) if d >= least else None for d in diffs]
        total = sum(shifted(p, 12) for p in powers if p is not None)
        zeros = 32 - total.bit_length()
        half = ((total << zeros) - 2**31 + (2**31 - 1) + 1) // 2
        guess = 1515870810 + high(half, -1010580540)
        for _ in range(3):
            guess += high(guess, 2**29 - high(half, guess)) << 2
        for p in powers:
            scale, bits = min(guess << 1, 2**31 - 1), 12 - zeros + 31 - info.bits
            value = 0 if p is None else shifted(high(scale, p), bits)
            out.append(min(value + info.min, info.max))
    return out


def resized(x, a):
    """By the formula of one pixel: integers for signed inputs, float32 for uint8."""
    def place(v, old, new):
        corners = a["align_corners"] and new > 1
        half = a["half_pixel_centers"]
        if x.dtype == np.uint8:
            scale = F32(old - 1) / F32(new - 1) if corners else F32(old) / F32(new)
            at = (F32(v) + F32(0.5)) * scale - F32(0.5) if half else F32(v) * scale
            low = max(math.floor(at), 0)
            return low, min(math.ceil(at), old - 1), at - F32(low)
        scale = (1024 * (old - 1) + (new - 1) // 2) // (new - 1) if corners else (1024 * old + new // 2) // new
        at = v * scale + (scale // 2 - 512 if half else 0)
        low = max(truncated(at, 1024), 0)
        return low, min(truncated(at + 1023, 1024), old - 1), at - 1024 * low

    one, out = F32(1) if x.dtype == np.uint8 else 1024, []
    number = F32 if x.dtype == np.uint8 else int
    for n, i, j, c in np.ndindex(x.shape[0], *a["size"], x.shape[3]):
        (y0, y1, y), (x0, x1, z) = place(i, x.shape[1], a["size"][0]), place(j, x.shape[2], a["size"][1])
        total = number(x[n, y0, x0, c]) * (one - y) * (one - z)
        total += number(x[n, y1, x0, c]) * y * (one - z)
        total += number(x[n, y0, x1, c]) * (one - y) * z
        total += number(x[n, y1, x1, c]) * y * z
        if x.dtype == np.uint8:
            out.append(int(total + F32(0.5)))
        else:
            out.append(truncated(total + (2**19 if total > 0 else -(2**19)), 2**20))
    return out


def nearest(x, a):
    def place(v, old, new):
        scale = F32(old - 1) / F32(new - 1) if a["align_corners"] and new > 1 else F32(old) / F32(new)
        at = (F32(v) + F32(0.5 if a["half_pixel_centers"] else 0)) * scale
        return max(min(away(at) if a["align_corners"] else math.floor(at), old - 1), 0)

    return [int(x[n, place(i, x.shape[1], a["size"][0]), place(j, x.shape[2], a["size"][1]), c])
            for n, i, j, c in np.ndindex(x.shape[0], *a["size"], x.shape[3])]


def looked_up(function):
    def rule(q, a):
        real = function(F32(a["x_scale"]) * F32(q - a["x_zero"]))
        return away(F32(real * (F32(1) / F32(a["out_scale"])))) + a["out_zero"]

    return each(rule)


def leaky(q, a):
    x = q - a["x_zero"]
    plain = F32(F32(a["x_scale"]) / F32(a["out_scale"]))
    sloped = F32(F32(F32(a["x_scale"]) * F32(a["alpha"])) / F32(a["out_scale"]))
    return scaled(x, plain if x >= 0 else sloped) + a["out_zero"]


def rescaled(q, a):
    factor = F32(a["x_scale"]) * (F32(1) / F32(a["out_scale"]))
    return away(F32(F32(F32(q) * factor) + F32(F32(-a["x_zero"]) * factor))) + a["out_zero"]


def quantized(q, a):
    if not math.isfinite(q):
        return a["out_zero"] + (0 if math.isnan(q) else 10**6 * int(math.copysign(1, q)))
    return away(F32(q) / F32(a["out_scale"])) + a["out_zero"]


def given(inputs):
    """Four inputs: the bias may be absent."""
    return (*inputs, None) if len(inputs) == 3 else inputs


SCALAR = {
    "TflConv2D": lambda i, a, s: convolved(*given(i), a, s, depthwise=False),
    "TflDepthwiseConv2D": lambda i, a, s: convolved(*given(i), a, s, depthwise=True),
    "TflTransposeConv": lambda i, a, s: transposed(*given(i), a, s),
    "TflFullyConnected": lambda i, a, _s: dense(*given(i), a),
    "TflAdd": lambda i, a, _s: added(*i, a, 1), "TflSub": lambda i, a, _s: added(*i, a, -1),
    "TflMul": lambda i, a, _s: multiplied(*i, a),
    "TflMaximum": lambda i, _a, _s: [max(pair) for pair in pairs(*i)],
    "TflMinimum": lambda i, _a, _s: [min(pair) for pair in pairs(*i)],
    "TflAveragePool2D": lambda i, a, s: pooled(*i, a, s, average),
    "TflMaxPool2D": lambda i, a, s: pooled(*i, a, s, max),
    "TflMean": lambda i, a, _s: averaged(*i, a),
    "TflSoftmax": lambda i, a, _s: softmax(*i, a),
    "TflResizeBilinear": lambda i, a, _s: resized(*i, a), "TflResizeNearestNeighbor": lambda i, a, _s: nearest(*i, a),
    "TflLogistic": lambda i, a, _s: looked_up(lambda v: F32(1) / (F32(1) + F32(math.exp(-v))))(*i, a),
    "TflTanh": lambda i, a, _s: looked_up(lambda v: F32(math.tanh(v)))(*i, a),
    "TflHardSwish": lambda i, a, _s: each(hard_swish)(*i, a), "TflLeakyRelu": lambda i, a, _s: each(leaky)(*i, a),
    "TflRescale": lambda i, a, _s: each(rescaled)(*i, a), "TflQuantize": lambda i, a, _s: each(quantized)(*i, a),
    "TflRequantize": lambda i, a, _s: each(
        lambda q, b: scaled(q - b["x_zero"], float(F32(b["x_scale"])) / float(F32(b["out_scale"]))) + b["out_zero"],
    )(*i, a),
    "TflDequantize": lambda i, a, _s: [F32(float(F32(a["x_scale"])) * (int(q) - a["x_zero"])) for q in i[0].flat],
    "TflArgMax": lambda i, a, _s: (np.argmin if a["smallest"] else np.argmax)(i[0], a["axis"]).reshape(-1).tolist(),
}


def test_every_op_is_written_out_here():
    assert set(SCALAR) | RECORDED == set(ALL)


@pytest.mark.parametrize("check", list(conformance.cases(set(OPS))), ids=lambda c: c.name)
def test_the_kernel_of_one_element_says_the_same(check):
    (found,) = check.op.run(check.inputs, check.attrs)
    expected = SCALAR[check.op.name](check.inputs, dict(check.attrs), found.shape)
    np.testing.assert_array_equal(found.reshape(-1), np.array(expected, found.dtype))


@pytest.mark.parametrize(("name", "dtypes", "shapes", "attrs", "error", "text"), [
    ("TflAdd", ("int8", "uint8"), ((2,), (2,)), {}, DTypeError, "TflAdd: dtype int8, uint8; expected one of int8"),
    ("TflSoftmax", ("int16",), ((2,),), {"dtype": "int16"}, DTypeError, "TflSoftmax: dtype int16; expected"),
    ("TflConv2D", ("uint8", "int8", "float32"), ((1, 1, 1, 1), (1, 1, 1, 1), (1,)), {}, DTypeError, "filter is int8"),
    ("TflConv2D", ("int8", "int8", "float32"), ((1, 1, 1, 1), (1, 1, 1, 4), (3,)), {}, ShapeError, "filter_scale is"),
    ("TflConv2D", ("int8", "int8", "float32", "int32"), ((1, 1, 1, 1), (1, 1, 1, 4), (1,), (3,)), {}, ShapeError,
     r"bias is int32 \[3\]; expected int32 \[4\]"),
    ("TflFullyConnected", ("int8", "int8", "float32"), ((2, 3), (4, 1), (1,)), {}, ShapeError, r"\[2, 3\] times"),
    ("TflResizeBilinear", ("int8",), ((1, 0, 2, 1),), {"size": [2, 2]}, ShapeError, "with pixels"),
    ("TflMean", ("int8",), ((2, 0),), {"axis": [1]}, ShapeError, "has no elements along axes"),
    ("TflArgMax", ("int8",), ((2, 0),), {"axis": 1}, ShapeError, "has no elements along axis 1"),
])
def test_what_does_not_fit_is_told(name, dtypes, shapes, attrs, error, text):
    op = OPS[name]
    known = {a.name for a in op.attrs}
    scales = {"x_scale": 1.0, "x_zero": 0, "y_scale": 1.0, "y_zero": 0, "out_scale": 1.0, "out_zero": 0}
    resolved = op.resolve_attrs({k: v for k, v in (scales | attrs).items() if k in known}, "test")
    with pytest.raises(error, match=text):
        op.infer([Spec(s, d) for s, d in zip(shapes, dtypes, strict=True)], resolved)
