"""The protocol with another program, and every way in which that program can fail."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from tfjslab.base.errors import UsageError
from tfjslab.bench.peers import tfjs
from tfjslab.bench.peers.process import Peer, PeerError

FAKE = Path(__file__).parents[1] / "support" / "fake_peer.py"
LONG, SHORT = 60.0, 0.05  # seconds: one is never reached, the other always


def start(behaviour="well", timeout_s=LONG):
    return Peer([sys.executable, str(FAKE), behaviour, "1"], "fake", timeout_s)


def test_each_line_is_answered_by_one_line():
    with start() as peer:
        assert peer.hello["version"] == "1.2.3"
        assert peer.ask("steady", count=3) == {"times_ms": [9.0, 2.0, 2.0]}
        assert peer.ask("profile")["num_kernels"] == 2


def test_nothing_stays_of_what_the_program_left_behind():
    with start() as peer:
        left = Path(peer.hello["left"])
        assert left.is_dir()
    assert not left.exists()


def failure(behaviour, **options):
    """What a failing program's error says, and that it is gone."""
    with start(behaviour) as peer:
        with pytest.raises(PeerError) as caught:
            peer.ask("profile", **options)
        if "refuse" not in behaviour:
            assert peer._process.poll() is not None
    return str(caught.value)


def test_a_program_that_dies_is_quoted():
    assert failure("profile:die") == "fake ended when asked to profile; it said: first words / last words"


def test_a_program_that_ends_early_is_reported_with_its_status():
    assert failure("profile:vanish") == "fake ended when asked to profile; it said nothing (exit status 0)"


def test_a_program_that_hangs_is_stopped():
    text = failure("profile:hang", timeout_s=SHORT)
    assert text.startswith("fake did not answer within 0.05 s when asked to profile; it said nothing (exit status ")


def test_a_line_that_is_not_json_is_shown():
    text = failure("profile:garble")
    assert text.startswith("fake answered 'not JSON at all' when asked to profile; expected JSON; it said nothing")


def test_a_refusal_leaves_the_program_running():
    assert failure("profile:refuse") == "fake refused to profile: no such kernel"


@pytest.mark.parametrize("how", ["die", "vanish", "garble", "refuse"])
def test_a_program_that_fails_to_start_leaves_nothing_running(how):
    before = threading.active_count()
    with pytest.raises(PeerError, match="to start"):
        start(f"start:{how}")
    assert threading.active_count() == before


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(PeerError, match=r"^fake cannot be started: No such file or directory$"):
        Peer(["/no/such/program"], "fake", LONG)


def test_asking_after_the_end_is_an_error_and_closing_twice_is_fine():
    with start() as peer:
        peer._process.kill()
        peer._process.wait()
        with pytest.raises(PeerError, match=r"^fake ended when asked"):
            peer.ask("profile")
    peer.close()


def test_an_interrupt_ends_the_program():
    with pytest.raises(KeyboardInterrupt), start() as peer:
        raise KeyboardInterrupt
    assert peer._process.returncode is not None


def test_missing_node_is_named_with_the_command_that_installs_the_packages(monkeypatch, tmp_path):
    monkeypatch.setattr(tfjs.shutil, "which", lambda _name: None)
    with pytest.raises(UsageError) as caught:
        tfjs.find_peers(str(tmp_path))
    assert str(caught.value) == (
        f"node is not found; install Node.js with npm, then run: npm install --prefix {tmp_path} "
        "@tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0"
    )


def test_missing_packages_are_named_with_the_command_that_installs_them(monkeypatch, tmp_path):
    monkeypatch.setattr(tfjs.shutil, "which", lambda _name: "node")
    monkeypatch.setenv(tfjs.PEERS_VARIABLE, str(tmp_path))
    for package in tfjs.PACKAGES:
        with pytest.raises(UsageError) as caught:
            tfjs.find_peers(None)
        assert str(caught.value).endswith(
            f"{tfjs.PACKAGES[1]} not found in {tmp_path / 'node_modules'}; run: npm install --prefix {tmp_path} "
            "@tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0",
        )
        folder = tmp_path / "node_modules" / package
        folder.mkdir(parents=True)
        (folder / "package.json").write_text("{}")
    assert tfjs.find_peers(None) == tmp_path
    assert tfjs.find_peers(str(tmp_path)) == tmp_path
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.delenv(tfjs.PEERS_VARIABLE)
    monkeypatch.chdir(inside)
    assert tfjs.find_peers(None) == tmp_path  # as Node looks for packages: here, then above


def test_another_number_of_threads_than_asked_for_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(tfjs, "Peer", lambda *_: start())
    with pytest.raises(PeerError, match=r"^TensorFlow.js runs on 1 thread\(s\); expected 2$"):
        tfjs.start_tfjs(tmp_path, "wasm-threads", 2)


def test_a_backend_without_counterpart_is_refused():
    with pytest.raises(UsageError, match=r"^backend 'webgpu' has no counterpart in TensorFlow.js under Node; those"):
        tfjs.check_backend("webgpu")
