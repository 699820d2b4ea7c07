"""The lab's web site: who may read, who may send, and how much."""

from __future__ import annotations

import http.client
import json
import socket
import time
from urllib.parse import urlsplit

import pytest

from tfjslab.browser.jobs import session as session_module
from tfjslab.browser.jobs import site as module
from tfjslab.browser.jobs.job import DeviceJob
from tfjslab.browser.jobs.session import device_session


@pytest.fixture
def session():
    with device_session() as made:
        yield made


def ask(session, method, path, body=None, **headers):
    """The status, the headers and the text of the answer."""
    where = urlsplit(session.url)
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=10)
    try:
        connection.request(method, f"{where.path}{path}" if not path.startswith("/") else path, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def post(session, path, body, **headers):
    origin = f"http://{urlsplit(session.url).netloc}"
    return ask(session, "POST", path, body, **{"Origin": origin, **headers})


def test_the_page_and_its_parts_are_served_isolated_and_closed_to_others(session):
    status, headers, text = ask(session, "GET", "")
    assert status == 200
    assert "tfjslab" in text
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not [name for name in headers if name.startswith("Access-Control")]
    assert ask(session, "GET", "page/worker.js")[1]["Content-Type"] == "text/javascript"


@pytest.mark.parametrize("path", ["/", "/next", "/page/page.js", "/wrong-token/", "/wrong-token/next", "/../etc/x"])
def test_nothing_is_there_without_the_token(session, path):
    assert ask(session, "GET", path)[0] == 404


@pytest.mark.parametrize("path", ["../pyproject.toml", "page/../../server.py", "page/%2e%2e/%2e%2e/server.py", "x"])
def test_only_what_was_put_there_is_served(session, path):
    assert ask(session, "GET", path)[0] == 404


def test_another_name_of_this_machine_is_refused(session):
    """A page whose name was pointed at us has its own name in Host."""
    assert ask(session, "GET", "", Host="evil.example")[0] == 421


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
])
def test_records_of_other_pages_are_refused(session, headers):
    status, _, text = post(session, "records", "{}", **headers)
    assert (status, text) == (403, "records come from the lab's own page only")
    assert not session.site.messages


def test_a_record_without_an_origin_is_refused(session):
    assert ask(session, "POST", "records", "{}")[0] == 403


def test_a_record_arrives(session):
    assert post(session, "records", json.dumps({"job": "a", "type": "done"}))[0] == 200
    assert session.site.take(0).record == {"job": "a", "type": "done"}


def test_bytes_of_an_output_arrive_with_their_place(session):
    assert post(session, "outputs/job1/0/2", b"\0\1")[0] == 200
    message = session.site.take(0)
    assert (message.record, message.data) == ({"type": "bytes", "job": "job1", "side": 0, "at": 2}, b"\0\1")


@pytest.mark.parametrize(("path", "body", "status"), [
    ("records", "no json", 400), ("records", "[]", 400), ("records", "[" * 100_000, 400), ("outputs/a/b/c", b"", 404),
    ("outputs/a", b"", 404), ("elsewhere", "{}", 404),
])
def test_what_is_no_record_is_refused(session, path, body, status):
    assert post(session, path, body)[0] == status


def test_too_much_is_refused_before_it_is_read(session, monkeypatch):
    monkeypatch.setattr(module, "MOST_RECORD_BYTES", 10)
    assert post(session, "records", "x" * 11)[0] == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", ""])
def test_a_length_that_is_none_is_refused(session, length):
    where = urlsplit(session.url)
    head = (f"POST {where.path}records HTTP/1.1\r\nHost: {where.netloc}\r\nOrigin: http://{where.netloc}\r\n"
            f"Content-Length: {length}\r\n\r\n")
    with socket.create_connection((where.hostname, where.port), timeout=10) as s:
        s.sendall(head.encode())
        assert b" 411 " in s.recv(100)


def test_messages_beyond_the_limit_are_lost_and_counted(session, monkeypatch):
    monkeypatch.setattr(module, "MOST_MESSAGES", 2)
    for _ in range(4):
        post(session, "records", "{}")
    assert (len(session.site.messages), session.site.lost) == (2, 2)


def test_tokens_cannot_be_guessed():
    with device_session() as first, device_session() as second:
        assert first.site.token != second.site.token
        assert len(first.site.token) >= 32


def test_a_job_is_given_out_once(session):
    session.site.job = {"id": "a"}
    assert json.loads(ask(session, "GET", "next?running=1")[2])["job"] is None
    assert json.loads(ask(session, "GET", "next?running=0")[2])["job"] == {"id": "a"}
    assert json.loads(ask(session, "GET", "next?running=0")[2])["job"] is None


def test_a_page_in_a_frame_leaves_the_job_to_one_in_a_tab(session):
    session.site.job = {"id": "a"}
    ask(session, "GET", "next?running=1&framed=0")
    assert json.loads(ask(session, "GET", "next?running=0&framed=1")[2])["job"] is None
    session.site.seen_alone -= 60
    assert json.loads(ask(session, "GET", "next?running=0&framed=1")[2])["job"] == {"id": "a"}


# ---- Ctrl-C ----------------------------------------------------------------------------------------------------------


def interrupted(session, asks):
    """Run a job that Ctrl-C ends at once; what the page was told when it asked, and the seconds that the end took."""
    told = []

    def watch(_record):
        told.extend(session.site.next_for(running=False, framed=False)["job"] for _ in range(asks))
        raise KeyboardInterrupt

    job = DeviceJob("1", (), {"id": "1", "rounds": 1}, {}, {})
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        session.run(job, watch=watch)
    return told, time.monotonic() - began


def test_a_job_that_nobody_has_taken_is_not_waited_for(session, monkeypatch):
    monkeypatch.setattr(session_module, "_STOP_S", 60.0)
    told, seconds = interrupted(session, 0)
    assert (told, seconds < 30) == ([], True)
    assert session.site.next_for(running=False, framed=False) == {"job": None, "stop": False, "over": False}


def test_a_page_that_asks_no_more_is_not_waited_for(session, monkeypatch):
    monkeypatch.setattr(session_module, "_STOP_S", 60.0)
    monkeypatch.setattr(module, "_GONE_S", 0.3)
    told, seconds = interrupted(session, 1)
    assert (len(told), seconds < 30) == (1, True)
    assert session.site.next_for(running=True, framed=False)["stop"], "it hears it if it comes again"


def test_the_end_of_a_session_waits_for_no_page_that_was_closed(session, monkeypatch):
    monkeypatch.setattr(module, "_ASKS_S", 60.0)
    session.site.next_for(running=False, framed=False)
    assert session.site.is_open
    session.site.closed()
    assert not session.site.is_open
    session.site.end()
