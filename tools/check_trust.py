"""Check that figures can be trusted: on a quiet machine and beside busy loops, each measurement in a fresh process.

    python tools/check_trust.py                       # all parts, on models of the zoo
    python tools/check_trust.py --parts same --models path/to/model other/ --tries 5

Parts: ``same``, a model against itself (nothing may be called different); ``slowdown``, a model against one that does
15% more work (it must be found); ``top``, the five slowest nodes beside busy loops (those of the quiet profile).
Run it on a machine that does nothing else; the loops are its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tfjslab as tf
from tfjslab import zoo
from tfjslab.bench.bench import bench_models
from tfjslab.bench.result import compare_results
from tfjslab.bench.settings import Settings
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model
from tfjslab.profiling.reduce import by_node
from tfjslab.records.profile import from_json
from tfjslab.records.verdict import SAME, SLOWER, UNKNOWN

MODELS = ("mobilenet_v2", "blazeface", "digits")
PLANTED = 1.15
TOP, NEAR, TIE = 5, 0.15, 0.03
BUSY_LOOP = "while True: pass"


@dataclass(frozen=True)
class Place:
    """Where the tool measures, and keeps its files."""

    backend: str
    folder: Path
    tries: int


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201 - a script that prints


def profile(model: str, place: Place, *more: str) -> dict[str, Any]:
    """``tfjslab profile`` in a fresh process; what it writes as JSON."""
    command = [sys.executable, "-m", "tfjslab", "profile", model, "--backend", place.backend, *more, "--json", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def kept(found: dict[str, Any], path: Path) -> str:
    """Write a profile for ``--diff``; gives its path."""
    path.write_text(json.dumps(found), encoding="utf-8")
    return str(path)


@contextmanager
def busy_loops() -> Iterator[None]:
    """As many programs that never rest as there are processors."""
    loops: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(os.cpu_count() or 1):
            loops.append(subprocess.Popen([sys.executable, "-c", BUSY_LOOP]))  # noqa: S603, PERF401 - all are ended
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def kind_of(text: str) -> str:
    """The kind of a verdict by its text."""
    return next((k for k in (UNKNOWN, SAME, SLOWER) if k in text.split(" (", maxsplit=1)[0]), "faster")


def check_same(models: Sequence[str], place: Place) -> bool:
    """Each model against itself: quiet processes against each other, and busy ones against quiet ones."""
    kinds: Counter[str] = Counter()
    for model in models:
        before = [kept(profile(model, place), place.folder / f"{i}.json") for i in range(2)]
        for i in range(place.tries):
            found = profile(model, place, "--diff", before[-1])
            before.append(kept(found, place.folder / f"{i + 2}.json"))
            kinds[told(f"{model}, quiet", found)] += 1
        with busy_loops():
            for i in range(place.tries):
                kinds[told(f"{model}, busy", profile(model, place, "--diff", before[i]))] += 1
    right = kinds[SAME] + kinds[UNKNOWN]
    say(f"same: {right} of {kinds.total()} say 'same' or 'cannot tell' ({dict(kinds)})")
    return 60 * (kinds.total() - right) <= kinds.total()


def told(what: str, found: dict[str, Any]) -> str:
    """Print what a diff says; gives the kind."""
    total = found["diff"]["total"]
    say(f"  {what}: {total['a_ms']:.2f} and {total['b_ms']:.2f} ms: {total['verdict']}")
    return kind_of(total["verdict"])


def check_slowdown(models: Sequence[str], place: Place) -> bool:
    """A model with more work against the model as it is."""
    right = count = 0
    for model in models:
        slower = str(plant(model, place))
        for _ in range(place.tries):
            before = kept(profile(model, place), place.folder / "before.json")
            right += told(f"{model}, planted", profile(slower, place, "--diff", before)) == SLOWER
            count += 1
    say(f"slowdown: {right} of {count} found")
    return 10 * right >= 9 * count


def plant(name: str, place: Place) -> Path:
    """A model that computes some of its convolutions twice, as outputs more, so that it takes 15% longer."""
    open_model = zoo.load if name in zoo.ENTRIES else tf.load_model
    with open_model(name, backend=place.backend) as model:
        nodes = [n for n in model.graph.nodes if "Conv2D" in n.op or "Conv2d" in n.op]
        least, most = 0, len(nodes)
        while most - least > 1:
            middle = (least + most) // 2
            ratio = measured(model, repeated(model.graph, nodes[-middle:]))
            least, most = (middle, most) if ratio < PLANTED else (least, middle)
        graph = repeated(model.graph, nodes[-most:])
        say(f"  {name}: {most} convolutions twice: {measured(model, graph):.3f} times as long, interleaved")
        with model.with_graph(graph) as slower:
            return slower.save(place.folder / f"{Path(name).name}_slower")


def measured(model: Model, graph: Graph) -> float:
    """How many times as long the model takes with another graph, interleaved in this process."""
    with model.with_graph(graph) as other:
        a, b = bench_models([("as it is", model, None), ("slower", other, None)], [None], settings=Settings(60, 5))
    return 1 / (compare_results(a, b).ratio or 1.0)


def repeated(graph: Graph, nodes: Sequence[Node]) -> Graph:
    """The graph with ``nodes`` computed a second time; what that gives are outputs."""
    twins = [replace(n, name=f"{n.name}/again") for n in nodes]
    ports = [Port(t.name, t.name, None, "float32") for t in twins]
    return graph.with_(nodes=(*graph.nodes, *twins), outputs=(*graph.outputs, *ports))


def check_top(models: Sequence[str], place: Place) -> bool:
    """The slowest nodes and the headline beside busy loops."""
    right = near = 0
    model = models[0]
    quiet = from_json(profile(model, place))
    rows = by_node(quiet)
    # Nodes that take the same may change places.
    expected = {r.key for r in rows if r.time_ms >= (1 - TIE) * rows[TOP - 1].time_ms}
    with busy_loops():
        for _ in range(place.tries):
            found = from_json(profile(model, place))
            same = {r.key for r in by_node(found)[:TOP]} <= expected
            close = abs(found.wall_ms / quiet.wall_ms - 1) <= NEAR or bool(found.disturbance.mostly)
            say(f"  {model}, busy: top {TOP} {'the same' if same else 'differ'}; wall {found.wall_ms:.2f} ms, quiet "
                  f"{quiet.wall_ms:.2f} ms; {found.disturbance.text}")
            right, near = right + same, near + close
    say(f"top: {right} of {place.tries} name the same nodes; {near} have a headline within {NEAR:.0%} or say that "
          "they were disturbed")
    return right == near == place.tries


PARTS: dict[str, Callable[[Sequence[str], Place], bool]] = {
    "same": check_same, "slowdown": check_slowdown, "top": check_top,
}


def main() -> int:
    """Run the parts; 1 when one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS), help="with commas (default: all)")
    parser.add_argument("--models", nargs="+", default=list(MODELS), help="of the zoo, or paths")
    parser.add_argument("--backend", default="wasm-simd")
    parser.add_argument("--tries", type=int, default=10, help="of each model, quiet and busy (default 10)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(args.backend, Path(folder), args.tries)
        passed = [PARTS[part](args.models, place) for part in args.parts.split(",")]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
