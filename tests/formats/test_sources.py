"""Finding a model: folders, files, addresses, and the cache of downloads."""

import http.server
import json
import threading
from functools import partial
from pathlib import Path

import pytest

from tfjslab.base.errors import LimitError, ModelError
from tfjslab.base.limits import Limits
from tfjslab.formats import cache, document
from tfjslab.formats.registry import read_model
from tfjslab.formats.sources import open_source

SUFFIXES = (".json", ".tflite")


def fails(where):
    with pytest.raises(ModelError) as caught:
        open_source(where, SUFFIXES)
    return str(caught.value), caught.value.code


def test_a_folder_needs_model_json_or_one_model_file(tmp_path):
    assert fails(tmp_path) == (
        f"{tmp_path}: found no .json or .tflite file; expected model.json or one model file",
        "model.missing_file",
    )
    (tmp_path / "a.json").touch()
    assert open_source(tmp_path, SUFFIXES).main == "a.json"
    (tmp_path / "b.tflite").touch()
    assert fails(tmp_path)[0] == f"{tmp_path}: found a.json, b.tflite; expected model.json or one model file"
    (tmp_path / "model.json").touch()
    assert open_source(tmp_path, SUFFIXES).main == "model.json"


def test_what_is_not_there(tmp_path):
    assert fails(tmp_path / "gone") == (
        f"{tmp_path}/gone: model cannot be opened: No such file or directory",
        "model.missing_file",
    )
    assert fails("ftp://host/model.json") == (
        "ftp://host/model.json: unknown scheme 'ftp'; expected a path, file://, http:// or https://",
        "model.path",
    )
    assert fails("file://elsewhere/model.json") == (
        "file://elsewhere/model.json: file address with host 'elsewhere'; expected file:///path",
        "model.path",
    )
    assert fails("http:///model.json") == ("http:///model.json: address without a host", "model.path")


@pytest.mark.parametrize(
    ("address", "model", "shard"),
    [
        ("https://host/a/model.json", "https://host/a/model.json", "https://host/a/s.bin"),
        ("https://host/a/other.json?v=1", "https://host/a/other.json?v=1", "https://host/a/s.bin?v=1"),
        ("https://host/a/", "https://host/a/model.json", "https://host/a/s.bin"),
        (
            "https://tfhub.dev/x/model/1",
            "https://tfhub.dev/x/model/1/model.json?tfjs-format=file",
            "https://tfhub.dev/x/model/1/s.bin?tfjs-format=file",
        ),
        (
            "https://www.kaggle.com/models/x/1",
            "https://www.kaggle.com/models/x/1/model.json?tfjs-format=file",
            "https://www.kaggle.com/models/x/1/s.bin?tfjs-format=file",
        ),
        ("https://host", "https://host/model.json", "https://host/s.bin"),
    ],
)
def test_addresses_of_models_and_their_shards(address, model, shard):
    source = open_source(address, SUFFIXES)
    assert source.name == model
    assert source.files.describe("s.bin") == shard


class Server:
    """A web server of one folder that counts answers and can change them."""

    def __init__(self, folder):
        self.answers = []
        self.etag = '"1"'
        self.cut = 0
        outer = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                path = Path(self.translate_path(self.path))
                known = self.headers.get("If-None-Match")
                if known and known == outer.etag:
                    return self.answer(304, b"")
                if not path.is_file():
                    return self.answer(404, b"")
                return self.answer(200, path.read_bytes())

            def answer(self, status, body):
                """Send an answer, cut short if the test wants it."""
                outer.answers.append((status, self.path))
                self.send_response(status)
                if outer.etag:
                    self.send_header("ETag", outer.etag)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) - outer.cut])

            def log_message(self, *_told):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
        self.server.daemon_threads = False
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        """End it; doing so twice is fine."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TFJSLAB_CACHE_DIR", str(tmp_path / "cache"))
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    return tmp_path / "cache"


def test_a_download_is_kept_revalidated_and_used_without_the_server(kit, tmp_path, server, kept):
    kit.affine().write(tmp_path / "m")
    address = f"{server.address}/m/model.json"
    seen = []
    graph = read_model(address, progress=lambda *told: seen.append(told))
    assert len(graph.nodes) == 3
    assert server.answers == [(200, "/m/model.json"), (200, "/m/shard.bin")]
    assert ("shard.bin", 32, 32) in seen
    server.answers.clear()
    assert len(read_model(address).nodes) == 3
    assert server.answers == [(304, "/m/model.json"), (304, "/m/shard.bin")]
    server.stop()
    assert len(read_model(address).nodes) == 3, "offline"
    assert not list(kept.rglob("*.part"))


def test_a_changed_file_is_fetched_again(kit, tmp_path, server, kept):
    model = kit.affine()
    model.write(tmp_path / "m")
    address = f"{server.address}/m/"
    assert [p.name for p in read_model(address).outputs] == ["y"]
    model.json["signature"]["outputs"] = kit.entries(sum=("s:0", [-1, 2]))
    model.write(tmp_path / "m")
    server.etag = '"2"'
    assert [p.name for p in read_model(address).outputs] == ["s"]


def test_a_kept_file_of_the_wrong_size_is_fetched_again(kit, tmp_path, server, kept):
    kit.affine().write(tmp_path / "m")
    read_model(f"{server.address}/m/")
    for blob in (kept / "models" / "blobs").iterdir():
        blob.write_bytes(b"x")
    for record in (kept / "models" / "urls").iterdir():
        record.write_text(record.read_text()[:-20])
    assert len(read_model(f"{server.address}/m/").nodes) == 3


def test_records_of_the_cache_cannot_point_outside(kit, tmp_path, server, kept):
    kit.affine().write(tmp_path / "m")
    read_model(f"{server.address}/m/")
    (tmp_path / "evil").write_bytes(b"{}")
    for record in (kept / "models" / "urls").iterdir():
        record.write_text(json.dumps({**json.loads(record.read_text()), "sha256": "../../../evil", "size": 2}))
    assert len(read_model(f"{server.address}/m/").nodes) == 3


def test_a_missing_shard_on_the_server(kit, tmp_path, server, kept):
    kit.affine().write(tmp_path / "m")
    (tmp_path / "m" / "shard.bin").unlink()
    with pytest.raises(ModelError) as caught:
        read_model(f"{server.address}/m/")
    expected = f"{server.address}/m/shard.bin: weight shard cannot be downloaded: the server answers 404 Not Found"
    assert (str(caught.value), caught.value.code) == (expected, "model.download")


def test_a_connection_that_ends_too_early(kit, tmp_path, server, kept):
    path = kit.affine().write(tmp_path / "m")
    size = path.stat().st_size
    server.cut = 5
    with pytest.raises(ModelError) as caught:
        read_model(f"{server.address}/m/model.json")
    expected = f"{server.address}/m/model.json: the connection ended after {size - 5} of {size} bytes"
    assert (str(caught.value), caught.value.code) == (expected, "model.download")
    assert not list(kept.rglob("*.part")), "half files do not stay"


def test_no_server_and_nothing_kept(kept, server):
    server.stop()
    with pytest.raises(ModelError, match=r"model.json: model file cannot be downloaded: .*refused") as caught:
        read_model(f"{server.address}/model.json")
    assert caught.value.code == "model.download"


def test_downloads_are_limited_before_they_start(kit, tmp_path, server, kept, monkeypatch):
    path = kit.affine().write(tmp_path / "m")
    monkeypatch.setattr(cache, "LIMITS", Limits(download_bytes=10))
    with pytest.raises(LimitError) as caught:
        read_model(f"{server.address}/m/model.json")
    size = path.stat().st_size
    assert str(caught.value) == f"{server.address}/m/model.json: bytes to download is {size}, above the limit of 10"


def test_redirects_do_not_reach_local_files(tmp_path, server, kept, monkeypatch):
    def redirect(handler):
        handler.send_response(302)
        handler.send_header("Location", f"file://{tmp_path}/secret")
        handler.end_headers()

    (tmp_path / "secret").write_text("{}")
    monkeypatch.setattr(server.server.RequestHandlerClass.func, "do_GET", redirect)
    with pytest.raises(ModelError, match="model file cannot be downloaded"):
        read_model(f"{server.address}/model.json")


def test_large_model_files_are_refused_before_reading(kit, tmp_path, monkeypatch):
    path = kit.affine().write(tmp_path)
    monkeypatch.setattr(document, "LIMITS", Limits(model_json_bytes=100))
    with pytest.raises(LimitError) as caught:
        read_model(path)
    assert str(caught.value) == f"{path}: size in bytes is {path.stat().st_size}, above the limit of 100"
