import { read } from './model.js';

/** What `profile` of a model does: stamped runs, and medians of what each kernel took. */
export async function profile({ runs = 20 } = {}, live, name, { records, stamps }, memory, size, options) {
  const names = JSON.parse(new TextDecoder().decode(await read('kernels.json', size, options)))[name];
  const times = names.map(() => []), walls = [], { run } = live();
  for (let i = 0; i < runs; i++) {
    const began = performance.now();
    run(1);
    walls.push(performance.now() - began);
    const told = new BigUint64Array(memory.buffer, stamps, 2 * records);
    times.forEach((t, k) => t.push(Number(told[2 * k + 1] - told[k ? 2 * k - 1 : 0]) / 1e6));
  }
  const median = (t) => t.sort((a, b) => a - b)[t.length >> 1];
  const kernels = names.map(([kernel, node], i) => ({ kernel, node, ms: median(times[i]) }));
  return { kernels, runs, wall: median(walls), resolution: resolution() };
}

/** The smallest step of performance.now(), in milliseconds: no kernel is known more exactly than that. */
export function resolution() {
  let least = Infinity;
  for (let i = 0, last = performance.now(); i < 20000; i++) {
    const now = performance.now();
    if (now > last) least = Math.min(least, now - last);
    last = now;
  }
  return least;
}
