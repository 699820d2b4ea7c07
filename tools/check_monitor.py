"""Check the collector: many requests a second, a part of them hostile, and a kill -9 in the middle.

    python tools/check_monitor.py --seconds 30 --rate 200

Every good batch must be counted once, though one in twenty is sent twice; every hostile one refused with a 4xx status;
nothing that was acknowledged may be lost by the kill; and the memory of the collector must stay flat. The collector
runs in a process of its own. Exit code 1 where something of this does not hold.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import queue
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfjslab.monitoring.batch import MOST_BYTES, Batch, ErrorCount
from tfjslab.monitoring.handler import BATCHES
from tfjslab.monitoring.histogram import LAST_BUCKET, bucket_of
from tfjslab.monitoring.store import MonitorStore

HOSTILE, REPEATED = 0.1, 0.05
SENDERS = 8
GROWTH = 1.2  # of memory, from the end of the first third to the end
_TRIES = 100
JSON, PLAIN = {"Content-Type": "application/json"}, {"Content-Type": "text/plain;charset=UTF-8"}
Request = tuple[bytes, dict[str, str]]


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201 - a script that prints


def good(rng: random.Random) -> Batch:
    """A batch as a page sends it."""
    times = sorted({bucket_of(rng.lognormvariate(2, 0.5)) for _ in range(10)})
    errors = (ErrorCount("run", 1, "the module stopped"),) if rng.random() < 0.05 else ()  # noqa: PLR2004 - a few
    variant, browser = rng.choice(["simd", "relaxed", "threads"]), rng.choice(["chrome", "firefox", "safari mobile"])
    return Batch("pose", variant, browser, load_ms=120.0, first_ms=15.0, predict=[(b, 3) for b in times],
                 memory=(1 << 24, 1 << 24), errors=errors)


def _changed(**fields: Any) -> Callable[[dict[str, Any]], Request]:
    return lambda batch: (json.dumps({**batch, **fields}).encode(), JSON)


# What somebody may send who means no good, each made from a batch that would be taken.
HOSTILE_BODIES: dict[str, Callable[[dict[str, Any]], Request]] = {
    "no JSON": lambda _: (b"{", JSON),
    "NaN": lambda batch: (json.dumps({**batch, "load_ms": float("nan")}).encode(), JSON),
    "a huge number": lambda batch: (json.dumps(batch).replace("120.0", "1e999").encode(), JSON),
    "nested": lambda _: (b"[" * 20_000 + b"]" * 20_000, JSON),
    "too long": lambda batch: (json.dumps(batch).encode().ljust(MOST_BYTES + 1), JSON),
    "a list": lambda _: (b"[]", JSON),
    "duplicate keys": lambda batch: (b'{"schema":1,' + json.dumps(batch).encode()[1:], JSON),
    "another schema": _changed(schema=99), "a word for a schema": _changed(schema=True),
    "more fields": _changed(address="10.0.0.1"), "negative": _changed(load_ms=-1.0),
    "a bucket out of range": _changed(predict=[[LAST_BUCKET + 1, 1]]),
    "a bucket twice": _changed(predict=[[1, 1], [1, 1]]),
    "a count of nothing": _changed(predict=[[1, 0]]), "a huge count": _changed(predict=[[1, 10**30]]),
    "a name too long": _changed(model="x" * 65), "a name with a line end": _changed(model="a\nb"),
    "a variant with quotes": _changed(variant='"} 1'), "an unknown browser": _changed(browser="evil"),
    "an id that is none": _changed(id="../../etc/passwd"), "too many errors": _changed(
        errors=[{"kind": f"k{i}", "count": 1, "message": ""} for i in range(17)]),
    "a long message": _changed(errors=[{"kind": "run", "count": 1, "message": "x" * 121}]),
    "HTML": lambda batch: (json.dumps(batch).encode(), {"Content-Type": "text/html"}),
    "compressed": lambda batch: (json.dumps(batch).encode(), {**JSON, "Content-Encoding": "gzip"}),
    "another origin": lambda batch: (json.dumps(batch).encode(), {**PLAIN, "Origin": "https://evil.example"}),
    "another host": lambda batch: (json.dumps(batch).encode(), {**JSON, "Host": "evil.example"}),
}


@dataclass
class Seen:
    """What was sent, and how it was answered."""

    acknowledged: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)  # sent, but nobody answered
    wrong: list[str] = field(default_factory=list)
    refused: int = 0
    repeated: int = 0
    late_ms: list[float] = field(default_factory=list)
    predictions: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sender:
    """One connection that is kept, as a browser keeps it."""

    def __init__(self, port: int, seen: Seen, seed: int) -> None:
        self._port, self._seen, self._rng = port, seen, random.Random(seed)  # noqa: S311 - no secret
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """The status and the text of the answer."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            self._connection.request("POST", BATCHES, body, headers)
            answer = self._connection.getresponse()
            found = answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if answer.will_close:
            self.close()
        return found

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def one(self) -> None:
        """Send one batch: a hostile one, a good one, or a good one twice."""
        batch = good(self._rng)
        if self._rng.random() < HOSTILE:
            self._hostile(batch)
        else:
            self._good(batch, twice=self._rng.random() < REPEATED)

    def _hostile(self, batch: Batch) -> None:
        name = self._rng.choice(list(HOSTILE_BODIES))
        with suppress(OSError, http.client.HTTPException):  # the collector was killed: nothing is known of this one
            status, text = self.ask(*HOSTILE_BODIES[name](batch.to_json()))
            refused = 400 <= status < 500 and "error" in text  # noqa: PLR2004 - the statuses of refusals
            with self._seen.lock:
                self._seen.refused += refused
                if not refused:
                    self._seen.wrong.append(f"{name}: answered {status} {text}")

    def _good(self, batch: Batch, *, twice: bool) -> None:
        """Send until it is acknowledged, as a program does, whose batch keeps its id."""
        body = batch.body()
        with self._seen.lock:
            self._seen.predictions[batch.id] = 1 + sum(count for _, count in batch.predict)
            self._seen.maybe.add(batch.id)
        for _ in range(_TRIES):
            began = time.perf_counter()
            try:
                status, text = self.ask(body, PLAIN)
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)
                continue
            self._answered(batch, status, text, 1000 * (time.perf_counter() - began))
            break
        if twice:
            with suppress(OSError, http.client.HTTPException):
                status, text = self.ask(body, PLAIN)
                with self._seen.lock:
                    self._seen.repeated += 1
                    if (status, text) != (200, '{"counted": 0}'):
                        self._seen.wrong.append(f"sent again: answered {status} {text}")

    def _answered(self, batch: Batch, status: int, text: str, took_ms: float) -> None:
        with self._seen.lock:
            self._seen.late_ms.append(took_ms)
            if status == 200:  # noqa: PLR2004 - it is fine
                self._seen.acknowledged.add(batch.id)
                self._seen.maybe.discard(batch.id)
            else:
                self._seen.wrong.append(f"a good batch: answered {status} {text}")


class Running:
    """A collector in a process of its own, always on the same port and store."""

    def __init__(self, store: Path) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = int(s.getsockname()[1])
        self._store = store
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "tfjslab", "monitor", "--port", str(self.port), "--store", str(self._store),
                   "--per-client", "100000", "--in-all", "100000"]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdout=quiet, stderr=quiet)  # noqa: S603 - ours
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise SystemExit("the collector did not start")

    def kill(self) -> None:
        """``kill -9``."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ctrl-C; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def memory_mb(self) -> float | None:
        """What it has in memory now; None where the system does not tell."""
        with suppress(OSError, IndexError, ValueError):
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        return None


@contextmanager
def senders(port: int, seen: Seen) -> Iterator[queue.Queue[float | None]]:
    """Threads that send one batch for each moment in the queue."""
    moments: queue.Queue[float | None] = queue.Queue()

    def work(seed: int) -> None:
        sender = Sender(port, seen, seed)
        while (at := moments.get()) is not None:
            time.sleep(max(0.0, at - time.perf_counter()))
            sender.one()
        sender.close()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(SENDERS)]
    for thread in threads:
        thread.start()
    try:
        yield moments
    finally:
        for _ in threads:
            moments.put(None)
        for thread in threads:
            thread.join()


@dataclass
class Outcome:
    """What was found. ``faults`` are empty where all holds."""

    seconds: float
    seen: Seen
    counted: int
    memory_mb: list[float]
    faults: list[str]

    def lines(self) -> Iterator[str]:
        """To be read."""
        s, late = self.seen, sorted(self.seen.late_ms)
        sent = len(late) + s.refused + s.repeated
        yield (f"{sent} requests in {self.seconds:.1f} s ({sent / self.seconds:.0f} a second): {s.refused} hostile "
               f"refused, {len(s.acknowledged)} good acknowledged, {self.counted} counted, {s.repeated} sent again")
        yield f"answer of a good one: median {statistics.median(late):.1f} ms, p99 {late[int(0.99 * len(late))]:.1f} ms"
        if self.memory_mb:
            yield (f"memory of the collector: {self.memory_mb[0]:.1f} MB after the first third, "
                   f"{self.memory_mb[-1]:.1f} MB at the end, {max(self.memory_mb):.1f} MB at most")
        yield from (f"FAULT: {fault}" for fault in self.faults)
        if not self.faults:
            yield "all holds"


def check(seconds: float, rate: float, *, kill: bool, folder: Path) -> Outcome:
    """Send for so long, kill in the middle or not, and compare what was sent with what the store has."""
    seen, memory, running = Seen(), [], Running(folder / "monitor.sqlite")
    began = time.perf_counter()
    try:
        with senders(running.port, seen) as moments:
            killed = not kill
            for i in range(int(seconds * rate)):
                moments.put(began + i / rate)
                if i % max(1, int(rate / 2)) == 0:
                    time.sleep(max(0.0, began + i / rate - time.perf_counter()))
                    if i > seconds * rate / 3 and (found := running.memory_mb()) is not None:
                        memory.append(found)
                if not killed and i > seconds * rate / 6:
                    killed = True
                    running.kill()
                    running.start()
        took = time.perf_counter() - began
        code = running.stop()
    except BaseException:
        running.kill()
        raise
    with MonitorStore(folder / "monitor.sqlite") as store:
        totals = store.since_beginning().values()
        counted, predictions = sum(t.batches for t in totals), sum(t.predictions for t in totals)
    return Outcome(took, seen, counted, memory, faults_of(seen, counted, predictions, memory, code))


def faults_of(seen: Seen, counted: int, predictions: int, memory: Sequence[float], code: int) -> list[str]:
    """What does not hold. A batch that nobody answered may be counted or not; one that was acknowledged is, once."""
    found = list(dict.fromkeys(seen.wrong))
    least, most = len(seen.acknowledged), len(seen.acknowledged | seen.maybe)
    if not least <= counted <= most:
        found.append(f"{counted} batches are counted; {least} were acknowledged, and {most} sent")
    expected = sum(seen.predictions[i] for i in seen.acknowledged)
    if counted == least and predictions != expected:
        found.append(f"{predictions} predictions are counted; {expected} were acknowledged")
    if not seen.refused:
        found.append("no hostile batch was sent")
    if memory and memory[-1] > GROWTH * memory[0]:
        found.append(f"memory grew from {memory[0]:.1f} to {memory[-1]:.1f} MB")
    if code:
        found.append(f"the collector ended with {code} after Ctrl-C")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Check, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="default 30")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second (default 200)")
    parser.add_argument("--no-kill", action="store_true", help="leave the collector alone")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="tfjslab-monitor-") as folder:
        outcome = check(args.seconds, args.rate, kill=not args.no_kill, folder=Path(folder))
    for line in outcome.lines():
        say(line)
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
