"""Every way in which a model or an input can be bad: exit code 3, one line that names the file and the reason."""

import json
from pathlib import Path

import numpy as np
import pytest

from tfjslab.cli.app import main


def fails(capsys, *argv, code=3):
    """Run the command line, which must fail with ``code`` and say nothing but one line; gives that line."""
    assert main([str(a) for a in argv]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    prefix = "tfjslab: error: "
    assert line.startswith(prefix)
    return line.removeprefix(prefix)


def run_fails(capsys, path, *argv):
    return fails(capsys, "run", path, "--backend", "cpu", *argv)


def test_truncated_json(capsys, model):
    path = Path(model)
    path.write_bytes(path.read_bytes()[:100])
    line = run_fails(capsys, model)
    assert line.startswith(f"{model}: ")
    assert "JSON" in line


def test_missing_shard(capsys, tmp_path, write_model):
    path = write_model(tmp_path)
    (tmp_path / "weights.bin").unlink()
    line = run_fails(capsys, path)
    assert line == f"{tmp_path}/weights.bin: weight shard cannot be opened: No such file or directory"


def test_short_shard(capsys, tmp_path, write_model):
    line = run_fails(capsys, write_model(tmp_path, shard=bytes(20)))
    assert line.startswith(f"{tmp_path}/")
    assert "20" in line
    assert "32" in line


def weight(model, **changes):
    model["weightsManifest"][0]["weights"][0].update(changes)


def test_wrong_weight_dtype(capsys, tmp_path, write_model):
    line = run_fails(capsys, write_model(tmp_path, lambda m: weight(m, dtype="flaot32")))
    assert line.startswith(f"{tmp_path}/model.json: ")
    assert "'flaot32'" in line
    assert "float32" in line.replace("flaot32", "")


def test_nan_scale(capsys, tmp_path, write_model):
    quantization = {"dtype": "uint8", "scale": float("nan"), "min": 0.0}
    line = run_fails(capsys, write_model(tmp_path, lambda m: weight(m, quantization=quantization), bytes(14)))
    assert line.startswith(f"{tmp_path}/model.json: ")
    assert "NaN" in line or "nan" in line


def test_unknown_ops_are_listed_all_at_once_with_counts(capsys, tmp_path, write_model):
    def damage(model):
        nodes = model["modelTopology"]["node"]
        nodes[3]["op"], nodes[4]["op"], nodes[5]["op"] = "MatMull", "Nonsense", "Nonsense"

    line = run_fails(capsys, write_model(tmp_path, damage))
    assert line.startswith(f"{tmp_path}/model.json: 2 unknown op(s): MatMull (1x")
    assert "Nonsense (2x" in line


@pytest.mark.parametrize("name", ["../weights.bin", "/etc/hostname", "a/../../weights.bin", "%2e%2e/weights.bin"])
def test_a_shard_path_that_leaves_the_folder(capsys, tmp_path, write_model, name):
    def damage(model):
        model["weightsManifest"][0]["paths"] = [name]

    path = write_model(tmp_path / "model", damage)
    (tmp_path / "weights.bin").write_bytes(bytes(32))
    line = run_fails(capsys, path)
    assert str(tmp_path / "model") in line
    assert name in line
    assert "folder" in line or "absolute" in line


def test_a_shard_that_is_a_link_out_of_the_folder(capsys, tmp_path, write_model):
    path = write_model(tmp_path / "model")
    shard = tmp_path / "model" / "weights.bin"
    shard.rename(tmp_path / "weights.bin")
    shard.symlink_to(tmp_path / "weights.bin")
    line = run_fails(capsys, path)
    assert line.startswith(f"{shard}: ")
    assert "outside of the model's folder" in line


def test_wrong_input_shape(capsys, tmp_path, model):
    np.save(tmp_path / "x.npy", np.zeros((1, 4), np.float32))
    assert run_fails(capsys, model, "--input", tmp_path / "x.npy") == "input 'x': shape [1, 4]; expected [?, 3]"


def test_wrong_input_dtype(capsys, tmp_path, model):
    np.save(tmp_path / "x.npy", np.zeros((1, 3), np.int32))
    line = run_fails(capsys, model, "--input", tmp_path / "x.npy")
    assert line.startswith("input 'x': dtype int32 (int32); expected float32")


def test_an_input_file_that_is_missing_or_no_array(capsys, tmp_path, model):
    path = tmp_path / "x.npy"
    assert run_fails(capsys, model, "--input", path) == f"{path}: no such file"
    path.write_bytes(b"not an array")
    line = run_fails(capsys, model, "--input", path)
    assert line == f"{path}: not a .npy file; expected one that numpy.save wrote"


def test_a_folder_without_a_model(capsys, tmp_path):
    line = run_fails(capsys, tmp_path)
    assert line == f"{tmp_path}: found no .json or .tflite file; expected model.json or one model file"


def test_json_that_is_no_model(capsys, tmp_path):
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"name": "npm-package"}))
    assert run_fails(capsys, path).startswith(f"{path}: ")


def test_a_name_that_is_neither_a_file_nor_in_the_zoo(capsys):
    line = run_fails(capsys, "mobilenet_v3")
    assert line == (
        "mobilenet_v3: no such file or folder, and no such model in the zoo (blazeface, digits, mobilenet_v2); "
        "did you mean 'mobilenet_v2'?"
    )


@pytest.mark.parametrize("command", ["bench", "profile", "inspect"])
def test_every_command_that_takes_a_model_refuses_a_bad_one_alike(capsys, tmp_path, write_model, command):
    path = write_model(tmp_path, lambda m: m["modelTopology"].pop("node"))
    assert fails(capsys, command, path, "--backend", "cpu").startswith(f"{path}: ")
