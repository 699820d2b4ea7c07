import { read } from './model.js';

/** The kernels of a variant, in the order of its run. */
export async function kernelsOf(name, size, options) {
  return JSON.parse(new TextDecoder().decode(await read('kernels.json', size, options)))[name];
}

/** What `profile` of a model does: stamped runs, and medians of what each kernel took. */
export function profile(run, memory, { records, stamps }, names, runs) {
  const times = names.map(() => []);
  for (let i = 0; i < runs; i++) {
    run(1);
    const read = new BigUint64Array(memory.buffer, stamps, 2 * records);
    times.forEach((t, k) => t.push(Number(read[2 * k + 1] - read[k ? 2 * k - 1 : 0]) / 1e6));
  }
  const median = (t) => t.sort((a, b) => a - b)[t.length >> 1];
  const kernels = names.map(([kernel, node], i) => ({ kernel, node, ms: median(times[i]) }));
  return { kernels, runs, resolution: resolution() };
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
