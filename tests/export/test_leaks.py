"""Ten thousand predictions leave memory where it was, and nothing keeps a process alive."""

from __future__ import annotations

from support.web import exported, run_script, small_graph


def test_predictions_leave_memory_where_it_was_and_the_process_ends(tmp_path):
    folder, _ = exported(tmp_path / "web", small_graph(64), only=["simd", "threads"])
    found = run_script("leaks.mjs", folder, 10_000, 200)  # on a busy machine threads wait for each other
    left = found.pop("left")
    assert list(found) == ["simd", "threads"]
    for variant, bytes_of in found.items():
        assert bytes_of["before"] == bytes_of["after"] > 0, variant
        assert bytes_of["disposed"] == 0, variant
    assert left == {"threads": 2, "hosted": "threads"}
