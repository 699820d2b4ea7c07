"""One-operator .tflite files on integers, whose outputs LiteRT's reference kernels computed once: litert_outputs.json.

Where LiteRT is installed, ``python tests/support/litert_cases.py`` writes that file anew.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from support.flat import operator, subgraph, tensor, tflite

OUTPUTS = Path(__file__).parent / "litert_outputs.json"
SCALES = {"int8": (0.05, 3), "uint8": (0.04, 125), "int16": (0.0003, 0)}
OTHERS = {"int8": (0.03, -5), "uint8": (0.025, 110), "int16": (0.0002, 0)}
OUT = {"int8": (0.06, -7), "uint8": (0.05, 130), "int16": (0.0004, 0)}
UNIT = {"int8": (2.0**-7, 0), "uint8": (2.0**-7, 128), "int16": (2.0**-15, 0)}
LOGS = {"int8": (2.0**-4, 127), "uint8": (2.0**-4, 255)}
BYTES, ALL = ("int8", "uint8"), ("int8", "uint8", "int16")


@dataclass(frozen=True)
class Recorded:
    """An operator on tensors of one dtype; ``inputs`` are shapes, or constants as arrays."""

    name: str
    dtype: str
    inputs: tuple
    output: tuple
    union: int = 0  # the number of the operator's options
    options: dict = field(default_factory=dict)
    scale: tuple = ()  # of the output, where it is not in OUT
    out_dtype: str = ""
    positive: bool = False
    scales: tuple = ()  # of the inputs, where they are not in SCALES and OTHERS

    @property
    def label(self):
        """What it is called."""
        extra = "".join(str(v) for v in self.options.values()) + self.out_dtype + "".join(map(str, self.scales))
        return f"{self.name} {self.dtype} {self.output} {extra}".strip()

    def fed(self):
        """What is fed, the same each time."""
        rng = np.random.default_rng(zlib.crc32(self.label.encode()))
        zero = SCALES[self.dtype][1] if self.dtype in SCALES else 0
        info = np.iinfo(self.dtype)
        low = zero + 1 if self.positive else info.min
        return [rng.integers(low, info.max, s, self.dtype, endpoint=True)
                for s in self.inputs if not isinstance(s, np.ndarray)]

    def model(self):
        """The file."""
        tensors, constants = [], []
        scales = iter(self.scales or tuple(s.get(self.dtype) for s in (SCALES, OTHERS, OTHERS)))
        for i, s in enumerate(self.inputs):
            if isinstance(s, np.ndarray):
                constants.append(s)
                tensors.append(tensor(f"c{i}", s.shape, str(s.dtype), len(constants)))
            else:
                scale, zero = next(scales)
                tensors.append(tensor(f"x{i}", s, self.dtype, scale=scale, zero_point=zero))
        scale, zero = self.scale or OUT[self.dtype]
        dtype = self.out_dtype or self.dtype
        quantized = {} if dtype in ("bool", "int32") else {"scale": scale, "zero_point": zero}
        tensors.append(tensor("y", self.output, dtype, **quantized))
        count = len(self.inputs)
        told = operator(0, range(count), [count], self.options)
        if self.union:
            told[3], told[4] = ("<B", self.union), self.options
        fed = [i for i, s in enumerate(self.inputs) if not isinstance(s, np.ndarray)]
        return tflite([self.name], [subgraph(tensors, [told], fed, [count])], constants)


def _sums_and_products():
    for dtype in ("int8", "int16"):
        yield Recorded("REDUCE_PROD", dtype, ((2, 3, 5), np.int32([1])), (2, 5), 27, {0: ("<?", False)}, SCALES[dtype])
    row, powers = (2, 40), [(2.0**-bits, 0) for bits in (11, 12)]
    for name, union in (("ADD", 11), ("SUB", 28)):
        for given in (powers, powers[::-1]):
            yield Recorded(name, "int16", (row, row), row, union, {0: ("<b", 1)}, powers[0], scales=tuple(given))


def _cases():
    row = (2, 40)
    yield from _sums_and_products()
    for dtype in ("int8", "int16"):
        yield from (Recorded(name, dtype, (row,), row, union) for name, union in (
            ("ABS", 78), ("EXP", 33), ("LOG", 0), ("NEG", 42)))
        yield from (Recorded(name, dtype, (row,), row, positive=True) for name in ("SQRT", "RSQRT"))
        yield Recorded("BATCH_MATMUL", dtype, ((2, 3, 9), (2, 9, 4)), (2, 3, 4), 101, {0: ("<?", False)},
                       (0.3 if dtype == "int8" else 1e-4, 0))
    for dtype in ALL:
        yield Recorded("GELU", dtype, (row,), row, 116, {0: ("<?", True)})
        yield Recorded("GELU", dtype, (row,), row, 116, {0: ("<?", False)})
        yield Recorded("DIV", dtype, ((2, 5), (5,)), (2, 5), 29, {0: ("<b", 1)}, positive=True)
        yield Recorded("REDUCE_MAX", dtype, ((2, 5), np.int32([1])), (2,), 27, {0: ("<?", False)}, SCALES[dtype])
        yield Recorded("CAST", dtype, (row,), row, 37, {}, out_dtype="int32")
    for name in ("LOGISTIC", "TANH"):
        yield Recorded(name, "int16", ((1, 200),), (1, 200), scale=UNIT["int16"])
    yield Recorded("SOFTMAX", "int16", ((4, 20),), (4, 20), 9, {0: ("<f", 1.0)}, UNIT["int16"])
    for dtype in BYTES:
        yield Recorded("LOG_SOFTMAX", dtype, ((4, 20),), (4, 20), 36, scale=LOGS[dtype])
        yield Recorded("L2_NORMALIZATION", dtype, ((4, 20),), (4, 20), 12, {0: ("<b", 0)}, UNIT[dtype])
        yield Recorded("PRELU", dtype, ((1, 3, 2, 4), (1, 1, 4)), (1, 3, 2, 4))
        yield Recorded("RELU_0_TO_1", dtype, (row,), row)
        for name, union in (("EQUAL", 53), ("LESS", 41), ("GREATER_EQUAL", 45)):
            yield Recorded(name, dtype, ((3, 30), (30,)), (3, 30), union, out_dtype="bool")
    yield Recorded("SQUARED_DIFFERENCE", "int8", ((2, 3, 5), (3, 5)), (2, 3, 5), 76)
    for name, union in (("FLOOR_DIV", 65), ("FLOOR_MOD", 72)):
        yield Recorded(name, "int8", ((2, 9), (2, 9)), (2, 9), union, positive=True)
    for dtype in ALL:
        yield Recorded("BITWISE_XOR", dtype, ((2, 9), (2, 9)), (2, 9), 125)


CASES = {c.label: c for c in _cases()}


def _computed(case):
    """What LiteRT says, as it is stored."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType  # noqa: PLC0415 - no need of the tests

    interpreter = Interpreter(model_content=case.model(),
                              experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    for details, x in zip(interpreter.get_input_details(), case.fed(), strict=True):
        interpreter.set_tensor(details["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def recorded(case):
    """The output that was written down."""
    dtype = np.dtype(case.out_dtype or case.dtype)
    count = math.prod(case.output)
    return np.frombuffer(bytes.fromhex(json.loads(OUTPUTS.read_text())[case.label]), dtype, count).reshape(case.output)


if __name__ == "__main__":
    found = {label: _computed(case).tobytes().hex() for label, case in CASES.items()}
    OUTPUTS.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")
    sys.stdout.write(f"{len(found)} outputs\n")
