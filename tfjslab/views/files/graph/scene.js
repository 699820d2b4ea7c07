// Boxes and lines at their places in one plane, from what graph_place.js gave.
import { OUT, ROOT } from "./model.js";
import { widthOf } from "./letters.js";

const HEIGHT = 42, LEAST = 96, MOST = 260, ROOM = 36;
const STEP = 12; // of widths, so that like blocks have like layouts

/** What to lay out: the boxes of an open group with their sizes and the pairs that lines connect. */
export function request(model, bundles, group = ROOT) {
  const edges = (bundles.get(group) ?? []).map(({ from, to }) => [from, to]);
  const children = model.inside.get(group).map((box) =>
    model.isOpen(box) ? request(model, bundles, box) : { box, ...sizeOf(model, box) });
  return { box: group, children, edges };
}

function sizeOf(model, box) {
  const op = model.isGroup(box) ? "" : model.nodes[box].op;
  const letters = 12 * Math.max(widthOf(op, true), widthOf(model.label(box), true));
  return { w: STEP * Math.ceil(Math.min(MOST, Math.max(LEAST, letters + ROOM)) / STEP), h: HEIGHT };
}

/** Boxes, those that hold others before them; lines with the edges that each stands for; and the whole's size. */
export function sceneOf(model, bundles, placed) {
  const boxes = new Map(), lines = [];
  const visit = (group, x, y, depth) => {
    for (const child of group.children) {
      const box = { box: child.box, x: x + child.x, y: y + child.y, w: child.w, h: child.h, depth,
        open: Boolean(child.children), entry: child.entry ?? null, exit: child.exit ?? null };
      boxes.set(child.box, box);
      if (child.children) visit(child, box.x, box.y, depth + 1);
    }
    (bundles.get(group.box) ?? []).forEach(({ from, to, edges }, i) => {
      const points = group.lines[i].map(([px, py]) => [px + x, py + y]);
      lines.push({ edges, points: attached(points, boxes.get(from), boxes.get(to), y, group), arrow: to !== OUT });
    });
  };
  visit(placed, 0, 0, 0);
  for (const line of lines) line.bounds = boundsOf(line.points);
  return { boxes, lines, w: placed.w, h: placed.h };
}

/** A line that goes down begins at the middle of a box or where an open group is left, and ends likewise. */
function attached(points, from, to, top, group) {
  if (points[0][1] > points.at(-1)[1]) return points; // it goes up, round a circle of groups
  const inner = points.slice(1, -1);
  const begin = from ? [from.x + (from.exit ?? from.w / 2), from.y + from.h] : [points[0][0], top];
  const end = to ? [to.x + (to.entry ?? to.w / 2), to.y] : [points.at(-1)[0], top + group.h];
  return [begin, ...inner, end];
}

function boundsOf(points) {
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** The innermost box at a point. */
export function hit(scene, x, y) {
  let found = null;
  for (const box of scene.boxes.values()) {
    if (x >= box.x && x <= box.x + box.w && y >= box.y && y <= box.y + box.h) found = box;
  }
  return found;
}
