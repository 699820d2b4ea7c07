"""Finding and driving Chromium and Node, and serving pages to them: what works, what is refused, what is given back."""

from __future__ import annotations

import asyncio
import builtins
import gc
import logging
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tfjslab.base.errors import BackendError, BackendUnavailableError
from tfjslab.base.extras import install
from tfjslab.browser import chromium as module
from tfjslab.browser.chromium import chromium, find_chromium
from tfjslab.browser.loop import browser_loop
from tfjslab.browser.node import NodeProgram, find_node
from tfjslab.browser.server import ISOLATION, served


def fetch(url):
    """Status, headers and body."""
    with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310 - our own loopback address
        return reply.status, reply.headers, reply.read()


def program(folder, name, text):
    """A shell script on disk."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


# ---- server ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), [
    ("a.js", "text/javascript"), ("a.mjs", "text/javascript"), ("a.wasm", "application/wasm"),
    ("a.json", "application/json"), ("a.html", "text/html; charset=utf-8"), ("a.bin", "application/octet-stream"),
    ("a.css", "text/css"), ("NOTICE", "application/octet-stream"),
])
def test_files_have_their_types_and_are_not_cached(tmp_path, name, kind):
    (tmp_path / name).write_bytes(b"content")
    with served(tmp_path) as url:
        status, headers, body = fetch(url + name)
    assert (status, body) == (200, b"content")
    assert headers["Content-Type"] == kind
    assert headers["Cache-Control"] == "no-store"
    assert not any(name in headers for name in ISOLATION)


def test_isolation_and_csp_are_headers_of_every_answer(tmp_path):
    (tmp_path / "index.html").write_text("hello")
    with served(tmp_path, isolated=True, csp="default-src 'self'") as url:
        _, headers, _ = fetch(url)
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetch(url + "none")
        missing = caught.value.headers
        caught.value.close()
    for found in (headers, missing):
        assert {k: found[k] for k in ISOLATION} == ISOLATION
        assert found["Content-Security-Policy"] == "default-src 'self'"


def test_mounts_are_folders_of_their_own_and_nothing_else_is_served(tmp_path):
    for name in ("root", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(name)
    (tmp_path / "secret.txt").write_text("secret")
    with served(tmp_path / "root", mounts={"more": tmp_path / "other"}) as url:
        assert fetch(f"{url}x.txt")[2] == b"root"
        assert fetch(f"{url}more/x.txt")[2] == b"other"
        for path in ("", "more/", "secret.txt", "../secret.txt", "more/../../secret.txt", "%2e%2e/secret.txt"):
            with pytest.raises(urllib.error.HTTPError) as caught:
                fetch(url + path)
            assert caught.value.code == 404
            caught.value.close()


def test_the_server_ends_at_once_though_somebody_holds_a_connection(tmp_path):
    with ExitStack() as stack:
        with served(tmp_path) as url:
            host, port = url.removeprefix("http://").strip("/").split(":")
            idle = stack.enter_context(socket.create_connection((host, int(port))))
            time.sleep(0.2)
            began = time.monotonic()
        assert time.monotonic() - began < 5
        assert idle.recv(1) == b""
    assert not [t for t in threading.enumerate() if t.name == "tfjslab-server"]


# ---- Node ------------------------------------------------------------------------------------------------------------


def need_node():
    try:
        return find_node()
    except BackendUnavailableError as e:
        pytest.skip(str(e))


def test_node_runs_a_script_on_what_it_is_given(tmp_path):
    node = need_node()
    script = tmp_path / "echo.mjs"
    script.write_text("import fs from 'node:fs'; console.log(process.argv[2] + fs.readFileSync(0, 'utf8'));")
    assert node.run(script, "a", stdin="b", timeout_s=60) == "ab\n"
    assert node.engine.startswith(f"Node.js {node.version}, V8 ")


@pytest.mark.parametrize(("text", "code", "words"), [
    ("throw new Error('it broke')", "node.failed", "it broke"),
    ("process.exit(3)", "node.failed", "(exit status 3): it said nothing"),
    ("setInterval(() => {}, 1000)", "node.timeout", "within 1 s"),
])
def test_a_script_that_fails_or_hangs_is_an_error(tmp_path, text, code, words):
    node = need_node()
    script = tmp_path / "script.mjs"
    script.write_text(text)
    with pytest.raises(BackendError) as caught:
        node.run(script, timeout_s=1 if code == "node.timeout" else 60)
    assert caught.value.code == code
    assert str(caught.value).startswith("script.mjs ")
    assert words in str(caught.value)


def test_relaxed_simd_is_behind_a_flag_in_node_20_only():
    assert NodeProgram("node", "20.1.0", "11").relaxed_simd_flags == ("--experimental-wasm-relaxed-simd",)
    assert NodeProgram("node", "22.1.0", "12").relaxed_simd_flags == ()


@pytest.mark.parametrize(("text", "message"), [
    (None, "node is not found; install Node.js 20 or newer"),
    ("""echo '{"node": "18.2.0", "v8": "10"}'""", "{program} is Node.js 18.2.0; expected 20 or newer"),
])
def test_a_node_that_is_missing_or_old_is_refused(tmp_path, monkeypatch, text, message):
    monkeypatch.setenv("PATH", str(tmp_path))
    path = program(tmp_path, "node", text) if text else None
    with pytest.raises(BackendUnavailableError) as caught:
        find_node()
    assert str(caught.value) == message.format(program=path)
    assert caught.value.code == "node.unavailable"


@pytest.mark.parametrize("text", ["echo hello", "exit 1", "echo '[]'", "echo '{}'"])
def test_a_node_that_is_none_is_refused(tmp_path, monkeypatch, text):
    monkeypatch.setenv("PATH", str(tmp_path))
    path = program(tmp_path, "node", text)
    with pytest.raises(BackendUnavailableError, match="does not tell its version") as caught:
        find_node()
    assert str(caught.value).startswith(f"{path} ")


# ---- Chromium --------------------------------------------------------------------------------------------------------


def test_without_chromium_the_error_says_what_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(module.VARIABLE, raising=False)
    with pytest.raises(BackendUnavailableError) as caught:
        find_chromium()
    assert str(caught.value) == (
        "Chromium is not found on the PATH (chromium, chromium-browser, google-chrome, google-chrome-stable, chrome); "
        "install it, or let $TFJSLAB_CHROMIUM name its program")
    monkeypatch.setenv(module.VARIABLE, "no-such-program")
    with pytest.raises(BackendUnavailableError) as caught:
        find_chromium()
    assert str(caught.value) == "$TFJSLAB_CHROMIUM is no-such-program, which is no program"


def test_without_playwright_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setenv(module.VARIABLE, str(program(tmp_path, "chromium", "")))
    whole = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("playwright"):
            raise ImportError("No module named 'playwright'")
        return whole(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BackendUnavailableError) as caught, chromium():
        pass
    wanted = "playwright is not installed (No module named 'playwright'); " + install("browser")
    assert str(caught.value) == wanted


def test_a_chromium_that_does_not_start_is_unavailable_and_leaves_nothing(tmp_path, monkeypatch):
    pytest.importorskip("playwright")
    path = program(tmp_path, "chromium", "echo it broke >&2; exit 1")
    monkeypatch.setenv(module.VARIABLE, str(path))
    with pytest.raises(BackendUnavailableError) as caught, chromium():
        pass
    assert str(caught.value).startswith(f"{path} does not start: starting Chromium failed: ")


@pytest.fixture
def site(tmp_path):
    """A page, served."""
    try:
        find_chromium()
    except BackendUnavailableError as e:
        pytest.skip(str(e))
    pytest.importorskip("playwright")
    (tmp_path / "index.html").write_text("<!doctype html><title>page</title>")
    return tmp_path


def test_chromium_answers_and_every_wait_has_an_end(site):
    with served(site, isolated=True) as url, chromium() as browser:
        assert browser.engine == f"Chromium {browser.version}, V8 {browser.engine.rpartition(' ')[2]}"
        with browser.page(url) as page:
            assert page.evaluate("(x) => [x, document.title, crossOriginIsolated]", 7) == [7, "page", True]
            assert page.call(lambda p: p.title()) == "page"
            with pytest.raises(BackendError, match=r"a script failed: .*it broke") as caught:
                page.evaluate("() => { throw new Error('it broke') }")
            assert caught.value.code == "browser.failed"
            with pytest.raises(BackendError) as caught:
                page.evaluate("() => new Promise(() => {})", timeout_s=1)
            assert (caught.value.code, str(caught.value)) == ("browser.timeout", "a script did not end within 1 s")
            page.evaluate("() => console.error('seen')")
            assert page.errors == ["seen"]
        with browser.page(url) as page:
            with pytest.raises(BackendError, match="did not end within 1 s"):
                page.evaluate("() => { for (;;); }", timeout_s=1)
            with pytest.raises(BackendError, match=r"opening http.* failed: "):
                page.goto("http://127.0.0.1:9/")


def test_chromium_works_inside_a_running_loop_as_in_jupyter(site):
    async def cell():
        with served(site) as url, chromium() as browser, browser.page(url) as page:
            return page.evaluate("() => document.title")

    with ThreadPoolExecutor(1) as pool:  # this thread may have a loop already, of other tests
        assert pool.submit(asyncio.run, cell()).result() == "page"


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_process_that_ends_after_its_loop_was_closed_is_no_news(caplog):
    with browser_loop() as loop:
        loop.run(lambda: asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(0.3)"),
                 "starting", 20)
    gc.collect()
    assert not caplog.records
    other = asyncio.new_event_loop()
    logging.getLogger("asyncio").warning("Loop %r that handles pid %r is closed", other, 1)
    other.close()
    assert len(caplog.records) == 1  # of a loop of somebody else


def test_an_error_inside_gives_the_browser_back(site):
    with pytest.raises(KeyboardInterrupt), chromium() as browser, browser.page():
        raise KeyboardInterrupt
