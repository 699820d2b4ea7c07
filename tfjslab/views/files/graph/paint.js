// Draws a scene with a pen. What lies outside of the window is left out, and what would be too small to read, too.
import { blend, css, luminance } from "./colours.js";
import { fitted, widthOf } from "./letters.js";

const READABLE = 5.5, LETTERED = 0.75; // pixels of a letter's size; from which scale on lines tell shapes
const KINDS = [["a", /conv|matmul|dense|lstm|gru|einsum/i], ["c", /pool|mean|sum|reduce|max$|min$|arg/i],
  ["b", /relu|sigmoid|tanh|softmax|elu|swish|clip/i]];

/** `look`: window `[x0, y0, x1, y1]` in the scene, scale, theme, overlay and its range, selected, hovered, related. */
export function paint(scene, model, pen, look) {
  const [x0, y0, x1, y1] = look.window;
  const shown = [...scene.boxes.values()].filter((b) => b.x < x1 && b.x + b.w > x0 && b.y < y1 && b.y + b.h > y0);
  const lines = scene.lines.filter(({ bounds: b }) => b[0] < x1 && b[2] > x0 && b[1] < y1 && b[3] > y0);
  for (const box of shown) if (box.open) paintGroup(box, pen, look);
  paintLines(lines, model, pen, look);
  for (const box of shown) if (box.open) paintTitle(box, model, pen, look);
  for (const box of shown) if (!box.open) paintBox(box, model, pen, look);
}

function paintGroup(box, pen, look) {
  const { theme, scale } = look;
  pen.box(box.x, box.y, box.w, box.h, { fill: ground(box, theme), ...outline(box, look), radius: scale > 0.4 ? 6 : 0 });
}

/** Groups in groups are ever darker, or lighter on dark paper. */
const ground = (box, theme) => css(blend(theme.paper, theme.ink, 0.035 * Math.min(box.depth + 1, 4)));

function paintTitle(box, model, pen, { theme, scale }) {
  const size = Math.min(24, Math.max(12, 9 / scale)); // a group's name stays readable from far away
  if (size * scale < READABLE || size > box.h / 3) return;
  const title = fitted(`− ${model.label(box.box)}`, box.w - 16, size, true);
  pen.box(box.x + 6, box.y + 4, widthOf(title, true) * size + 4, size * 1.3, { fill: ground(box, theme), radius: 0 });
  pen.text(box.x + 8, box.y + 4 + size, title, { fill: css(theme.faint), size, bold: true });
}

function paintBox(box, model, pen, look) {
  const { theme, scale, overlay } = look, value = overlay?.value(box.box) ?? null, group = model.isGroup(box.box);
  const filled = value === null ? theme.panel : overlay.colour(overlay.part(value, look.range), theme);
  const detailed = scale > 0.4;
  if (group && detailed) pen.box(box.x + 4, box.y + 4, box.w, box.h, { fill: css(theme.panel), stroke: css(theme.line) });
  pen.box(box.x, box.y, box.w, box.h, { fill: css(filled), ...outline(box, look), radius: detailed ? 4 : 0 });
  if (!overlay && !group) pen.box(box.x, box.y, 5, box.h, { fill: css(theme[kindOf(model.nodes[box.box].op)]), radius: 0 });
  if (12 * scale < READABLE) return;
  const fill = value === null ? css(theme.ink) : luminance(filled) > 0.5 ? "#111" : "#fff";
  const [first, second] = texts(box.box, model, overlay, value);
  pen.text(box.x + 11, box.y + 17, fitted(first, box.w - (group ? 34 : 18), 12, true), { fill, size: 12, bold: true });
  pen.text(box.x + 11, box.y + 33, fitted(second, box.w - 18, 11, false), { fill, size: 11 });
  if (group) pen.text(box.x + box.w - 10, box.y + 18, "+", { fill, size: 15, bold: true, align: "right" });
}

const kindOf = (op) => KINDS.find(([, pattern]) => pattern.test(op))?.[0] ?? "line";

function outline(box, { theme, selected, hovered }) {
  if (box.box === selected) return { stroke: css(theme.b), width: 3 };
  return { stroke: css(box.box === hovered ? theme.ink : blend(theme.line, theme.ink, 0.25)), width: 1 };
}

/** A group: its name and size. A node: its op and name. With an overlay the value stands in the second line. */
function texts(box, model, overlay, value) {
  const count = model.isGroup(box) ? `${model.nodesOf(box).length} nodes` : model.nodes[box].label;
  const first = model.isGroup(box) ? model.label(box) : model.nodes[box].op;
  const told = overlay?.text(value);
  if (!told) return [first, count];
  return model.isGroup(box) ? [first, told] : [model.nodes[box].label, told];
}

function paintLines(lines, model, pen, { theme, scale, related }) {
  const plain = blend(theme.paper, theme.ink, 0.45);
  for (const [marked, colour, width] of [[false, plain, 1.2], [true, theme.b, 2.5]]) {
    const found = lines.filter((line) => line.edges.some((edge) => related.has(edge)) === marked);
    if (!found.length) continue;
    pen.curves(found.map((line) => line.points), { stroke: css(colour), width: Math.max(width, 0.7 / scale) });
    if (scale > 0.3) pen.arrows(found.filter((line) => line.arrow).map(tip), 8, css(colour));
  }
  if (scale < LETTERED) return;
  for (const line of lines) {
    const text = shapeOf(line, model), [x, y] = line.points[Math.floor((line.points.length - 1) / 2)];
    if (text) pen.text(x + 5, y + (line.points.length > 2 ? 4 : 16), text, { fill: css(theme.faint), size: 10 });
  }
}

const tip = ({ points }) => [...points.at(-1), points[0][1] > points.at(-1)[1]];

/** The shape of what a line stands for, or how many tensors. */
function shapeOf(line, model) {
  const values = new Set(line.edges.map((edge) => {
    const { from, output } = model.edges[edge];
    return `${from}:${output}`;
  }));
  if (values.size > 1) return `${values.size} tensors`;
  const { from, output } = model.edges[line.edges[0]];
  return model.nodes[from].outputs[output]?.shape ?? "";
}
