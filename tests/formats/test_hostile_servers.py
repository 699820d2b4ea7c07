"""Servers that never end: whatever they send, a download fails with a typed error in bounded time."""

import contextlib
import itertools
import json
import socket
import threading
import time

import pytest

import tfjslab as tf
from tfjslab.base.errors import LimitError, ModelError
from tfjslab.base.limits import Limits
from tfjslab.formats import connection

OK = b"HTTP/1.1 200 OK\r\n"


class RawServer:
    """Sends what it is told to, piece by piece, to whoever asks."""

    def __init__(self, pieces):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.pieces = pieces
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    @property
    def address(self):
        """Where its model would be."""
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/model.json"

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                with client, contextlib.suppress(OSError):
                    client.recv(65536)
                    for piece in self.pieces():
                        if self.ended.wait(0.01):
                            return
                        client.sendall(piece)

    def stop(self):
        """End it."""
        self.ended.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()


@pytest.fixture
def serving(monkeypatch, tmp_path):
    monkeypatch.setenv("TFJSLAB_CACHE_DIR", str(tmp_path / "cache"))
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(connection, "SLOW_SECONDS", 0.3)
    running = []

    def serve(pieces):
        running.append(RawServer(pieces))
        return running[-1].address

    yield serve
    for server in running:
        server.stop()


def forever(first, piece):
    return lambda: itertools.chain([first], itertools.repeat(piece))


HOSTILE = {
    "headers that never end": forever(OK, b"X-A: b\r\n"),
    "a header that drips": forever(OK + b"X-Long: ", b"a"),
    "a first line that drips": forever(b"HTTP/1.1 200 ", b"O"),
    "continue for ever": forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body that drips": forever(OK + b"\r\n", b"{"),
    "chunks that drip": forever(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_server_that_never_ends(serving, name):
    address, began = serving(HOSTILE[name]), time.monotonic()
    with pytest.raises(ModelError) as found:
        tf.load_model(address, backend="cpu")
    assert found.value.code == "model.download"
    assert time.monotonic() - began < 10


def test_a_body_without_end_is_cut_at_the_limit(serving, monkeypatch, tmp_path):
    monkeypatch.setattr("tfjslab.formats.cache.LIMITS", Limits(download_bytes=1 << 20))
    address = serving(forever(OK + b"\r\n", b" " * 65536))
    with pytest.raises(LimitError, match=r"bytes to download is .*, above the limit of 1048576"):
        tf.load_model(address, backend="cpu")
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


@pytest.mark.parametrize("address", ["http://[1::2/model.json", "https://a\u2100b/model.json", "http://[x]/model.json"])
def test_what_is_no_address(address):
    with pytest.raises(ModelError, match="not an address"):
        tf.load_model(address, backend="cpu")


def test_a_file_of_the_system_that_cannot_be_read(tmp_path):
    path = "/proc/self/mem"
    with contextlib.suppress(OSError), open(path, "rb"):  # noqa: PTH123
        with pytest.raises(ModelError, match="model file cannot be opened"):
            tf.load_model(path, backend="cpu")
        return
    pytest.skip("no such file here")


def test_thousands_of_references_to_a_shard(tmp_path):
    manifest = [{"paths": ["a.bin"] * 20_000, "weights": []}]
    nodes = [{"name": "x", "op": "Placeholder"}, {"name": "y", "op": "Relu", "input": ["x"]}]
    model = {"format": "graph-model", "modelTopology": {"node": nodes}, "weightsManifest": manifest}
    (tmp_path / "model.json").write_text(json.dumps(model))
    with pytest.raises(LimitError, match="number of weight shards is 20000, above the limit of 10000"):
        tf.load_model(tmp_path, backend="cpu")
