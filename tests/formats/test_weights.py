"""Weights: manifests, shards, quantization. Sizes are compared before a byte is read, and messages name the shard."""

import os

import numpy as np
import pytest

from tfjslab.base.errors import LimitError, ModelError, TfjslabError
from tfjslab.formats.sources import FolderFiles
from tfjslab.formats.strict_json import show
from tfjslab.formats.weight_writer import encode
from tfjslab.formats.weights import parse_manifest, read_weights


def spec(name, shape, dtype="float32", **quantization):
    found = {"name": name, "shape": list(shape), "dtype": dtype}
    return {**found, "quantization": quantization} if quantization else found


def read(folder, groups, shards):
    """Write shards by name and read the manifest [(paths, specs), ...]."""
    for name, data in shards.items():
        (folder / name).write_bytes(data)
    manifest = [{"paths": list(p), "weights": list(w)} for p, w in groups]
    return read_weights(parse_manifest(manifest, "model.json"), FolderFiles(folder))


def fails(folder, groups, shards, error=ModelError):
    with pytest.raises(error) as caught:
        read(folder, groups, shards)
    return str(caught.value).replace(f"{folder}/", ""), caught.value.code


def test_tensors_over_shards_and_groups(tmp_path):
    a, b = np.arange(6, dtype=np.float32), np.int32([7, -8])
    data = a.tobytes() + b.tobytes()
    found = read(
        tmp_path,
        [(["1", "2", "3"], [spec("a", [2, 3]), spec("b", [2], "int32")]), (["4"], [spec("c", [], "bool")])],
        {"1": data[:10], "2": data[10:20], "3": data[20:], "4": b"\1"},
    )
    np.testing.assert_array_equal(found["a"], a.reshape(2, 3))
    np.testing.assert_array_equal(found["b"], b)
    assert found["c"].dtype == bool
    assert found["c"].shape == ()
    assert found["c"]


def test_stored_tensors_are_read_only_views_of_one_buffer(tmp_path):
    found = read(tmp_path, [(["1"], [spec("a", [4]), spec("b", [4])])], {"1": bytes(32)})
    assert found["a"].base is not None
    address = [v.__array_interface__["data"][0] for v in found.values()]
    assert address[1] - address[0] == 16
    assert not any(v.flags.writeable for v in found.values())


def test_tensors_behind_odd_sizes_are_aligned_copies(tmp_path):
    values = np.float32([1.5, -2])
    found = read(tmp_path, [(["1"], [spec("a", [3], "bool"), spec("b", [2])])], {"1": b"\0\1\2" + values.tobytes()})
    np.testing.assert_array_equal(found["a"], [False, True, True])
    np.testing.assert_array_equal(found["b"], values)
    assert found["b"].flags.aligned


def test_strings(tmp_path):
    texts = np.array([["a", ""], ["zwölf", "\udcff"]], dtype=object)
    entry, data = encode("s", texts, None)
    found = read(tmp_path, [(["1"], [entry, spec("n", [1], "int32")])], {"1": data + np.int32([5]).tobytes()})
    np.testing.assert_array_equal(found["s"], texts)
    np.testing.assert_array_equal(found["n"], [5])


def test_complex_numbers(tmp_path):
    values = np.complex64([[1 - 2j, 3j]])
    entry, data = encode("c", values, "float16")
    assert entry == {"name": "c", "shape": [1, 2], "dtype": "complex64"}
    assert np.frombuffer(data, "<f4").tolist() == [1, -2, 0, 3]  # as TensorFlow.js stores them
    found = read(tmp_path, [(["1"], [entry])], {"1": data})
    np.testing.assert_array_equal(found["c"], values)


def test_strings_that_end_behind_the_file(tmp_path):
    message = fails(tmp_path, [(["1"], [spec("s", [1], "string")])], {"1": b"\xff\0\0\0abc"})
    assert message == ("1: string 0 of weight 's' ends at byte 259, found 7", "model.shard_size")
    message = fails(tmp_path, [(["1"], [spec("s", [1], "string")])], {"1": b"\1\0\0\0abc"})
    assert message == ("1: found 7 bytes in its group, expected 5", "model.shard_size")


def test_uint8_is_computed_in_double_precision_as_in_tfjs(tmp_path):
    stored = np.arange(256, dtype=np.uint8)
    scale, low = 0.1234567891234, -3.3333333333
    found = read(tmp_path, [(["1"], [spec("w", [256], dtype="float32")])], {"1": bytes(1024)})
    assert found["w"].dtype == np.float32
    quantized = {"dtype": "uint8", "scale": scale, "min": low}
    entry = {"name": "w", "shape": [256], "dtype": "float32", "quantization": quantized}
    found = read(tmp_path, [(["1"], [entry])], {"1": stored.tobytes()})
    np.testing.assert_array_equal(found["w"], np.float32([int(v) * scale + low for v in stored]))


def test_quantized_int32_rounds_halves_up_as_javascript_does(tmp_path):
    entry = {"name": "w", "shape": [3], "dtype": "int32", "quantization": {"dtype": "uint16", "scale": 0.5, "min": -1}}
    found = read(tmp_path, [(["1"], [entry])], {"1": np.array([1, 3, 4], "<u2").tobytes()})
    np.testing.assert_array_equal(found["w"], [0, 1, 1])


def test_float16(tmp_path):
    entry = {"name": "w", "shape": [2, 1], "dtype": "float32", "quantization": {"dtype": "float16"}}
    found = read(tmp_path, [(["1"], [entry])], {"1": np.array([1.5, -65504], "<f2").tobytes()})
    np.testing.assert_array_equal(found["w"], np.float32([[1.5], [-65504]]))


@pytest.mark.parametrize(
    ("quantization", "message"),
    [
        (
            {"dtype": "uint8", "scale": 0, "min": 0},
            "quantization scale 0.0 and min 0.0; expected finite numbers with scale > 0",
        ),
        (
            {"dtype": "uint8", "scale": -1, "min": 0},
            "quantization scale -1.0 and min 0.0; expected finite numbers with scale > 0",
        ),
        ({"dtype": "uint8", "scale": "NaN", "min": 0}, "quantization 'scale' is 'NaN'; expected a finite number"),
        ({"dtype": "uint8", "scale": float("nan"), "min": 0}, "quantization 'scale' is nan; expected a finite number"),
        ({"dtype": "uint8", "scale": 1, "min": float("-inf")}, "quantization 'min' is -inf; expected a finite number"),
        ({"dtype": "uint8", "scale": True, "min": 0}, "quantization 'scale' is True; expected a finite number"),
        (
            {"dtype": "uint16", "scale": 1e38, "min": 0},
            "quantization scale 1e+38 and min 0.0; expected finite numbers with scale > 0",
        ),
        ({"dtype": "uint8", "min": 0}, "quantization 'scale' is None; expected a finite number"),
        (
            {"dtype": "int4", "scale": 1, "min": 0},
            "quantization 'int4' of a float32 weight; expected uint8, uint16, float16",
        ),
    ],
)
def test_quantizations_that_no_quantizer_makes(quantization, message):
    entry = {"name": "w", "shape": [1], "dtype": "float32", "quantization": quantization}
    with pytest.raises(ModelError) as caught:
        parse_manifest([{"paths": ["1"], "weights": [entry]}], "model.json")
    assert str(caught.value) == f"model.json: weightsManifest[0].weights[0] 'w': {message}"
    assert caught.value.code == "model.quantization"


def test_float16_is_for_floats():
    entry = {"name": "w", "shape": [1], "dtype": "int32", "quantization": {"dtype": "float16"}}
    with pytest.raises(ModelError, match=r"quantization 'float16' of a int32 weight; expected uint8, uint16$"):
        parse_manifest([{"paths": ["1"], "weights": [entry]}], "model.json")


@pytest.mark.parametrize(
    ("entry", "message", "code"),
    [
        (
            spec("w", [1], "complex"),
            "unknown dtype 'complex'; expected float32, int32, bool, complex64, string; did you mean 'complex64'?",
            "model.dtype",
        ),
        (
            spec("w", [1], "flaot32"),
            "unknown dtype 'flaot32'; expected float32, int32, bool, complex64, string; did you mean 'float32'?",
            "model.dtype",
        ),
        (spec("w", [-1]), "shape [-1]; expected integers >= 0", "model.weight_spec"),
        (spec("w", [1.5]), "shape [1.5]; expected integers >= 0", "model.weight_spec"),
        (spec("w", [True]), "shape [True]; expected integers >= 0", "model.weight_spec"),
    ],
)
def test_weights_that_cannot_be(entry, message, code):
    with pytest.raises(ModelError) as caught:
        parse_manifest([{"paths": ["1"], "weights": [entry]}], "model.json")
    assert str(caught.value) == f"model.json: weightsManifest[0].weights[0] 'w': {message}"
    assert caught.value.code == code


@pytest.mark.parametrize("shape", [[2**62, 4], [2**31], [1] * 9, [2**200]])
def test_sizes_are_exact_and_limited_before_anything_is_allocated(shape):
    with pytest.raises(LimitError, match="above the limit of"):
        parse_manifest([{"paths": ["1"], "weights": [spec("w", shape)]}], "model.json")


def test_many_large_weights_are_limited_together():
    weights = [spec(f"w{i}", [2**28]) for i in range(3)]
    with pytest.raises(LimitError) as caught:
        parse_manifest([{"paths": ["1"], "weights": weights}], "model.json")
    assert str(caught.value) == "model.json: bytes of all weights is 3221225472, above the limit of 2147483648"


def test_a_weight_that_is_listed_twice():
    with pytest.raises(ModelError, match=r"^model.json: weight 'w' is listed 2 times$"):
        parse_manifest([{"paths": ["1"], "weights": [spec("w", [1]), spec("w", [1])]}], "model.json")


FOUR = [spec("w", [9])]  # 36 bytes, in shards of 10


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([10, 10, 10, 5], "s3: found 5 bytes, expected 6 (4 shards hold 35 bytes, the weights take 36)"),
        ([10, 10, 10, 7], "s3: found 7 bytes, expected 6 (4 shards hold 37 bytes, the weights take 36)"),
        ([4, 10, 10, 6], "s0: found 4 bytes, expected 10 (4 shards hold 30 bytes, the weights take 36)"),
        ([10, 12, 10, 6], "s1: found 12 bytes, expected 10 (4 shards hold 38 bytes, the weights take 36)"),
        ([10, 10, 0, 6], "s2: found 0 bytes, expected 10 (4 shards hold 26 bytes, the weights take 36)"),
        ([20], "s0: found 20 bytes, expected 36"),
        ([40], "s0: found 40 bytes, expected 36"),
    ],
)
def test_short_and_long_shards_are_named(tmp_path, sizes, message):
    names = [f"s{i}" for i in range(len(sizes))]
    found = fails(tmp_path, [(names, FOUR)], {n: bytes(s) for n, s in zip(names, sizes, strict=True)})
    assert found == (message, "model.shard_size")


def test_a_missing_shard(tmp_path):
    message = fails(tmp_path, [(["s0", "s1"], FOUR)], {"s0": bytes(10)})
    assert message == ("s1: weight shard cannot be opened: No such file or directory", "model.missing_shard")


def test_weights_without_shards(tmp_path):
    assert fails(tmp_path, [([], FOUR)], {}) == (
        f"{tmp_path}: a weight group without shards, 36 bytes",
        "model.shard_size",
    )


BAD_PATHS = {
    "../w": "leaves the model's folder",
    "a/../../w": "leaves the model's folder",
    "/etc/passwd": "is an absolute path",
    "C:w": "is an absolute path",
    "C:\\w": "is an absolute path",
    "\\\\host\\w": "is an absolute path",
    "a\\..\\w": "leaves the model's folder",
    "a\\w": "holds a backslash",
    "..%2fw": "leaves the model's folder",
    "%2e%2e/w": "leaves the model's folder",
    "%252e%252e%252fw": "leaves the model's folder",
    "%2fw": "is an absolute path",
    "http://host/w": "is an absolute path",
    "file:///w": "is an absolute path",
    "": "is empty",
    " ": "is empty",
    "a\0b": "holds a control character",
    "a\nb": "holds a control character",
}


@pytest.mark.parametrize("name", BAD_PATHS)
def test_shards_must_stay_inside_the_folder(tmp_path, name):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "w").write_bytes(bytes(36))
    message = fails(folder, [([name], FOUR)], {})
    expected = f"{folder}: file name {name!r} {BAD_PATHS[name]}; expected a name inside of the model's folder"
    assert message == (expected, "model.path")


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links on this system")
def test_links_must_stay_inside_the_folder_too(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "outside").write_bytes(bytes(36))
    (folder / "link").symlink_to(tmp_path / "outside")
    message = fails(folder, [(["link"], FOUR)], {})
    target = show(f"{tmp_path}/outside")  # shortened where the temporary folder's name is long
    assert message == (f"link: a link to {target}, outside of the model's folder", "model.path")
    (folder / "inside").write_bytes(bytes(36))
    (folder / "link").unlink()
    (folder / "link").symlink_to("inside")
    assert read(folder, [(["link"], FOUR)], {})["w"].shape == (9,)


def test_shards_in_folders_of_the_model(tmp_path):
    (tmp_path / "shards").mkdir()
    assert read(tmp_path, [(["shards/a b%.bin"], FOUR)], {"shards/a b%.bin": bytes(36)})["w"].shape == (9,)


def test_a_shard_that_is_a_folder_or_a_pipe(tmp_path):
    (tmp_path / "s0").mkdir()
    message = fails(tmp_path, [(["s0"], FOUR)], {})
    assert message == ("s0: not a regular file; expected a weight shard", "model.missing_file")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "s1")
        message = fails(tmp_path, [(["s1"], FOUR)], {})
        assert message == ("s1: not a regular file; expected a weight shard", "model.missing_file")


def test_progress_is_told_for_each_file(tmp_path):
    (tmp_path / "s0").write_bytes(bytes(36))
    seen = []
    files = FolderFiles(tmp_path, lambda *told: seen.append(told))
    read_weights(parse_manifest([{"paths": ["s0"], "weights": FOUR}], "model.json"), files)
    assert seen == [("s0", 36, 36)]


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        [[]],
        [{"paths": "x", "weights": []}],
        [{"paths": [1], "weights": []}],
        [{"paths": [], "weights": [1]}],
        [{"paths": []}],
    ],
)
def test_manifests_of_the_wrong_form_are_typed_errors(manifest):
    with pytest.raises(TfjslabError) as caught:
        parse_manifest(manifest, "model.json")
    assert str(caught.value).startswith("model.json")
