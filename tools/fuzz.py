"""Mutates model files and loads and runs them: each must give a right model or a typed error, soon, in little memory.

    python tools/fuzz.py --models FOLDER --count 10000
    python tools/fuzz.py --models FOLDER --kinds tflite --backends cpu,wasm-simd --minutes 20 --save failures/
    python tools/fuzz.py --models FOLDER/name --seed 1234 --count 1 --save failures/   # one again, as it is printed

FOLDER is searched for ``.tflite`` files and folders with a ``model.json``, up to ``--largest`` bytes. Cases run in
processes of their own, so that a crash or an endless loop is one more outcome. It exits with 1 when anything is found
that must not be: untyped errors, messages of several lines, things left behind, a backend that runs what another one
refuses, more than ``--seconds`` or ``--megabytes`` for a case, a crash. With ``--minimise`` changes that a failure does
not need are left out of it. Seconds are of the processor, as a machine may do other things beside, but for ``--hang``.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fuzz_case
from fuzz_mutations import ALL

from tfjslab.backends import registry

KINDS = ("graph", "layers", "tflite")
WRONG = ("untyped", "ugly", "left", "differ", "slow", "large", "crash", "hang")
_START_SECONDS = 60  # to import and make a first model
_SHOWN = 5  # failures of a kind that are printed


@dataclass
class Child:
    """A process that tries cases; started anew after one that ended or hung it."""

    cache: str = ""  # a folder for compiled code, so that the user's own keeps what is of use
    process: subprocess.Popen[str] | None = None
    fresh: bool = True

    def ask(self, case: dict[str, Any], seconds: float) -> dict[str, Any]:
        """What became of a case; ``crash`` or ``hang`` when the process does not tell."""
        if self.process is None:
            command = [sys.executable, str(Path(fuzz_case.__file__))]
            self.process = subprocess.Popen(  # noqa: S603 - our own script
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env=os.environ | ({"TFJSLAB_CACHE_DIR": self.cache} if self.cache else {}))
            self.fresh = True
        pipes = self.process
        if pipes.stdin is None or pipes.stdout is None:
            raise RuntimeError("a process without pipes")
        pipes.stdin.write(json.dumps(case) + "\n")
        pipes.stdin.flush()
        with selectors.DefaultSelector() as ready:
            ready.register(pipes.stdout, selectors.EVENT_READ)
            came = ready.select(seconds + (_START_SECONDS if self.fresh else 0))
        self.fresh = False
        line = pipes.stdout.readline() if came else ""
        if line:
            told: dict[str, Any] = json.loads(line)
            return told
        self.end()
        outcome = "crash" if came else "hang"
        return {"outcome": outcome, "what": f"status {pipes.returncode}", "seconds": seconds, "bytes": 0}

    def end(self) -> None:
        """Stop the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()
            self.process = None


@dataclass
class Tally:
    """What became of all cases."""

    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)  # of failures, by what was found
    slowest: tuple[float, str] = (0.0, "none")
    largest: tuple[int, str] = (0, "none")

    def add(self, case: dict[str, Any], told: dict[str, Any]) -> None:
        """Count one; a failure is printed the first times."""
        self.outcomes[told["outcome"]] += 1
        again = f"--models '{case['source']}' --seed {case['seed']} --count 1"
        if len(case["keep"]) < len(ALL):
            again += f" --keep {','.join(map(str, case['keep']))}"
        self.slowest = max(self.slowest, (told["seconds"], again))
        self.largest = max(self.largest, (told["bytes"], again))
        if told["outcome"] not in WRONG:
            return
        kind = f"{told['outcome']}: {told['what']}"
        self.kinds[kind] += 1
        if self.kinds[kind] <= _SHOWN:
            say(f"{kind}\n    {told['seconds']:.2f} s, {told['bytes'] >> 20} MB; {again}")

    @property
    def failures(self) -> int:
        """How many cases ended as none may."""
        return sum(self.outcomes[w] for w in WRONG)


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201 - a script that prints


def sources(args: argparse.Namespace) -> list[Path]:
    """The models that are mutated."""
    found = []
    for root in args.models:
        if "tflite" in args.kinds:
            files = [root] if root.is_file() else sorted(root.rglob("*.tflite"))
            found += [p for p in files if p.stat().st_size <= args.largest]
        for path in sorted(root.rglob("model.json")):
            kind = "layers" if b'"model_config"' in path.read_bytes()[: 1 << 20] else "graph"
            size = sum(f.stat().st_size for f in path.parent.iterdir() if f.suffix in (".json", ".bin"))
            if kind in args.kinds and size <= args.largest:
                found.append(path.parent)
    return [p for p in found if args.only in str(p)]


def cases(args: argparse.Namespace, models: list[Path]) -> Iterator[dict[str, Any]]:
    """Each model in turn, with seeds in a row, until there are enough or time is up."""
    until = time.monotonic() + 60 * args.minutes if args.minutes else None
    for i in range(args.count if until is None else sys.maxsize):
        if until is not None and time.monotonic() > until:
            return
        source = models[(args.seed + i) % len(models)]
        yield {"source": str(source), "seed": args.seed + i, "keep": args.keep, "backends": args.backends,
               "load_only": args.load_only}


def judged(told: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """The outcome, with what took too long or too much."""
    if told["outcome"] not in WRONG and told["seconds"] > args.seconds:
        return told | {"outcome": "slow", "what": told["outcome"]}
    if told["outcome"] not in WRONG and told["bytes"] > args.megabytes << 20:
        return told | {"outcome": "large", "what": told["outcome"]}
    return told


def fuzz(args: argparse.Namespace) -> Tally:
    """Try all cases in some processes."""
    models, tally = sources(args), Tally()
    if not models:
        raise SystemExit(f"no model of {', '.join(args.kinds)} in {', '.join(map(str, args.models))}")
    waiting, began = cases(args, models), time.monotonic()

    def work(child: Child) -> None:
        while (case := next(waiting, None)) is not None:
            told = judged(child.ask(case, args.hang), args)
            if args.minimise and told["outcome"] in WRONG:
                case, told = minimised(child, case, told, args)
            tally.add(case, told)
            if args.save and told["outcome"] in WRONG:
                write(case, told["outcome"], args.save)
            done = sum(tally.outcomes.values())
            if done % 500 == 0:
                say(f"{done} cases, {tally.failures} failures, {time.monotonic() - began:.0f} s")

    with tempfile.TemporaryDirectory() as cache:
        children = [Child(cache) for _ in range(args.jobs)]
        try:
            with ThreadPoolExecutor(len(children)) as pool:
                list(pool.map(work, children))
        finally:
            for child in children:
                child.end()
    return tally


def minimised(
    child: Child, case: dict[str, Any], told: dict[str, Any], args: argparse.Namespace,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The case without the changes that it fails without, and how it ends then."""
    for i in case["keep"]:
        smaller = case | {"keep": [k for k in case["keep"] if k != i]}
        found = judged(child.ask(smaller, min(args.hang, 2 * args.seconds)), args)
        if found["outcome"] == told["outcome"]:
            case, told = smaller, found
    return case, told


def write(case: dict[str, Any], outcome: str, folder: Path) -> None:
    """Write the mutated model, to look at."""
    source = Path(case["source"])
    target = folder / f"{outcome}-{source.stem}-{case['seed']}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    fuzz_case.mutated(source, case["seed"], target, case["keep"])


def parsed(given: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, nargs="+", required=True, help="folders with models")
    parser.add_argument("--kinds", default=",".join(KINDS), help="of models, with commas (default: %(default)s)")
    parser.add_argument("--only", default="", help="models whose path has this in it")
    parser.add_argument("--backends", default="cpu,wasm-simd", help="that each case runs on (default: %(default)s)")
    parser.add_argument("--load-only", action="store_true", help="load and verify, do not run")
    parser.add_argument("--count", type=int, default=10_000, help="cases (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=0, help="instead of a count")
    parser.add_argument("--seed", type=int, default=0, help="of the first case")
    parser.add_argument("--seconds", type=float, default=10, help="of the processor for a case (default: %(default)s)")
    parser.add_argument("--hang", type=float, default=60, help="seconds after which it is ended (default: %(default)s)")
    parser.add_argument("--megabytes", type=int, default=1000, help="that a case may take (default: %(default)s)")
    parser.add_argument("--largest", type=int, default=3_000_000, help="bytes of a model (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument("--save", type=Path, help="folder for the models that failed")
    parser.add_argument("--minimise", action="store_true", help="leave changes out that a failure does not need")
    parser.add_argument("--keep", help="numbers of the changes that are made, with commas (default: all)")
    args = parser.parse_args(given)
    args.kinds, args.backends = args.kinds.split(","), args.backends.split(",")
    args.keep = [int(i) for i in args.keep.split(",")] if args.keep else list(ALL)
    missing = [f"{b}: {found.reason}" for b in args.backends if not (found := registry.availability(b)).available]
    if missing:
        parser.error(f"cannot run here: {'; '.join(missing)}")
    return args


def main() -> int:
    """Fuzz; 1 when something was found."""
    tally = fuzz(parsed())
    total = sum(tally.outcomes.values())
    (seconds, slowest), (size, largest) = tally.slowest, tally.largest
    say(f"\n{total} cases, {tally.failures} failures; slowest {seconds:.2f} s, most memory {size >> 20} MB")
    say(f"slowest: {slowest}\nlargest: {largest}")
    for outcome, count in tally.outcomes.most_common():
        say(f"{count:8}  {outcome}")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
