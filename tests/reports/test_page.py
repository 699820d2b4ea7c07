"""The page of a report: what it says first, that it is one file, and that names in it are harmless."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from support.reports import SAME, report_of, rounds, side

from tfjslab.base.errors import UsageError
from tfjslab.profiling.compare import TimeChange
from tfjslab.reports.page import page

HOSTILE = "<script>alert(1)</script>\"' onload=x \u202e\ud800\x00" + "n" * 5000 + "END"


def test_the_head_line_is_plain_words_about_the_fastest():
    slow, fast = side("slow", 90.0, answers=SAME), side("fast", 50.0, answers=SAME)
    found = report_of(side(), slow, fast)
    assert found.best.side.label == "fast"
    assert found.headline == (
        "An answer takes 50.00 ms instead of 100.0 ms: 50% less. 50% less memory at the peak, 50% less data to load. "
        "Answers: the same on 64 generated inputs: values within 1.0e-07 of the largest.")
    assert [c.key for c in found.head] == ["latency", "memory", "size"]
    text = page(found)
    assert "After: fast, the fastest of 2." in text
    assert text.count('class="card"') == 3


def test_a_difference_within_noise_is_called_none_in_the_head_line_and_the_cards():
    found = report_of(side(), side("after", 100.0))
    assert found.headline == (
        "An answer takes 100.0 ms, before 100.0 ms: no difference: interval 0.98 to 1.02. No difference in memory at "
        "the peak, no difference in data to load.")
    assert page(found).count(">no difference</b>") == 3


def test_the_start_takes_the_place_of_a_figure_that_is_missing():
    found = report_of(side(size_bytes=None), side("after", 50.0))
    assert [c.key for c in found.head] == ["latency", "memory", "start"]


def test_the_page_is_one_file_that_asks_for_nothing_and_runs_nothing():
    text = page(report_of(side(), side("after", 50.0)))
    assert re.findall(r"(?:src|href|url)\s*[=(]|@import|<script|<iframe|<link", text) == []
    assert "default-src 'none'" in text


def test_hostile_names_are_text_and_long_ones_are_cut():
    """Of the model, of programs, of steps, of changes, in the title, in reasons and commands."""
    step = TimeChange(HOSTILE, "both", -1.0, 2.0, 1.0, None, None, None, None, significant=True, verdict="2.00x faster")
    after = side(HOSTILE, 50.0, runtime=HOSTILE, changes=((HOSTILE, HOSTILE),), notes=(HOSTILE,),
                 start_ms=(), reasons={"start": HOSTILE})
    found = report_of(side(HOSTILE), after, title=HOSTILE, repeat=(HOSTILE,), environment=((HOSTILE, HOSTILE),))
    found = replace(found, compared=(replace(found.compared[0], steps=(step,)),))
    text = page(found)
    text.encode("utf-8")
    assert "<script" not in text
    assert not {"\u202e", "\x00", "\ud800"} & set(text)
    assert re.search(r"<[^>]* onload=[^>]*>", re.sub(r'"[^"]*"', '""', text)) is None
    assert max(map(len, re.findall(r">([^<]*)<", text))) < 9000  # the style sheet is longer than any text
    assert len(text) < 60_000


def test_a_report_that_was_ended_says_so_first():
    assert "Not all was measured: interrupted." in page(report_of(side(), side("after"), reason="interrupted"))


def test_a_side_without_any_run_has_a_page_all_the_same():
    broken = side("after", latency_ms=(), start_ms=(), peak_bytes=(), size_bytes=None, reasons={"": "it did not start"})
    found = report_of(side(), broken)
    assert found.headline == "Latency was not measured on both sides."
    assert "after: it did not start" in page(found)
    json.dumps(found.to_dict(), allow_nan=False)


def test_dict_files_and_text_tell_the_same(tmp_path):
    found = report_of(side(), side("after", 50.0, latency_ms=rounds(50.0)))
    data = found.to_dict()
    assert data["headline"] == found.headline
    assert data["compared"][0]["figures"][0]["saved"] == pytest.approx(0.5)
    assert len(data["before"]["latency_ms"]) == 7
    assert json.loads(found.save(tmp_path / "a.json").read_text()) == data
    assert found.save(tmp_path / "a.html").read_text() == page(found)
    assert "50% less (95%: 49% to 51%)" in str(found)
    assert "50% less" in found._repr_html_()
    assert repr(found) == "BeforeAfterReport(net: before and after: before and 1 side after)"


def test_other_suffixes_and_folders_that_are_missing_are_refused(tmp_path):
    found = report_of(side(), side("after"))
    with pytest.raises(UsageError, match=r"a.pdf: the suffix is '.pdf'; expected .html or .json"):
        found.save(tmp_path / "a.pdf")
    with pytest.raises(UsageError, match=r"a.html: cannot be written \(No such file or directory\)"):
        found.save(tmp_path / "none" / "a.html")
