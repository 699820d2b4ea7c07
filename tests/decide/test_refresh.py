"""The tool that writes the data of browsers, on packages that are small."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tfjslab.targets import browsers
from tfjslab.targets.features import FEATURES

REPO = Path(__file__).parents[2]


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("refresh_browsers", REPO / "tools" / "refresh_browsers.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def compat(**support):
    return {"api": {"GPU": {"__compat": {"support": support}}}}


def test_versions_behind_a_flag_or_with_a_prefix_do_not_count(tool):
    told = compat(chrome=[{"version_added": "20", "flags": [{"type": "preference"}]},
                          {"version_added": "10", "prefix": "webkit"}, {"version_added": "preview"},
                          {"version_added": "113", "version_removed": "144", "partial_implementation": True,
                           "notes": "On <code>macOS</code> only."}, {"version_added": "144"}],
                  safari={"version_added": False})
    assert tool.statements(told, "api.GPU", "chrome") == [
        {"since": "113", "until": "144", "partial": True, "note": "On macOS only."},
        {"since": "144", "until": None, "partial": False, "note": ""},
    ]
    assert tool.statements(told, "api.GPU", "safari") == []
    assert tool.statements(told, "api.GPU", "opera") == []


def test_the_file_is_as_the_tool_writes_it_and_knows_every_feature(tool):
    path = Path(browsers.__file__).with_name("browsers.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert tool.written(found) == path.read_text(encoding="utf-8")
    paths = {p for f in FEATURES.values() for p in f.paths}
    assert {row["source"].partition(": ")[2] for row in found["support"]} == paths
