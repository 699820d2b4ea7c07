"""Every kind of hostile model that was ever found: it ends as it is to, on both backends, soon, with nothing left."""

import importlib
from pathlib import Path

import pytest
from support.corpus import CORPUS

import tfjslab as tf

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def fuzz_case(monkeypatch):
    """The tool, and its limits of what a run may take."""
    monkeypatch.syspath_prepend(TOOLS)
    found = importlib.import_module("fuzz_case")
    tf.env().set_flags(found.LIMITS | {"MAX_LOOP_SECONDS": 0.2})
    yield found
    tf.env().reset()


@pytest.mark.parametrize("found", CORPUS, ids=lambda found: found.name.replace(" ", "_"))
def test_it_ends_as_it_is_to(fuzz_case, tmp_path, found):
    tf.env().set("MAX_RUN_SECONDS", found.seconds)
    path = found.write(tmp_path)
    told = fuzz_case.tried(path, ["cpu", "wasm-simd"])
    assert told["outcome"] not in ("untyped", "ugly", "left", "differ"), told["what"]
    if found.error is None:
        assert told["outcome"] == "ok"  # on both: what only one of them refuses would differ
        return
    with pytest.raises(found.error, match=found.says), tf.load_model(path, backend="cpu") as model:
        model.execute(model.sample())
