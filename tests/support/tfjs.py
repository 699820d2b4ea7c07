"""TensorFlow.js itself as a judge, where Node and its packages are at hand."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "formats" / "tfjs_predict.mjs"


def peers():
    """The folder with ``node_modules``, from TFJSLAB_PEERS; skips the test when it cannot be used."""
    folder = os.environ.get("TFJSLAB_PEERS", "")
    if not folder or not (Path(folder) / "node_modules" / "@tensorflow" / "tfjs").is_dir():
        pytest.skip("TFJSLAB_PEERS does not name a folder where npm installed @tensorflow/tfjs")
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    return folder


def predict(models):
    """Outputs by TF.js of each (folder, {input name: array}): a list of (name, array), or its error as text."""
    folder = peers()
    for path, feeds in models:
        given = [
            {
                "name": k,
                "shape": list(v.shape),
                "dtype": "int32" if v.dtype.kind == "i" else "float32",
                "values": v.ravel().tolist(),
            }
            for k, v in feeds.items()
        ]
        (Path(path) / "inputs.json").write_text(json.dumps(given))
    command = ["node", str(SCRIPT), folder, *(str(p) for p, _ in models)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    return [_outputs(Path(p) / "outputs.json") for p, _ in models]


def _outputs(path):
    found = json.loads(path.read_text())
    if isinstance(found, dict):
        return found["error"]
    return [(o["name"], np.array(o["values"], np.float64).reshape(o["shape"])) for o in found]
