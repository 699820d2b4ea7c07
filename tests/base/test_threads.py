"""Threads that the system does not give: a typed error, and what was opened for them is closed."""

from __future__ import annotations

import socket
import sys
import threading

import pytest
from support.failing import failing

import tfjslab as tf
from tfjslab.base.errors import OutOfMemoryError
from tfjslab.base.threads import start_thread
from tfjslab.bench.peers.process import Peer
from tfjslab.browser.server import listening


def test_the_error_names_the_thread_and_the_limit():
    thread = threading.Thread(target=int, name="worker")
    with failing(1, "threads"), pytest.raises(OutOfMemoryError) as caught:
        start_thread(thread)
    assert caught.value.code == "threads"
    assert str(caught.value) == (
        f"thread 'worker' cannot be started: can't start new thread; {threading.active_count()} run in this process, "
        "the limit is the system's (ulimit -u, or that of the container)"
    )


def test_a_server_without_its_thread_gives_its_port_back():
    with listening(None) as port:
        pass
    with failing(1, "threads"), pytest.raises(OutOfMemoryError), listening(None, port=port):
        pass
    with listening(None, port=port) as again:
        assert again == port


def test_a_peer_without_its_reader_is_ended():
    with failing(1, "threads"), pytest.raises(OutOfMemoryError, match="'tfjslab-peer-test'"):
        Peer([sys.executable, "-c", "input()"], "test", 10)  # the tests fail for a process or a pipe that is left


def test_a_download_without_the_thread_that_ends_it(monkeypatch, tmp_path):
    monkeypatch.setenv("TFJSLAB_CACHE_DIR", str(tmp_path))
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/model.json"
        with failing(1, "threads"), pytest.raises(OutOfMemoryError, match="can't start new thread"):
            tf.load_model(address, backend="cpu")
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
