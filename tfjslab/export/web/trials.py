"""Trials of tiles in a browser: one module of candidates, and the script that times them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfjslab.backends.wasm.run.engine import PAGE_BYTES, module_bytes
from tfjslab.backends.wasm.run.heap import align
from tfjslab.backends.wasm.text.templates import WasmKernel, functions, name_function
from tfjslab.backends.wasm.tuning import WasmTrial
from tfjslab.export.web.variants import Variant

_FIRST = 1024
# Every candidate runs in every round; a sample is as many calls as take a part of a millisecond, since clocks of
# browsers are coarse; the least of many short samples survives other work on the machine.
_SCRIPT = """async ({ code, pages, zero, calls, rounds }) => {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536 });
  new Float32Array(memory.buffer, FIRST).fill(0.01);  // kernels rely on zeros at the address 0
  zero.forEach(([at, bytes]) => new Uint8Array(memory.buffer, at, bytes).fill(0));
  const bytes = Uint8Array.from(atob(code), (c) => c.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  const runs = calls.map((args, i) => () => instance.exports[`run${i}`](...args));
  const time = (run, n) => {
    const start = performance.now();
    for (let k = 0; k < n; k++) run();
    return (performance.now() - start) / n;
  };
  runs.forEach((run) => time(run, 2));
  const counts = runs.map((run) => Math.max(1, Math.min(200, Math.ceil(0.25 / Math.max(time(run, 3), 0.001)))));
  const best = runs.map(() => Infinity);
  let going = runs.map((_, i) => i);
  for (let r = 0; r < rounds; r++) {
    for (const i of going) best[i] = Math.min(best[i], time(runs[i], counts[i]));
    const least = Math.min(...best);
    if (r > 2) going = going.filter((i) => best[i] < 1.2 * least);
  }
  return best;
}"""
Evaluate = Callable[[str, Mapping[str, Any]], Any]  # a page's evaluate: script, argument


def measured(evaluate: Evaluate, variant: Variant, trials: Sequence[WasmTrial], rounds: int = 20) -> list[float]:
    """Milliseconds of each candidate, the least of its samples."""
    names: dict[WasmKernel, str] = {}
    exports = [f'(export "run{i}" (func ${name_function(names, t.kernel)}))' for i, t in enumerate(trials)]
    head = '(module (import "env" "memory" (memory 1 65536))'
    code = module_bytes("\n".join([head, *functions(names, variant.lanes), *exports, ")"]))
    calls, zero, end = _calls(trials)
    found = evaluate(_SCRIPT.replace("FIRST", str(_FIRST)), {
        "code": base64.b64encode(code).decode(), "pages": -(-end // PAGE_BYTES) + 1, "zero": zero, "calls": calls,
        "rounds": rounds,
    })
    return [float(ms) for ms in found]


def _calls(trials: Sequence[WasmTrial]) -> tuple[list[list[int]], list[list[int]], int]:
    """Arguments of each candidate, what holds zeros (tables), and the end of memory.

    What is read and written is shared; weights each candidate has for itself, as they are not in the caches when a
    layer's turn comes.
    """
    top = _FIRST

    def take(num_bytes: int) -> int:
        nonlocal top
        at, top = top, align(top + num_bytes + 64)
        return at

    scratch = take(max(t.scratch_bytes for t in trials))
    pointers = trials[0].kernel.pointers
    sizes = [max(t.pointer_bytes[i] for t in trials) for i in range(len(pointers))]
    shared = [take(size) for size in sizes]
    zero = [[at, size] for p, at, size in zip(pointers, shared, sizes, strict=True) if p == "table"]
    calls = []
    for t in trials:
        own = [take(size) if p == "w" else at for p, size, at in zip(pointers, t.pointer_bytes, shared, strict=True)]
        calls.append([0, t.units, scratch, *own])
    return calls, zero, top
