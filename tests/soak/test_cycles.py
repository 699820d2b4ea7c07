"""Two cycles of each kind give everything back that can be counted. ``tools/soak.py`` does thousands of them."""

import importlib
import sys
from pathlib import Path

import pytest
from support.available import need

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
KINDS = importlib.import_module("soak_cycles").KINDS
sys.path.pop(0)
BACKENDS = {"predict-webgpu": "webgpu", "load-webgpu": "webgpu"}


@pytest.mark.parametrize("name", KINDS)
def test_nothing_is_left_behind(tool, name):
    if name in BACKENDS:
        need(BACKENDS[name])
    looks = list(tool("soak_case").soak(KINDS[name], "digits", 2))
    assert [look["cycle"] for look in looks] == [0, 1, 2, 2]
    assert list(tool("soak_verdict").faults(looks)) == []
