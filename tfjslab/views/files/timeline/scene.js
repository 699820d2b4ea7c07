// All that a picture of the timeline is made of, except what time is visible.
import { laid } from "./laid.js";
import { looksOf } from "./looks.js";
import { rowsOf } from "./rows.js";
import { percent } from "../text.js";

export function sceneOf(data) {
  const { kernels, lanes } = data;
  const levels = Math.max(-1, ...data.spans.map((s) => s.level)) + 1;
  const spans = Array.from({ length: levels }, (_, level) => data.spans.filter((s) => s.level === level));
  const indices = [...kernels.keys()];
  const scene = {
    data, kernels, spans,
    byLane: lanes.map((_, lane) => indices.filter((i) => Number(kernels[i].host) === lane)),
    rows: rowsOf(levels, lanes.length),
    peak: indices.reduce((most, i) => (kernels[i].bytes_live > kernels[most].bytes_live ? i : most), 0),
    run: laid(data.runs[0]),
    looks: null, matches: null, hover: null, pinned: null,
    colourOf: (i) => (kernels[i].host ? scene.looks?.host : scene.looks?.kinds[kernels[i].kind]),
    dress(el) { scene.looks = looksOf(el); },
    choose(index) { scene.run = laid(data.runs[index]); },
    // Whether a search left something of a span.
    touched({ first, end }) {
      if (!scene.matches) return true;
      for (let i = first; i < end; i += 1) if (scene.matches.has(i)) return true;
      return false;
    },
    // Where a thing is: its time and its row.
    placeOf(hit) {
      const { starts, n, end } = scene.run;
      const { levels, lanes: places } = scene.rows;
      if (hit.kind === "rest") return { from: starts[n], to: end, row: places[0] };
      const [first, last, row] = hit.kind === "span"
        ? [hit.span.first, hit.span.end, levels[hit.span.level]]
        : [hit.index, hit.index + 1, places[Number(kernels[hit.index].host)]];
      return { from: starts[first], to: starts[last], row };
    },
    // The kernel that makes a node's value, or one that it was fused into; -1 without.
    kernelOf(node) {
      const own = kernels.findIndex((k) => k.node === node);
      return own >= 0 ? own : kernels.findIndex((k) => k.nodes.includes(node));
    },
  };
  return scene;
}

// What a legend says: every kind with its colour and its share of this run.
export function legendOf({ data, kernels, run, looks, byLane }) {
  const times = data.kinds.map(() => 0);
  for (const i of byLane[0]) times[kernels[i].kind] += run.time(i);
  const kinds = data.kinds.map((name, kind) => [name, looks.kinds[kind], times[kind]]);
  const host = (byLane[1] || []).reduce((all, i) => all + run.time(i), 0);
  if (byLane[1]) kinds.push(["on the host", looks.host, host]);
  kinds.push(["unattributed", "", run.rest]);
  return kinds.map(([name, colour, time]) => ({ name, colour, share: percent(time, run.wall) }));
}
