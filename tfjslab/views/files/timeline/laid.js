// Kernels of one run laid end to end, and what can be asked about them. Times are in milliseconds.

// The first index in [0, n) for which `late` holds, else n.
export function firstWhere(n, late) {
  let [low, high] = [0, n];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (late(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

export function laid(run) {
  const n = run.times_ms.length;
  const starts = new Float64Array(n + 1); // the last one is where the last kernel ends
  run.times_ms.forEach((time, i) => { starts[i + 1] = starts[i] + Math.max(0, time); });
  const unattributed = run.wall_ms - starts[n]; // below 0 where medians of kernels are more than that of the walls
  return {
    name: run.name, n, starts, unattributed,
    wall: run.wall_ms,
    rest: Math.max(0, unattributed),
    end: Math.max(run.wall_ms, starts[n]),
    time: (first, end = first + 1) => starts[end] - starts[first],
    // The kernel that runs at a time; n in the time that no kernel accounts for.
    at: (time) => firstWhere(n, (i) => starts[i + 1] > time),
  };
}

// Totals of kernels `first` to `end - 1`.
export function totals(kernels, run, first, end) {
  const sum = { count: end - first, time: run.time(first, end), flops: 0, moved: 0, host: 0, hostTime: 0, peak: 0 };
  for (let i = first; i < end; i += 1) {
    sum.flops += kernels[i].flops;
    sum.moved += kernels[i].bytes_moved;
    sum.peak = Math.max(sum.peak, kernels[i].bytes_live);
    if (kernels[i].host) {
      sum.host += 1;
      sum.hostTime += run.time(i);
    }
  }
  return sum;
}

// What plans hold while kernel `index` runs, the largest first.
export function aliveAt(kernels, index) {
  const alive = [];
  for (let i = 0; i <= index; i += 1) {
    for (const [name, shape, dtype, bytes, commands] of kernels[i].buffers) {
      if (i + commands > index) alive.push({ name, shape, dtype, bytes });
    }
  }
  return alive.sort((a, b) => b.bytes - a.bytes);
}

// Indices of the slowest kernels of those from `first` to `end - 1`.
export function slowest(run, first, end, count) {
  const indices = Array.from({ length: end - first }, (_, i) => first + i);
  return indices.sort((a, b) => run.time(b) - run.time(a)).slice(0, count);
}
