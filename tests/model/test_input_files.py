"""Input files of every kind: what they hold for an input, and files that cannot be it."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from tfjslab.base.errors import DTypeError, InputError, LimitError, ShapeError
from tfjslab.graph.ir import Port
from tfjslab.model.input_files import read_input, suffixes

X = Port("x", "x", (None, 2), "float32")
IMAGE = Port("image", "image", (1, 4, 6, 3), "float32")


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def text(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def picture(path, colours):
    """A picture of these pixels."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image.fromarray(np.asarray(colours, np.uint8)).save(path)
    return path


def test_an_archive_has_the_array_by_the_inputs_name_or_only_one(tmp_path):
    two = npz(tmp_path / "two.npz", x=np.ones((3, 2), np.float32), y=np.zeros(1))
    np.testing.assert_array_equal(read_input(two, X), np.ones((3, 2)))
    only = npz(tmp_path / "one.NPZ", other=np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]))
    assert read_input(only.with_name("one.NPZ.npz").rename(only), X).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(InputError, match=r"two\.npz: holds nothing for input 'z'; it has x, y$"):
        read_input(two, Port("z", "z", None, "float32"))


def member(header, data):
    """An archive with one member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header + data)
    return out.getvalue()


def test_a_damaged_archive_is_refused(tmp_path):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (1 << 30,)})
    path = tmp_path / "a.npz"
    for data, error, said in (
        (b"PK no archive", InputError, "not a .npz file that numpy.savez wrote: File is not a zip file"),
        (member(b"", b"junk"), InputError, "x.npy: not a .npy file; expected one that numpy.save wrote"),
        (member(head.getvalue(), bytes(64)), InputError,
         "x.npy: holds 64 bytes of values; expected 4294967296 for [1073741824] of float32"),
    ):
        path.write_bytes(data)
        with pytest.raises(error) as caught:
            read_input(path, X)
        assert str(caught.value).startswith(f"{path}")
        assert str(caught.value).endswith(said)


def test_json_has_lists_alone_or_by_name_in_the_inputs_dtype(tmp_path):
    found = read_input(text(tmp_path / "a.json", [[1, 2], [3, 4]]), X)
    assert (found.dtype, found.tolist()) == (np.float32, [[1, 2], [3, 4]])
    whole = Port("ids", "ids", (2,), "int32")
    named = text(tmp_path / "b.json", {"x": [[0.5, 1]], "ids": [7, 8]})
    assert read_input(named, whole).dtype == np.int32
    assert read_input(named, X).tolist() == [[0.5, 1]]


@pytest.mark.parametrize(("value", "error", "said"), [
    ("[1,", InputError, "not JSON: Expecting value: line 1 column 4 (char 3)"),
    ("[" * 100_000, InputError, "not JSON: maximum recursion depth exceeded"),
    ({"y": 1, "z": 2}, InputError, "holds nothing for input 'x'; it has y, z"),
    ([[1, 2], [3]], ShapeError, "input 'x': a ragged list cannot become a tensor"),
    ([1, 2, 3], ShapeError, "input 'x': shape [3]; expected [?, 2]"),
    ([["a", "b"]], DTypeError, "input 'x': dtype string (<U1); expected float32"),
])
def test_json_that_cannot_be_the_input_says_why(tmp_path, value, error, said):
    path = text(tmp_path / "a.json", value)
    with pytest.raises(error) as caught:
        read_input(path, X)
    assert str(caught.value).startswith(f"{path}: {said}")


def test_a_picture_takes_the_size_and_the_channels_of_the_input(tmp_path):
    path = picture(tmp_path / "a.png", np.full((8, 12, 3), (255, 0, 51)))
    found = read_input(path, IMAGE)
    assert (found.shape, found.dtype) == ((1, 4, 6, 3), np.float32)
    np.testing.assert_allclose(found[0, 2, 3], [1, 0, 0.2])
    whole = Port("p", "p", (None, None, 3), "int32")
    assert read_input(path, whole)[0, 0].tolist() == [255, 0, 51]
    assert read_input(path, whole).shape == (8, 12, 3), "open lengths are the picture's own"
    grey = read_input(path, Port("g", "g", (-1, 2, 2, 1), "float32"))
    assert grey.shape == (1, 2, 2, 1)


@pytest.mark.parametrize(("dtype", "colour"), [("uint8", [255, 0, 51]), ("int8", [127, -128, -77])])
def test_a_picture_for_bytes_takes_their_whole_range(tmp_path, dtype, colour):
    path = picture(tmp_path / "a.png", np.full((2, 2, 3), (255, 0, 51)))
    found = read_input(path, Port("x", "x", (1, 2, 2, 3), dtype))
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found[0, 1, 1], colour)


def test_what_is_no_picture_or_takes_none_says_so(tmp_path, monkeypatch):
    path = picture(tmp_path / "a.png", np.zeros((2, 2, 3)))
    with pytest.raises(InputError, match=r"input 'x' is \[None, 2\] of float32 and takes no picture; expected numbers"):
        read_input(path, X)
    broken = tmp_path / "b.jpg"
    broken.write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"b\.jpg: not a picture that can be read"):
        read_input(broken, IMAGE)
    with pytest.raises(LimitError):
        read_input(path, Port("i", "i", (1, 1 << 20, 1 << 20, 3), "float32"))
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1)
    with pytest.raises(InputError, match=r"a\.png: Image size \(4 pixels\) exceeds limit"):
        read_input(path, IMAGE)


def test_a_file_that_is_missing_or_of_another_kind_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.json: no such file"):
        read_input(tmp_path / "gone.json", X)
    with pytest.raises(InputError, match=r"a\.csv: input files end in \.npy, \.npz, .* or \.gif"):
        read_input(tmp_path / "a.csv", X)
    assert suffixes()[:4] == (".npy", ".npz", ".bin", ".json")
