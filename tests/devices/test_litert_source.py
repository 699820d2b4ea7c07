"""Where LiteRT.js comes from: a folder of npm, and an error that says what installs it."""

from __future__ import annotations

import pytest

import tfjslab as tf
from tfjslab.base.errors import UsageError
from tfjslab.browser.firefox import find_firefox
from tfjslab.browser.jobs.litert_source import litert_files


@pytest.fixture(autouse=True)
def _as_before():
    yield
    tf.set_litert(None)


def test_the_scripts_name_each_other_as_they_are_served(tmp_path):
    core, utils = (tmp_path / "node_modules" / "@litertjs" / name for name in ("core", "wasm-utils"))
    for folder in (core, utils):
        (folder / "dist").mkdir(parents=True)
        (folder / "package.json").write_text('{"version": "2.5.3"}')
        (folder / "dist" / "index.js").write_text('import { a } from "@litertjs/wasm-utils";')
    (core / "wasm").mkdir()
    (core / "wasm" / "some.wasm").write_bytes(b"x")
    tf.set_litert(tmp_path)
    found = litert_files()
    assert found.scripts["index.js"] == b'import { a } from "./wasm-utils.js";'
    assert (set(found.scripts), set(found.wasm)) == ({"index.js", "wasm-utils.js"}, {"some.wasm"})
    assert found.version == "2.5.3"


def test_what_is_missing_is_named_with_the_command_that_installs_it(tmp_path):
    tf.set_litert(tmp_path)
    with pytest.raises(UsageError, match=r"@litertjs/core is not found in .*npm install --prefix .* @litertjs/core@2"):
        litert_files()
    with pytest.raises(UsageError, match="no-such is no folder"):
        tf.set_litert("no-such")


def test_a_missing_firefox_is_named(monkeypatch):
    monkeypatch.setenv("TFJSLAB_FIREFOX", "no-such-firefox")
    with pytest.raises(tf.TfjslabError, match=r"Firefox is not found \(no-such-firefox\).*TFJSLAB_FIREFOX"):
        find_firefox()
