"""The 64-bit fingerprint of FarmHash (its ``na`` variant), by which TensorFlow puts strings into buckets.

Pike, Alakuijala: FarmHash. The result is part of trained models, so it is the same everywhere and for ever.
"""

from __future__ import annotations

_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_MASK = (1 << 64) - 1
_BLOCK = 64


def fingerprint64(data: bytes) -> int:
    """The fingerprint, a whole number of 64 bits without a sign."""
    n = len(data)
    if n > _BLOCK:
        return _long(data)
    return _up_to_16(data) if n <= 16 else _up_to_32(data) if n <= 32 else _up_to_64(data)  # noqa: PLR2004


def _word(data: bytes, at: int, size: int = 8) -> int:
    """Bytes as a number; ``at`` may count from the end."""
    start = at if at >= 0 else len(data) + at
    return int.from_bytes(data[start : start + size], "little")


def _rotate(value: int, bits: int) -> int:
    return (value >> bits | value << (64 - bits)) & _MASK


def _mix(value: int) -> int:
    return value ^ value >> 47


def _pair(u: int, v: int, mul: int) -> int:
    """One number of two, as in Murmur."""
    a = _mix((u ^ v) * mul & _MASK)
    return _mix((v ^ a) * mul & _MASK) * mul & _MASK


def _up_to_16(data: bytes) -> int:
    n = len(data)
    mul = _K2 + 2 * n
    if n >= 8:  # noqa: PLR2004
        a = _word(data, 0) + _K2 & _MASK
        b = _word(data, -8)
        c = _rotate(b, 37) * mul + a & _MASK
        d = (_rotate(a, 25) + b) * mul & _MASK
        return _pair(c, d, mul)
    if n >= 4:  # noqa: PLR2004
        return _pair(n + (_word(data, 0, 4) << 3), _word(data, -4, 4), mul)
    if n:
        y = data[0] + (data[n >> 1] << 8)
        z = n + (data[-1] << 2)
        return _mix(y * _K2 & _MASK ^ z * _K0 & _MASK) * _K2 & _MASK
    return _K2


def _up_to_32(data: bytes) -> int:
    mul = _K2 + 2 * len(data)
    a, b = _word(data, 0) * _K1 & _MASK, _word(data, 8)
    c, d = _word(data, -8) * mul & _MASK, _word(data, -16) * _K2 & _MASK
    first = _rotate(a + b & _MASK, 43) + _rotate(c, 30) + d & _MASK
    return _pair(first, a + _rotate(b + _K2 & _MASK, 18) + c & _MASK, mul)


def _up_to_64(data: bytes) -> int:
    mul = _K2 + 2 * len(data)
    a, b = _word(data, 0) * _K2 & _MASK, _word(data, 8)
    c, d = _word(data, -8) * mul & _MASK, _word(data, -16) * _K2 & _MASK
    y = _rotate(a + b & _MASK, 43) + _rotate(c, 30) + d & _MASK
    z = _pair(y, a + _rotate(b + _K2 & _MASK, 18) + c & _MASK, mul)
    e, f = _word(data, 16) * mul & _MASK, _word(data, 24)
    g, h = (y + _word(data, -32)) * mul & _MASK, (z + _word(data, -24)) * mul & _MASK
    first = _rotate(e + f & _MASK, 43) + _rotate(g, 30) + h & _MASK
    return _pair(first, e + _rotate(f + a & _MASK, 18) + g & _MASK, mul)


def _weak(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """Two seeds with the 32 bytes at a place."""
    w, x, y, z = (_word(data, at + 8 * i) for i in range(4))
    a = a + w & _MASK
    b = _rotate(b + a + z & _MASK, 21)
    c = a
    a = a + x + y & _MASK
    return a + z & _MASK, b + _rotate(a, 44) + c & _MASK


def _long(data: bytes) -> int:
    """Blocks of 64 bytes, then the last 64 of all."""
    x, y = 81, 81 * _K1 + 113 & _MASK
    z = _mix(y * _K2 + 113 & _MASK) * _K2 & _MASK
    v, w = (0, 0), (0, 0)
    x = x * _K2 + _word(data, 0) & _MASK
    for at in range(0, (len(data) - 1) // _BLOCK * _BLOCK, _BLOCK):
        x, y, z, v, w = _round(data, at, (x, y, z, v, w), _K1)
    mul = _K1 + ((z & 0xFF) << 1)
    w = (w[0] + (len(data) - 1 & _BLOCK - 1) & _MASK, w[1])
    v = (v[0] + w[0] & _MASK, v[1])
    w = (w[0] + v[0] & _MASK, w[1])
    x, y, z, v, w = _round(data, len(data) - _BLOCK, (x, y, z, v, w), mul, last=9)
    first = _pair(v[0], w[0], mul) + _mix(y) * _K0 + z & _MASK
    return _pair(first, _pair(v[1], w[1], mul) + x & _MASK, mul)


_State = tuple[int, int, int, tuple[int, int], tuple[int, int]]


def _round(data: bytes, at: int, state: _State, mul: int, last: int = 1) -> _State:
    """Mix a block in. ``last`` is the weight that the end of the data gives to two of the numbers."""
    x, y, z, v, w = state
    x = _rotate(x + y + v[0] + _word(data, at + 8) & _MASK, 37) * mul & _MASK
    y = _rotate(y + v[1] + _word(data, at + 48) & _MASK, 42) * mul & _MASK
    x ^= w[1] * last & _MASK
    y = y + v[0] * last + _word(data, at + 40) & _MASK
    z = _rotate(z + w[0] & _MASK, 33) * mul & _MASK
    v = _weak(data, at, v[1] * mul & _MASK, x + w[0] & _MASK)
    w = _weak(data, at + 32, z + w[1] & _MASK, y + _word(data, at + 16) & _MASK)
    return z, y, x, v, w
