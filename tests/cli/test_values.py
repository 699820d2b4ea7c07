"""Input files, output files and digests of the command line."""

import hashlib
import io

import numpy as np
import pytest

from tfjslab.base.errors import InputError, LimitError, ShapeError, UsageError
from tfjslab.cli.values import digest, read_inputs, write_outputs
from tfjslab.graph.ir import Port
from tfjslab.model.input_files import read_array


def port(name, shape, dtype="float32"):
    return Port(name, name, shape, dtype)


X = port("x", (None, 2))
TWO = (port("left", (2,)), port("right", (2,), "int32"))


def test_a_file_alone_is_for_the_only_input(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.ones((3, 2), np.float32))
    array, source = read_inputs([str(path)], [X])["x"]
    np.testing.assert_array_equal(array, np.ones((3, 2)))
    assert source == str(path)


def test_named_files_go_to_their_inputs_and_a_file_name_may_hold_an_equals_sign(tmp_path):
    np.save(tmp_path / "l=1.npy", np.zeros(2, np.float32))
    np.save(tmp_path / "r.npy", np.ones(2, np.int32))
    found = read_inputs([f"left={tmp_path}/l=1.npy", f"right={tmp_path}/r.npy"], TWO)
    assert {n: a.tolist() for n, (a, _) in found.items()} == {"left": [0, 0], "right": [1, 1]}
    only = read_inputs([f"{tmp_path}/l=1.npy"], TWO[:1])
    assert only["left"][0].tolist() == [0, 0]


def test_raw_files_take_shape_and_dtype_from_the_model_and_a_free_length_from_the_file(tmp_path):
    path = tmp_path / "x.bin"
    np.arange(6, dtype="<f4").tofile(path)
    assert read_inputs([str(path)], [X])["x"][0].tolist() == [[0, 1], [2, 3], [4, 5]]
    np.array([1, 0], dtype="<i4").tofile(path)
    assert read_inputs([f"right={path}"], TWO)["right"][0].tolist() == [1, 0]


def raw(path, data):
    path.write_bytes(data)
    return str(path)


def message(error, given, ports):
    with pytest.raises(error) as caught:
        read_inputs(given, ports)
    return str(caught.value)


def test_an_unknown_or_missing_or_repeated_name_is_wrong_usage(tmp_path):
    path = raw(tmp_path / "a.bin", bytes(8))
    assert message(UsageError, ["lefft=a.npy"], TWO) == (
        "--input lefft=a.npy: the model has no input 'lefft'; inputs: left, right; did you mean 'left'?"
    )
    assert message(UsageError, [path], TWO) == (
        f"--input {path}: the model has 2 inputs; write NAME={path}; inputs: left, right"
    )
    assert message(UsageError, [f"left={path}"] * 2, TWO) == f"--input left={path}: input 'left' is given twice"


def test_a_file_that_cannot_be_the_input_is_named_with_the_reason(tmp_path):
    missing = tmp_path / "no.npy"
    assert message(InputError, [str(missing)], [X]) == f"{missing}: no such file"
    other = raw(tmp_path / "a.txt", b"")
    assert message(InputError, [other], [X]) == (
        f"{other}: input files end in .npy, .npz, .bin, .json, .png, .jpg, .jpeg, .webp, .bmp or .gif"
    )
    short = raw(tmp_path / "s.bin", bytes(12))
    assert message(InputError, [short], [X]) == f"{short}: 12 bytes; input 'x' [None, 2] of float32 takes 8"
    assert message(InputError, [short], [port("x", None)]) == (
        f"{short}: the model does not say the shape of input 'x'; use --shape or .npy"
    )
    assert message(InputError, [short], [port("x", (1,), "string")]) == (
        f"{short}: input 'x' is string, which has no raw form; use .npy"
    )


def npy_bytes(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_header(shape):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()


JUNK = "not a .npy file; expected one that numpy.save wrote"


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        pytest.param(b"not numpy at all", InputError, JUNK, id="junk"),
        pytest.param(b"", InputError, JUNK, id="nothing"),
        pytest.param(npy_bytes(np.zeros(2))[:40], InputError, JUNK, id="half a header"),
        pytest.param(npy_bytes(np.zeros(2)).replace(b"\x93NUMPY\x01", b"\x93NUMPY\x09"), InputError, JUNK,
                     id="a later version"),
        pytest.param(npy_bytes(np.zeros((4, 2), np.float32))[:-4], InputError,
                     "holds 28 bytes of values; expected 32 for [4, 2] of float32", id="truncated"),
        pytest.param(npy_bytes(np.array([{}], object)), InputError,
                     "holds values of object; expected numbers, bools or text", id="pickled"),
        pytest.param(npy_bytes(np.zeros(1, [("a", "<f4")])), InputError,
                     "holds values of [('a', '<f4')]; expected numbers, bools or text", id="with fields"),
        pytest.param(npy_bytes(np.zeros(1, "<M8[s]")), InputError,
                     "holds values of datetime64[s]; expected numbers, bools or text", id="dates"),
        pytest.param(npy_header((1 << 30,)) + bytes(64), InputError,
                     "holds 64 bytes of values; expected 4294967296 for [1073741824] of float32", id="large"),
        pytest.param(npy_header((1 << 50,)) + bytes(64), LimitError,
                     "number of elements is 1125899906842624, above the limit of 2147483648", id="enormous"),
        pytest.param(npy_header((-1,)) + bytes(64), ShapeError, "shape [-1]; expected integers >= 0", id="negative"),
        pytest.param(npy_header((1,) * 9) + bytes(4), LimitError, "rank is 9, above the limit of 8", id="rank"),
    ],
)
def test_a_damaged_npy_file_is_refused_before_anything_is_allocated(tmp_path, data, error, text):
    path = raw(tmp_path / "a.npy", data)
    assert message(error, [path], [X]) == f"{path}: {text}"


@pytest.mark.parametrize("array", [
    np.float32(3), np.zeros((0, 2), np.float32), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.array(["a", "bc"]),
    np.arange(3, dtype=">i2"), np.array([True]), np.array([b"x"]),
], ids=str)
def test_every_array_that_numpy_saves_plainly_is_read_back(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    found = read_array(str(tmp_path / "a.npy"))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_a_digest_is_the_hash_of_little_endian_bytes_with_the_range_of_finite_values():
    array = np.array([[1, -2], [np.nan, 4]], np.float32)
    assert digest("y", array) == {
        "name": "y", "shape": [2, 2], "dtype": "float32", "min": -2.0, "max": 4.0, "mean": 1.0, "non_finite": 1,
        "sha256": hashlib.sha256(array.astype("<f4").tobytes()).hexdigest(),
    }
    assert digest("y", array.astype(">f4"))["sha256"] == digest("y", array)["sha256"]


def test_a_digest_without_finite_numbers_has_no_range():
    for array in (np.array([], np.float32), np.array([np.inf], np.float32), np.array(["a"], object)):
        found = digest("y", array)
        assert (found["min"], found["max"], found["mean"]) == (None, None, None)
    assert found["dtype"] == "string"
    assert found["non_finite"] == 0
    not_utf8 = digest("y", np.array([b"\xff".decode("utf-8", "surrogateescape")], object))
    assert not_utf8["sha256"] == hashlib.sha256(b"\xff\0").hexdigest()


def test_outputs_are_saved_under_any_name_and_read_back(tmp_path):
    path = tmp_path / "o.npz"
    outputs = {"file": np.arange(3), "scope/y:1": np.eye(2, dtype=np.float32), "s": np.array(["a", "bc"], object)}
    write_outputs(str(path), outputs)
    with np.load(path, allow_pickle=False) as back:
        assert {n: back[n].tolist() for n in back.files} == {n: a.tolist() for n, a in outputs.items()}


def test_outputs_need_a_name_and_a_folder_that_can_be_written(tmp_path):
    with pytest.raises(UsageError, match=r"^--output o\.bin: expected a name that ends in \.npz$"):
        write_outputs("o.bin", {})
    with pytest.raises(UsageError, match=r"cannot be written \(No such file or directory\)$"):
        write_outputs(str(tmp_path / "no" / "o.npz"), {})
