"""Presses Ctrl-C at random moments of all commands and library calls: each must end at once and leave nothing behind.

    python tools/interrupts.py --count 300
    python tools/interrupts.py --only "bench chromium" --count 20 --seed 7
    python tools/interrupts.py --calls-only --count 500 --json calls.json

A command runs in a process group, a working folder, a cache and a folder for temporary files of its own. A run that is
left alone tells how long it takes; then SIGINT comes to the whole group, as from a terminal, at moments all over that
time, in every third try twice, 50 ms apart. It must end within ``--seconds`` (times the processes that wait for each
processor, on a machine that has other things to do) with exit code 130 (or 0 with the whole result, where it was
done), one plain line on stderr, no process of its own left, no temporary file, outputs that are
whole, old or absent, and the next run must answer as the first one did. Library calls: see ``interrupts_calls.py``.

Moments at which Python itself still starts, before it runs a line of this package, are tried again and not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import interrupts_calls
from interrupts_jobs import JOBS, SHOW_S, Job, able, facts, make_inputs, whole

REPO = Path(__file__).parents[1]
_COMMAND = (sys.executable, "-m", "tfjslab")
_MARK = "TFJSLAB_INTERRUPTED_TRY"  # in the environment of all that a try starts
_AGAIN_S = 0.05  # between two that mean one
_TWICE = _RERUN = 3  # every third try
_REAPED_S = 1.0  # for the system to end what was killed
_INTERRUPTED = 130
_LONGEST_S = 120.0
_STARTING = 0.05  # seconds that no Python needs less of to start


@dataclass
class Row:
    """What became of one command or call."""

    name: str
    tries: int = 0
    hit: int = 0  # ended by it, not done before
    starting: int = 0  # Python itself still started
    slowest: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """Tries with anything wrong."""
        return self.failures.total()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"name": self.name, "tries": self.tries, "hit": self.hit, "failed": self.failed,
                "starting": self.starting, "slowest_s": round(self.slowest, 2), "failures": dict(self.failures)}


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    out: str
    err: str
    seconds: float  # in all
    ending: float  # since the last SIGINT, 0 where it was done before
    left: tuple[str, ...]  # processes


class Place:
    """The folders of one job: inputs and outputs in ``work``, and all else that a program may write to."""

    def __init__(self, root: Path, inputs: Path, job: Job, peers: str) -> None:
        self.root, self.job, self.peers = root, job, peers
        self.work, self.cache, self.tmp, self.home = (root / n for n in ("work", "cache", "tmp", "home"))
        shutil.copytree(inputs, self.work)
        for folder in (self.cache, self.tmp, self.home):
            folder.mkdir()
        self.inputs = {p.name for p in self.work.iterdir()}
        self.before: list[tuple[str, str]] = []

    def run(self, moments: tuple[float, ...] = ()) -> Ended:
        """Run the command, with SIGINT to its group at moments in seconds from its start."""
        shutil.rmtree(self.tmp)
        self.tmp.mkdir()
        mark = f"{random.getrandbits(64):x}"
        env = {**os.environ, "TMPDIR": str(self.tmp), "TFJSLAB_CACHE_DIR": str(self.cache), "HOME": str(self.home),
               "XDG_CACHE_HOME": str(self.home), "PYTHONPATH": str(REPO), "PYTHONFAULTHANDLER": "1", _MARK: mark}
        with (self.root / "out").open("w+") as out, (self.root / "err").open("w+") as err:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [*_COMMAND, *self.job.arguments(self.peers)], cwd=self.work, env=env,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, process_group=0)
            began, pressed = time.monotonic(), None
            for moment in moments:
                try:
                    process.wait(max(0.0, began + moment - time.monotonic()))
                    break
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGINT)
                    pressed = time.monotonic()
            try:
                process.wait(_LONGEST_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            now = time.monotonic()
            out.seek(0)
            err.seek(0)
            return Ended(process.returncode, out.read(), err.read(), now - began, now - pressed if pressed else 0.0,
                         ended_processes(mark))

    def result(self) -> Any:
        """The JSON that the command wrote; None without any."""
        path = self.work / "out.json"
        return json.loads(path.read_bytes()) if path.is_file() else None

    def clear(self) -> None:
        """No outputs."""
        for path in self.work.iterdir():
            if path.name not in self.inputs:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def strays(self) -> list[str]:
        """Files that nobody asked for, and outputs that are not whole."""
        found = [f"temporary {p.name}" for p in self.tmp.iterdir()]
        found += [f"in the cache {p.name}" for p in self.cache.rglob("*") if p.suffix in (".part", ".tmp")]
        for path in self.work.iterdir():
            if path.name in self.inputs:
                continue
            if path.name not in self.job.written:
                found.append(f"stray {path.name}")
            elif path.suffix == ".sqlite":
                found += [f"damaged {path.name}"] if not sound(path) else []
            elif not whole(path):
                found.append(f"half {path.name}")
        return found


def sound(path: Path) -> bool:
    """Whether a database is whole."""
    with closing(sqlite3.connect(path)) as store:
        return bool(store.execute("PRAGMA integrity_check").fetchone() == ("ok",))


def ended_processes(mark: str) -> tuple[str, ...]:
    """The processes of a try that are left a moment later; they are killed."""
    until = time.monotonic() + _REAPED_S
    while (found := _marked(mark)) and time.monotonic() < until:
        time.sleep(_AGAIN_S)
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return tuple(found.values())


def _marked(mark: str) -> dict[int, str]:
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{_MARK}={mark}".encode() in (process / "environ").read_bytes():
                found[int(process.name)] = (process / "comm").read_text().strip()
        except OSError:  # it has just ended, or is another user's
            continue
    return found


def waiting() -> float:
    """How many processes want each processor: so many times longer everything takes."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def wrong(place: Place, ended: Ended, seconds: float) -> list[str]:
    """What must not be."""
    job, found = place.job, place.strays()
    if ended.code not in (job.code, 0, _INTERRUPTED):
        found.append(f"exit code {ended.code}")
    if ended.ending > seconds * waiting():
        found.append(f"took {ended.ending:.1f} s, exit code {ended.code}")
    found += [f"process {name} left" for name in ended.left]
    lines = ended.err.splitlines()
    if "Traceback" in ended.err or "Exception ignored" in ended.err:
        found.append(f"traceback: {lines[-1][:150]}")
    elif not job.talks and [line for line in lines if not line.startswith("tfjslab: ")]:
        found.append(f"stderr: {next(s for s in lines if not s.startswith('tfjslab: '))[:150]}")
    if ended.code == job.code and not job.talks and lines.count("tfjslab: interrupted") != 1:
        found.append("nothing says that it was interrupted")
    if ended.code == 0 and job.ends and job.json and place.before != facts(place.result()):
        found.append("exit code 0 without the whole result")
    return found


def still_starts(ended: Ended) -> bool:
    """Whether Python had run no line of this package yet."""
    return "Traceback" in ended.err and "/tfjslab/" not in ended.err


def tried_command(place: Place, count: int, rng: random.Random, args: argparse.Namespace) -> Row:
    """Interrupt a command ``count`` times."""
    job, row = place.job, Row(place.job.name)
    shown_s = SHOW_S * waiting()
    first = place.run() if job.ends else place.run((shown_s,))
    took = {"cold": first.seconds if job.ends else shown_s}
    place.before = facts(place.result()) if job.json else []
    if (problems := wrong(place, first, _LONGEST_S)) or (job.ends and first.code):
        row.failures[f"left alone: {problems} {first.err[-300:]}"] += 1
        return row
    took["warm"] = place.run().seconds if job.ends else shown_s
    while row.tries < count:
        start = "cold" if row.tries % 2 else "warm"
        if start == "cold":
            shutil.rmtree(place.cache, ignore_errors=True)
            place.cache.mkdir(exist_ok=True)
        if rng.choice((True, False)):  # else old outputs are there
            place.clear()
        moment = rng.uniform(_STARTING, took[start])
        ended = place.run((moment, moment + _AGAIN_S) if row.tries % _TWICE == 0 else (moment,))
        if still_starts(ended):
            row.starting += 1
            continue
        row.tries += 1
        row.hit += ended.code != 0 or not job.ends
        row.slowest = max(row.slowest, ended.ending)
        problems = wrong(place, ended, args.seconds)
        if job.ends and (problems or row.tries % _RERUN == 0 or row.tries == count):
            problems += next_run(place)
        if problems:
            row.failures["; ".join(problems)] += 1
            say(f"  {job.name} at {moment:.2f} s of {took[start]:.1f} s ({start}): {'; '.join(problems)}")
            if args.verbose:
                say(ended.err)
            place.clear()
    return row


def next_run(place: Place) -> list[str]:
    """What is wrong with the next run, left alone, with the same cache and store."""
    ended = place.run()
    found = [f"next run: {problem}" for problem in wrong(place, ended, _LONGEST_S)]
    return found or ([f"next run: exit code {ended.code}"] if ended.code else [])


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201 - a script that prints


def chosen(name: str, args: argparse.Namespace) -> bool:
    """Whether a command or call is to be tried."""
    return any(part in name for part in args.only.split(";"))


def commands(args: argparse.Namespace) -> list[Row]:
    """All commands in turn."""
    jobs = [j for j in JOBS if chosen(j.name, args)]
    left_out = [j.name for j in jobs if not able(j, args.peers)]
    if left_out:
        say(f"without Node, Chromium or --peers there is no: {', '.join(left_out)}")
    jobs = [j for j in jobs if able(j, args.peers)]
    rows = []
    with tempfile.TemporaryDirectory(prefix="interrupts-") as root:
        inputs = Path(root) / "inputs"
        inputs.mkdir()
        make_inputs(inputs)
        for i, job in enumerate(jobs):
            rng = random.Random(f"{args.seed} {job.name}")  # noqa: S311 - no secret
            count = args.count // len(jobs) + (i < args.count % len(jobs))
            place = Place(Path(root) / str(i), inputs, job, args.peers)
            rows.append(tried_command(place, count, rng, args))
            show(rows[-1])
            shutil.rmtree(place.root)
    return rows


def calls(args: argparse.Namespace) -> list[Row]:
    """All library calls in turn, each in a process of its own."""
    names = [n for n in interrupts_calls.NAMES if chosen(n, args)]
    rows = []
    for i, name in enumerate(names):
        count = args.count // len(names) + (i < args.count % len(names))
        told = interrupts_calls.in_process(name, count, args.seed)
        rows.append(Row(name, told["tries"], told["hit"], 0, told["slowest"], Counter(told["failures"])))
        show(rows[-1])
    return rows


def show(row: Row) -> None:
    """One line, and a line for each kind of failure."""
    say(f"{row.name:24} {row.tries:5} tries {row.hit:5} hit {row.failed:5} failed, slowest {row.slowest:.2f} s")
    for what, n in row.failures.most_common():
        say(f"    {n} x {what}")


def parsed(given: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300, help="of commands, and as many of calls (default: 300)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--only", metavar="NAME", default="",
                        help="commands and calls whose name has this in it, or one of several with ;")
    parser.add_argument("--commands-only", action="store_true", help="no library calls")
    parser.add_argument("--calls-only", action="store_true", help="no commands")
    parser.add_argument("--seconds", type=float, default=2, help="to end in (default: 2)")
    parser.add_argument("--peers", default=os.environ.get("TFJSLAB_PEERS", ""),
                        help="where npm installed TensorFlow.js (default: $TFJSLAB_PEERS)")
    parser.add_argument("--json", type=Path, help="write what was found")
    parser.add_argument("--verbose", action="store_true", help="show stderr of what failed")
    return parser.parse_args(given)


def main() -> int:
    """Interrupt all; 1 when anything failed."""
    args = parsed()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit that it is ignored
    rows = ([] if args.calls_only else commands(args)) + ([] if args.commands_only else calls(args))
    if args.json:
        args.json.write_text(json.dumps([r.to_json() for r in rows], indent=1) + "\n", encoding="utf-8")
    say(f"\n{sum(r.tries for r in rows)} interrupts, {sum(r.hit for r in rows)} hit, "
        f"{sum(r.failed for r in rows)} failed")
    return 1 if any(r.failed for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
