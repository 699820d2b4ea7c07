"""Constants that stand in the graph itself."""

import base64

import numpy as np
import pytest

from tfjslab.base.errors import LimitError, ModelError
from tfjslab.formats.graph_model.tensor_proto import decode


def proto(dtype, shape=(), **content):
    return {"dtype": dtype, "tensorShape": {"dim": [{"size": str(d)} for d in shape]}, **content}


def raw(array):
    return base64.b64encode(np.asarray(array).tobytes()).decode()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (proto("DT_FLOAT", [2], tensorContent=raw(np.float32([1, 2]))), np.float32([1, 2])),
        (proto("DT_FLOAT", [2], floatVal=[1, "NaN"]), np.float32([1, np.nan])),
        (proto("DT_FLOAT", [3], floatVal=[1, 2]), np.float32([1, 2, 2])),
        (proto("DT_FLOAT", [2, 2], floatVal=["-Infinity"]), np.full((2, 2), -np.inf, np.float32)),
        (proto("DT_DOUBLE", [1], tensorContent=raw(np.float64([1e300]))), np.float32([np.inf])),
        (proto("DT_HALF", [2], halfVal=[15360, 64511]), np.float32([1, -65504])),
        (proto("DT_INT32", [], intVal=[-7]), np.int32(-7)),
        (proto(3, [], intVal=[7]), np.int32(7)),
        (proto("DT_INT64", [2], int64Val=["-1", str(2**63 - 1)]), np.int32([-1, 2**31 - 1])),
        (proto("DT_UINT8", [3], tensorContent=raw(np.uint8([0, 128, 255]))), np.int32([0, 128, 255])),
        (proto("DT_BOOL", [2], boolVal=[True, False]), np.array([True, False])),
        (proto("DT_BOOL", [2], tensorContent="AQA="), np.array([True, False])),
        (proto("DT_STRING", [2], stringVal=[raw(np.bytes_(b"ab")), ""]), np.array(["ab", ""], object)),
        (proto("DT_FLOAT", [0, 3]), np.zeros((0, 3), np.float32)),
    ],
)
def test_values(given, expected):
    found = decode(given, "here")
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype
    assert not found.flags.writeable


def test_a_proto_that_only_declares_has_no_value():
    assert decode(proto("DT_FLOAT", [2]), "here") is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (proto("DT_FLOAT", [2], tensorContent="AAAA"), "here: tensorContent has 3 bytes, expected 8"),
        (proto("DT_FLOAT", [1], floatVal=[1, 2]), "here: 2 values, expected 1"),
        (proto("DT_FLOAT", [1], floatVal=["one"]), "here: floatVal: found 'one', expected a number"),
        (proto("DT_FLOAT", [-1], floatVal=[1]), "here: DT_FLOAT with shape (None,); expected a whole tensor"),
        (proto("DT_FLOAT", [-2]), "here: shape [-2]; expected lengths >= 0, or -1 for unknown"),
        (proto("DT_HALF", [1], halfVal=[70000]), "here: halfVal: 70000 is not the bits of a half float"),
        (
            proto("DT_INT64", [1], int64Val=[str(2**70)]),
            "here: int64Val: found '1180591620717411303424', expected an integer",
        ),
        (proto("DT_VARIANT", []), "here: DT_VARIANT with shape (); expected a whole tensor"),
    ],
)
def test_values_that_cannot_be(given, message):
    with pytest.raises(ModelError) as caught:
        decode(given, "here")
    assert str(caught.value) == message


def test_a_small_file_cannot_ask_for_much_memory():
    with pytest.raises(LimitError):
        decode(proto("DT_FLOAT", [2**20, 2**20], floatVal=[1]), "here")
