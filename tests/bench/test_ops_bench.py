"""Rows on our backends beside a peer: figures, disagreement, refusal, a peer that is lost, and Ctrl-C."""

from __future__ import annotations

import itertools
import sys
from functools import partial
from pathlib import Path

import pytest
from support.tfjs import peers

from tfjslab.backends.ceilings import Ceilings
from tfjslab.base.errors import UsageError
from tfjslab.bench.comparison import difference
from tfjslab.bench.ops.bench import OpSettings, bench_ops
from tfjslab.bench.ops.reading import read_rows, row_of
from tfjslab.bench.ops.result import WRONG
from tfjslab.bench.ops.samples import Meter
from tfjslab.bench.ops.sides import OwnOp, PeerOp
from tfjslab.bench.peers.process import Peer, PeerError
from tfjslab.bench.peers.tfjs import COMPILE_FOR_SPEED, start_tfjs

FAKE = Path(__file__).parents[1] / "support" / "fake_peer.py"
CEILINGS = Ceilings(1, 1e6, None, 1e6, 1e6, 1e6, 1e6, 1, 1, 1)
# What the fake peer computes: four times 2.0.
TWOS = {"group": "g", "op": "Relu", "inputs": [{"shape": [1, 4], "low": 2, "high": 2}]}
THREES = {"group": "g", "op": "Abs", "inputs": [{"shape": [1, 4], "low": 3, "high": 3}]}


def rows(*given):
    return [row_of(r, "test") for r in given]


MS = 1e3 / 512  # a tick of the clock below, without rounding, and longer than a sample needs to be


def ticking():
    """A clock that is a tick further at each look."""
    return (i / 512 for i in itertools.count(1)).__next__


def settings(behaviour=None, **more):
    """Ours take a tick, whatever they do; the fake peer takes 4 ms."""
    def start(_backend, threads):
        return Peer([sys.executable, str(FAKE), behaviour, str(threads)], "fake", 60.0)

    meter = Meter(ticking(), ticking(), lambda _alone: 0)
    chosen = {"rounds": 3, "start": start if behaviour else None, "meter": meter,
              "ceilings": lambda _backend: (CEILINGS, ""), **more}
    return OpSettings(**chosen)


def test_every_figure_of_both_sides_is_there_and_exact():
    report = bench_ops(rows(TWOS), ["cpu"], None, settings("well"))
    (row,) = report.rows
    assert (row.label, row.ms, row.peer_ms) == ("Relu 1x4", MS, 4.0)
    assert (row.ratio, row.rounds, row.disturbed, row.repeated) == (4 / MS, 3, 0, 0)
    assert (row.difference, row.wrong, row.reason, row.num_kernels, row.fallback_kernels) == (0.0, False, "", 1, 0)
    assert (row.flops, row.bytes_moved) == (4, 32)
    assert (row.compute_share, row.memory_share) == (pytest.approx(4e-3 / MS), pytest.approx(32e-3 / MS))
    assert row.share == row.memory_share
    assert report.peer == "fake of TensorFlow.js 1.2.3, fake"
    assert report.summaries[0].geometric_mean == pytest.approx(4 / MS)


def test_a_row_whose_outputs_disagree_is_marked_and_not_counted():
    report = bench_ops(rows(TWOS, THREES), ["cpu"], None, settings("well"))
    assert [(r.wrong, r.difference) for r in report.rows] == [(False, 0.0), (True, 0.5)]
    assert report.summaries[0].compared == 1
    assert report.summaries[0].wrong == ("Abs 1x4",)


def test_without_a_peer_only_ours_is_measured():
    (row,) = bench_ops(rows(TWOS), ["cpu"], None, settings()).rows
    assert row.ms == MS
    assert (row.peer_ms, row.ratio, row.difference, row.wrong) == (None, None, None, False)


def test_a_row_that_the_peer_refuses_is_measured_on_our_side():
    (row,) = bench_ops(rows(TWOS), ["cpu"], None, settings("op:refuse")).rows
    assert (row.ratio, row.reason) == (None, "fake refused to op: no such kernel")
    assert row.ms == MS


def test_a_row_that_the_peer_cannot_time_has_the_reason():
    (row,) = bench_ops(rows(TWOS), ["cpu"], None, settings("burst:refuse")).rows
    assert (row.ms, row.ratio, row.reason) == (None, None, "fake refused to burst: no such kernel")


def test_a_row_that_ours_cannot_run_has_the_reason():
    layer = {"group": "g", "layer": "Nonesuch", "inputs": [[1, 2]]}
    found = bench_ops(rows(layer, TWOS), ["cpu"], None, settings()).rows
    assert found[0].ms is None
    assert "Nonesuch" in found[0].reason
    assert found[1].ms == MS


def test_a_peer_that_is_lost_ends_the_measuring_with_what_there_is():
    class Dying(Peer):
        bursts = 0

        def ask(self, command, *, timeout_s=None, **arguments):
            self.bursts += command == "burst"
            return super().ask("die" if self.bursts > 200 else command, timeout_s=timeout_s, **arguments)

    def start(_backend, threads):
        return Dying([sys.executable, str(FAKE), "die:die", str(threads)], "fake", 60.0)

    report = bench_ops(rows(*[TWOS] * 20), ["cpu"], None, settings(start=start))
    assert 0 < len(report.rows) < 20
    assert report.failed
    assert report.reason == "fake ended when asked to die; it said: first words / last words"
    assert report.summaries[0].rows == len(report.rows)


def test_a_peer_that_is_lost_at_once_is_an_error():
    with pytest.raises(PeerError, match=r"^fake ended when asked to burst; it said: first words / last words$"):
        bench_ops(rows(TWOS), ["cpu"], None, settings("burst:die"))


def test_ctrl_c_gives_what_was_measured_and_ends_the_peer():
    started = []

    def start(_backend, threads):
        started.append(Peer([sys.executable, str(FAKE), "well", str(threads)], "fake", 60.0))
        return started[0]

    def interrupt(_what, done, _total):
        if done == 1:
            raise KeyboardInterrupt

    report = bench_ops(rows(TWOS, TWOS), ["cpu"], None, settings(start=start, progress=interrupt))
    assert (len(report.rows), report.reason, report.failed) == (1, "interrupted", False)
    assert started[0]._process.poll() is not None


def test_progress_counts_rows():
    told = []
    bench_ops(rows(TWOS, TWOS), ["cpu"], None, settings(progress=lambda *what: told.append(what)))
    assert told == [("2 ops on cpu", n, 2) for n in (0, 1, 2)]


def test_numbers_that_make_no_sense_are_refused():
    with pytest.raises(UsageError, match=r"^rounds=0; expected 1 or more$"):
        bench_ops(rows(TWOS), ["cpu"], None, OpSettings(rounds=0))


def test_results_whose_length_depends_on_data_are_measured():
    boxes = {"shape": [10, 4], "low": 0, "high": 1}
    row = {"group": "g", "op": "NonMaxSuppressionV3", "inputs": [boxes, {"shape": [10]}],
           "attrs": {"max_output_size": 5}}
    (found,) = bench_ops(rows(row), ["wasm-simd"], None, settings()).rows
    assert (found.reason, found.ms) == ("", MS)


def test_the_built_in_ops_are_the_same_computation_in_tensorflow_js(tmp_path):
    """Each row by both sides: the generic call of the function finds the right one, with the right arguments."""
    wrong = {}
    with start_tfjs(Path(peers()), "wasm-simd", 1, flags=COMPILE_FOR_SPEED) as peer:
        for i, row in enumerate(read_rows("builtin")):
            folder = tmp_path / str(i)
            folder.mkdir()
            with OwnOp(row, folder, "wasm-simd", None) as own:
                theirs = PeerOp(peer, row, own.feeds, folder).outputs()
                apart = difference(own.outputs()[: len(theirs)], theirs)
            if apart is None or apart > WRONG:
                wrong[row.label] = apart
    assert wrong == {}


def test_tensorflow_js_is_timed_beside_ours():
    matmul = {"group": "g", "op": "BatchMatMul", "inputs": [[16, 64], {"constant": [64, 64]}]}
    start = partial(start_tfjs, Path(peers()), flags=COMPILE_FOR_SPEED)
    report = bench_ops(rows(matmul), ["wasm-simd"], None, OpSettings(2, start))
    (row,) = report.rows
    assert row.ratio_min <= row.ratio <= row.ratio_max
    assert row.difference < 1e-5
    assert "wasm of TensorFlow.js 4" in report.peer
