"""The collector over HTTP: who is answered, what is refused with which status, what page and Prometheus get."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tfjslab.base.errors import UsageError
from tfjslab.monitoring import handler
from tfjslab.monitoring.admission import MOST_CLIENTS, Admission, client_of
from tfjslab.monitoring.batch import Batch, ErrorCount
from tfjslab.monitoring.collector import collector
from tfjslab.monitoring.histogram import bucket_of
from tfjslab.monitoring.rules import FallbackRule, MonitorRules, parse_alarm
from tfjslab.monitoring.site import CollectorSettings

ORIGIN = "https://shop.example"
RULES = MonitorRules((parse_alarm("p95_ms>50"), parse_alarm("error_rate>50%")),
                     (FallbackRule("*", 30, 60.0, variant="simd"),))
PLAIN = {"Content-Type": "text/plain;charset=UTF-8"}


def batch(ms=60.0, **fields):
    return Batch("pose", "simd", "chrome", 40.0, 8.0, ((bucket_of(ms), 30),), **fields)


class Client:
    """Asks a collector, one connection for each request."""

    def __init__(self, running):
        self.running, self.port = running, urlsplit(running.url).port

    def ask(self, method, path, body=None, headers=None):
        """Status, headers, text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def post(self, body, **headers):
        """Send a batch's bytes; status and answer."""
        status, _, text = self.ask("POST", handler.BATCHES, body, {**PLAIN, **headers})
        return status, json.loads(text)


@contextmanager
def collecting(folder, rules=RULES, **settings):
    with collector(folder / "monitor.sqlite", CollectorSettings(**settings), rules) as running:
        yield Client(running)


@pytest.fixture
def client(tmp_path):
    with collecting(tmp_path, origins=frozenset({ORIGIN}), hosts=frozenset({"monitor.example"})) as found:
        yield found


def test_a_batch_is_counted_once(client):
    body = batch().body()
    assert [client.post(body) for _ in range(2)] == [(200, {"counted": 1}), (200, {"counted": 0})]
    assert client.post(body, **{"Content-Type": "application/json"}) == (200, {"counted": 0})
    assert client.running.summary().total_predictions == 31
    assert repr(client.running) == "<Collector: monitor.sqlite>"
    assert ">31</td>" in client.running._repr_html_()


@pytest.mark.parametrize(("headers", "status", "words"), [
    ({"Content-Type": "text/html"}, 415, "expected a body of application/json or text/plain"),
    ({"Content-Encoding": "gzip"}, 415, "expected a plain body with its length"),
    ({"Host": "rebound.example"}, 421, "this host is not served here; --allow-host names more"),
    ({"Origin": "https://evil.example"}, 403, "this origin is not allowed; --allow-origin names those that are"),
    ({"Origin": "null"}, 403, "this origin is not allowed; --allow-origin names those that are"),
    ({"Content-Length": "70000"}, 413, "70000 bytes; at most 65536 are taken"),
    ({"Content-Length": "9" * 5000}, 413, f"{'9' * 18} bytes; at most 65536 are taken"),
    ({"Content-Length": "-1"}, 411, "a length is needed"),
    ({"Content-Length": "\u00b2"}, 411, "a length is needed"),
])
def test_a_request_is_refused_before_its_body_is_read(client, headers, status, words):
    assert client.post(batch().body(), **headers) == (status, {"error": words})
    assert client.running.summary().total_batches == 0


def test_a_wrong_body_is_refused_with_the_reason_and_the_connection_goes_on(client):
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
    statuses = []
    for body in (b"{", batch().body(), b"[]", batch().body()):
        connection.request("POST", handler.BATCHES, body, PLAIN)
        answer = connection.getresponse()
        statuses.append((answer.status, answer.read()))
    connection.close()
    assert [s for s, _ in statuses] == [400, 200, 400, 200]
    assert b"not valid JSON" in statuses[0][1]


def test_a_body_in_chunks_is_refused(client):
    with socket.create_connection(("127.0.0.1", client.port)) as s:
        s.sendall(f"POST {handler.BATCHES} HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\nContent-Type: text/plain\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".encode())
        assert s.recv(4096).startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/nothing", 404), ("GET", "/../batch.py", 404), ("POST", "/", 404), ("PUT", "/", 405), ("DELETE", "/", 405),
    ("GET", "/v1/summary", 400), ("GET", "/v1/summary?minutes=99999999", 400), ("FROBNICATE", "/", 405),
])
def test_what_is_not_there_is_refused(client, method, path, status):
    assert client.ask(method, path)[0] == status


def test_only_pages_of_allowed_origins_may_send_and_read_rules(client):
    for method, path in (("POST", handler.BATCHES), ("GET", handler.RULES), ("OPTIONS", handler.BATCHES)):
        body = batch().body() if method == "POST" else None
        status, headers, _ = client.ask(method, path, body, {**PLAIN, "Origin": ORIGIN})
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
    for path in ("/", handler.SUMMARY + "?minutes=15", handler.METRICS):
        assert client.ask("GET", path, None, {"Origin": ORIGIN})[0] == 403
    status, headers, text = client.ask("GET", handler.RULES)
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, None)
    assert json.loads(text)["fallback"] == [RULES.fallback[0].to_json()]
    assert "p95_ms>50" not in text


def test_further_names_are_answered_where_they_were_given(client):
    assert client.ask("GET", "/", None, {"Host": "monitor.example"})[0] == 200
    assert client.ask("GET", "/", None, {"Host": f"localhost:{client.port}"})[0] == 200


def test_the_page_is_self_contained(client):
    status, headers, text = client.ask("GET", "/")
    assert status == 200
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Server"] == "tfjslab"
    files = re.findall(r'(?:href|src)="([^"]+)"', text)
    for name in files:
        assert client.ask("GET", f"/{name}")[0] == 200, name
    assert len(files) == 2


def test_the_summary_has_figures_lines_and_alarms(client):
    client.post(batch(errors=(ErrorCount("run", 1, "why"),)).body())
    client.post(b"{")
    found = json.loads(client.ask("GET", f"{handler.SUMMARY}?minutes=15")[2])
    (group,) = found["groups"]
    assert (group["predictions"], group["errors"], group["variant"]) == (31, 1, "simd")
    assert group["p95_ms"] == pytest.approx(60, rel=0.01)
    (line,) = found["lines"]["browser"]
    assert (line["name"], len(line["minutes"]), sum(line["predictions"])) == ("chrome", 15, 31)
    assert [a["figure"] for a in found["alarms"]] == ["p95_ms"]
    assert found["errors"] == [{"kind": "run", "count": 1, "message": "why"}]
    assert found["requests"] == {"counted": 1, "400": 1}


def test_prometheus_reads_histograms_counters_and_alarms(client):
    for ms in (1.0, 100.0):
        client.post(batch(ms, errors=(ErrorCount("run", 2),)).body())
    status, headers, text = client.ask("GET", handler.METRICS)
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=")
    samples = {(s.name, *(s.labels.get(k) for k in ("le", "kind", "rule", "result"))): s.value
               for family in text_string_to_metric_families(text) for s in family.samples}
    below = {float(k[1]): v for k, v in samples.items() if k[0] == "tfjslab_predict_seconds_bucket"}
    assert list(below.values()) == sorted(below.values())
    assert max(v for bound, v in below.items() if bound < 0.05) == 30
    assert below[float("inf")] == 60
    assert samples["tfjslab_predict_seconds_sum", None, None, None, None] == pytest.approx(30 * 0.101, rel=0.01)
    assert samples["tfjslab_errors_total", None, "run", None, None] == 4
    assert samples["tfjslab_alarm", None, None, RULES.alarms[0].text, None] == 1
    assert samples["tfjslab_alarm", None, None, RULES.alarms[1].text, None] == 0
    assert samples["tfjslab_monitor_requests_total", None, None, None, "counted"] == 2


def test_a_client_that_asks_too_often_is_told_so(tmp_path):
    with collecting(tmp_path, per_client=2) as client:
        statuses = [client.post(batch().body())[0] for _ in range(20)]
    assert statuses.count(200) < 20
    assert set(statuses) == {200, 429}


@pytest.mark.parametrize(("trusted", "refused"), [(True, False), (False, True)])
def test_behind_a_proxy_clients_are_told_apart_only_where_it_is_trusted(tmp_path, trusted, refused):
    with collecting(tmp_path, per_client=1, trust_forwarded=trusted) as client:
        addresses = [f"6.6.6.6, 10.0.0.{i}" for i in range(12)]  # the first is what the client claims
        statuses = {client.post(batch().body(), **{"X-Forwarded-For": a})[0] for a in addresses}
    assert (429 in statuses) == refused


def test_only_named_models_are_taken_where_some_are(tmp_path):
    with collecting(tmp_path, models=frozenset({"pose"})) as client:
        assert client.post(batch().body())[0] == 200
        odd = Batch("spam", "simd", "chrome", 1.0)
        refusal = {"error": "this model is not watched here; --model names those that are"}
        assert client.post(odd.body()) == (422, refusal)


def test_too_many_connections_are_refused_and_slow_ones_end(tmp_path, monkeypatch):
    monkeypatch.setattr(handler, "REQUEST_S", 0.3)
    with collecting(tmp_path) as client:
        site = client.running._site
        while site.connections.acquire(blocking=False):
            pass
        with socket.create_connection(("127.0.0.1", client.port)) as s:
            assert s.recv(100).startswith(b"HTTP/1.1 503 ")
        site.connections.release()
        with socket.create_connection(("127.0.0.1", client.port)) as s:
            began = time.monotonic()
            s.sendall(b"POST /v1/batches HTTP/1.1\r\n")
            assert s.recv(100) == b""  # hung up
            assert time.monotonic() - began < 20


def test_admission_forgets_clients_and_refills():
    now = [0.0]
    admission = Admission(1, 1e9, lambda: now[0])
    assert [admission.admits("10.0.0.1") for _ in range(3)] == [True, True, False]
    now[0] = 1.0
    assert [admission.admits("10.0.0.1") for _ in range(2)] == [True, False]
    for i in range(MOST_CLIENTS + 5):
        admission.admits(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}")
    assert len(admission._clients) == MOST_CLIENTS
    whole = Admission(100, 1, lambda: 0.0)
    assert [whole.admits(f"10.0.0.{i}") for i in range(3)] == [True, True, False]


def test_an_ipv6_network_is_one_client():
    assert client_of("2001:db8:1:2::5") == client_of("2001:db8:1:2:9::1") != client_of("2001:db8:1:3::5")
    assert client_of("no address") == "unknown"


def test_a_wrong_origin_is_told_at_the_start(tmp_path):
    with pytest.raises(UsageError, match=r"origin 'https://a.example/': expected a scheme and a host alone"), \
            collecting(tmp_path, origins=frozenset({"https://a.example/"})):
        pass
