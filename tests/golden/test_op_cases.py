"""Graph models of one op against what TensorFlow.js answers: equal, or in the table of differences with its rule.

The cases lie beside the repository, in ``../shared``; without them these tests are skipped.
"""

import importlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
CASES = REPO.parent / "shared" / "cases"
PAGE = REPO / "docs" / "differences.md"
NOT_THERE = ("unknown op", "DT_COMPLEX64")  # what a refusal names


@pytest.fixture(name="tool")
def _tool(monkeypatch):
    monkeypatch.syspath_prepend(REPO / "tools")
    return importlib.import_module("check_cases")


def known():
    return json.loads((REPO / "tools" / "known_differences.json").read_text())


def test_every_known_difference_has_its_rule_on_the_page():
    assert set(known().values()) <= set(re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE))


@pytest.mark.skipif(not (CASES / "ops.jsonl").is_file(), reason=f"no cases in {CASES}")
def test_ops_answer_what_tensorflow_js_answers(tool, tmp_path):
    """No case raises anything but our errors, and a difference is one that is known."""
    results, wrong = Counter(), []
    for case in tool.op_cases(CASES, tmp_path):
        result, text = tool.outcome(case, "cpu")
        results[result] += 1
        unlisted = (result == "wrong") != (case.name in known())
        missing = result == "refused" and not any(part in text for part in NOT_THERE)
        if unlisted or missing or result == "untyped":
            wrong.append(f"{case.name}: {result}: {text[:200]}")
    assert wrong == []
    assert results["ok"] > 500
