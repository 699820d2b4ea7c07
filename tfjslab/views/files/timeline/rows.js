// Where things are on the canvas, in CSS pixels: a gutter with names at the left, and rows from top to bottom.
export const GUTTER = 86;
const OVERVIEW = 22;
const RULER = 22;
const LEVEL = 21;
const LANE = 32;
const MEMORY = 120;
const GAP = 8;

export function rowsOf(levels, lanes) {
  let y = 0;
  const row = (height, gap = GAP) => {
    const made = { y, height };
    y += height + gap;
    return made;
  };
  const rows = {
    overview: row(OVERVIEW, 2),
    ruler: row(RULER, 2),
    levels: Array.from({ length: levels }, (_, i) => row(LEVEL - 1, i === levels - 1 ? GAP : 1)),
    lanes: Array.from({ length: lanes }, () => row(LANE, 3)),
    memory: row(MEMORY, 2),
  };
  return { ...rows, height: y };
}

// Milliseconds to pixels and back, for what is visible on a canvas of this width.
export function scaleOf({ from, to }, width) {
  const pixels = Math.max(1, width - GUTTER) / (to - from);
  return {
    x: (time) => GUTTER + (time - from) * pixels,
    time: (x) => from + (x - GUTTER) / pixels,
    pixels,
  };
}

// What is at a place: {kind, ...}, or null. Spans are by level, and each level's in order.
export function found({ run, rows, spans, kernels }, scale, x, y) {
  const within = (row) => y >= row.y && y < row.y + row.height;
  if (x < GUTTER) return null;
  if (within(rows.overview)) return { kind: "overview" };
  const time = scale.time(x);
  if (time < 0 || time >= run.end) return null;
  const index = run.at(time);
  const level = rows.levels.findIndex(within);
  if (level >= 0) {
    const span = spans[level].find((s) => s.first <= index && index < s.end);
    return span ? { kind: "span", span } : null;
  }
  const lane = rows.lanes.findIndex(within);
  if (lane < 0 && !within(rows.memory)) return null;
  if (index === run.n) return lane === 0 ? { kind: "rest" } : null;
  if (lane >= 0 && lane !== Number(kernels[index].host)) return null;
  return { kind: "kernel", index, memory: lane < 0 };
}
