"""Where browsers get TensorFlow.js from."""

from __future__ import annotations

import pytest

import tfjslab as tf
from tfjslab.base.errors import UsageError
from tfjslab.browser.jobs.tfjs_source import WASM_FILES, tfjs_source


@pytest.fixture(autouse=True)
def _as_before():
    yield
    tf.set_tfjs(None)
    tf.set_wasm_paths(None)


@pytest.fixture
def npm(tmp_path):
    """A folder that looks as if npm had installed the packages."""
    for name in ("tfjs/dist/tf.min.js", "tfjs-backend-wasm/dist/tf-backend-wasm.min.js",
                 *(f"tfjs-backend-wasm/dist/{f}" for f in WASM_FILES)):
        path = tmp_path / "node_modules" / "@tensorflow" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path


def test_scripts_of_a_folder(npm):
    tf.set_tfjs(npm)
    assert [p.name for p in tfjs_source().scripts("webgl")] == ["tf.min.js"]
    assert [p.name for p in tfjs_source().scripts("wasm")] == ["tf.min.js", "tf-backend-wasm.min.js"]
    assert set(tfjs_source().wasm_files()) == set(WASM_FILES)


def test_what_is_missing_is_named_with_the_command_that_installs_it(npm):
    tf.set_tfjs(npm)
    with pytest.raises(UsageError, match=r"npm install --prefix .*tfjs-backend-webgpu@"):
        tfjs_source().scripts("webgpu")


def test_an_address_has_the_packages_with_their_version():
    tf.set_tfjs("https://cdn.example/npm/", "4.20.0")
    assert tfjs_source().scripts("wasm") == [
        "https://cdn.example/npm/@tensorflow/tfjs@4.20.0/dist/tf.min.js",
        "https://cdn.example/npm/@tensorflow/tfjs-backend-wasm@4.20.0/dist/tf-backend-wasm.min.js",
    ]


def test_wasm_paths_by_prefix_and_by_name(npm):
    tf.set_tfjs(npm)
    tf.set_wasm_paths("https://example.com", use_platform_fetch=True)
    assert tfjs_source().wasm_files()[WASM_FILES[1]] == f"https://example.com/{WASM_FILES[1]}"
    tf.set_wasm_paths({WASM_FILES[0]: "https://example.com/a.wasm"})
    found = tfjs_source().wasm_files()
    assert found[WASM_FILES[0]] == "https://example.com/a.wasm"
    assert found[WASM_FILES[1]].parent.name == "dist"


def test_wrong_paths_are_told():
    with pytest.raises(UsageError, match="is no folder and no http"):
        tf.set_tfjs("no/such/folder")
    with pytest.raises(UsageError, match=r"did you mean 'tfjs-backend-wasm.wasm'"):
        tf.set_wasm_paths({"tfjs-backend-wsm.wasm": "x"})
