"""``--roofline`` of bench and profile: its JSON, its tables, and backends that have no ceilings."""

from __future__ import annotations

import json

import pytest

from tfjslab.backends.wasm import ceilings
from tfjslab.cli import output
from tfjslab.cli.app import main
from tfjslab.records.profile import from_json

ROW_KEYS = {
    "key", "count", "time_ms", "gflops_per_s", "gbytes_per_s", "compute_share", "bandwidth_share", "limit",
}


@pytest.fixture(autouse=True)
def _small_loops(monkeypatch):
    """Ceilings in no time; how high they are does not matter here."""
    monkeypatch.setattr(ceilings, "_STEPS", 64)
    monkeypatch.setattr(ceilings, "_MOVED", 1 << 20)
    monkeypatch.setattr(ceilings, "_MEMORY_LEAST", 1 << 20)
    monkeypatch.setattr(ceilings, "_MEMORY_MOST", 1 << 20)


def result(capsys, *argv):
    """The JSON that a command writes."""
    assert main([*argv, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_profile_is_held_against_ceilings_and_can_still_be_read(capsys, model):
    found = result(capsys, "profile", model, "--backend", "wasm-plain", "--roofline")
    held = found["roofline"]
    assert held["reason"] == ""
    assert held["ceilings"]["threads"] == 1
    assert set(held["whole"]) == ROW_KEYS
    assert {r["key"] for r in held["kernels"]} == {k["name"] for k in found["kernels"]}
    assert from_json(found).wall_ms == found["wall_ms"] == held["whole"]["time_ms"]


def test_bench_holds_each_model_on_each_backend(capsys, model):
    rows = result(capsys, "bench", model, "--backend", "cpu,wasm-simd", "--runs", "2", "--roofline")
    assert [r["backend"] for r in rows] == ["cpu", "wasm-simd"]
    host, ours = (r["roofline"] for r in rows)
    assert (host["ceilings"], host["kernels"], host["whole"]) == (None, None, None)
    assert host["reason"] == "backend 'cpu' runs no kernels of ours to measure its ceilings with"
    assert ours["ceilings"]["fma_flops_per_s"] > 0


@pytest.mark.parametrize("command", ["profile", "bench"])
def test_tables_fit_a_narrow_terminal_and_name_the_limit(capsys, model, command, monkeypatch):
    monkeypatch.setattr(output, "_WIDTH_WITHOUT_TERMINAL", 80)
    assert main([command, model, "--backend", "wasm-plain", "--roofline"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    for piece in ("against the ceilings", "the whole model", "of compute", "limit", "1 thread(s), in their own time"):
        assert piece in text


def test_without_ceilings_the_reason_is_shown(capsys, model):
    assert main(["profile", model, "--backend", "cpu", "--roofline"]) == 0
    assert "no roofline: backend 'cpu' runs no kernels" in capsys.readouterr().out


def test_kernels_beyond_the_ceiling_are_told(capsys, model, monkeypatch):
    """A ceiling of next to nothing is one that every kernel passes."""
    monkeypatch.setattr(ceilings._Bench, "best", lambda *_: 1.0)
    assert main(["profile", model, "--backend", "wasm-plain", "--roofline"]) == 0
    assert "faster than the ceiling: " in " ".join(capsys.readouterr().out.split())
