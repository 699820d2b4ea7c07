// The whole picture: overview, ruler, layers, kernels by lane, memory, and what is hovered and selected.
import { boxes, clipped } from "./boxes.js";
import { letters } from "./looks.js";
import { drawMemory } from "./memory.js";
import { GUTTER, scaleOf } from "./rows.js";
import { drawRuler } from "./ruler.js";
import { head, ms, tail } from "../text.js";

const PADDING = 4;
const DIM = 0.22; // of what a search leaves out
const READABLE = 6; // letters of a name that are worth writing

export function paint(context, width, scene, shown) {
  const { rows, looks } = scene;
  const scale = scaleOf(shown, width);
  context.fillStyle = looks.paper;
  context.fillRect(0, 0, width, rows.height);
  context.textBaseline = "middle";
  context.font = looks.font;
  drawNames(context, scene);
  drawOverview(context, width, scene, shown);
  context.save();
  context.beginPath();
  context.rect(GUTTER, 0, width - GUTTER, rows.height);
  context.clip();
  drawRuler(context, width, scene, shown, scale);
  scene.spans.forEach((spans, level) => drawSpans(context, width, scene, shown, scale, spans, rows.levels[level]));
  scene.byLane.forEach((indices, lane) => drawKernels(context, width, scene, shown, scale, indices, rows.lanes[lane]));
  drawRest(context, width, scene, scale);
  drawMemory(context, width, scene, shown, scale);
  drawMarks(context, width, scene, scale);
  context.restore();
}

function drawNames(context, { rows, looks, data }) {
  context.fillStyle = looks.faint;
  const room = GUTTER - 6;
  const name = (text, row) => row && context.fillText(tail(text, letters(room)), 0, row.y + row.height / 2, room);
  name("whole run", rows.overview);
  name("layers", rows.levels[0]);
  name("memory", rows.memory);
  data.lanes.forEach((lane, i) => name(lane, rows.lanes[i]));
}

// The whole run in one strip, and a frame around what is visible.
function drawOverview(context, width, { run, rows, looks, colourOf, matches }, shown) {
  const { y, height } = rows.overview;
  const all = { from: 0, to: run.end };
  const scale = scaleOf(all, width);
  const kernels = { n: run.n, from: (i) => run.starts[i], to: (i) => run.starts[i + 1] };
  boxes(kernels, all, scale, (x, w, i) => {
    context.fillStyle = colourOf(i);
    context.globalAlpha = matches && !matches.has(i) ? DIM : 1;
    context.fillRect(x, y + 3, w, height - 6);
  });
  context.globalAlpha = 1;
  context.fillStyle = context.strokeStyle = looks.ink;
  const [left, right] = [scale.x(shown.from), scale.x(shown.to)];
  context.globalAlpha = 0.12;
  context.fillRect(GUTTER, y, left - GUTTER, height);
  context.fillRect(right, y, width - right, height);
  context.globalAlpha = 1;
  context.strokeRect(left + 0.5, y + 0.5, Math.max(2, right - left - 1), height - 1);
}

// Layers: the more of the run's time, the stronger the colour.
function drawSpans(context, width, { run, looks, touched }, shown, scale, spans, row) {
  const inTime = { n: spans.length, from: (i) => run.starts[spans[i].first], to: (i) => run.starts[spans[i].end] };
  boxes(inTime, shown, scale, (x, w, i) => {
    const [left, across] = clipped(x, w, GUTTER, width);
    context.fillStyle = looks.panel;
    context.fillRect(left, row.y, across, row.height);
    const share = (inTime.to(i) - inTime.from(i)) / run.end;
    context.globalAlpha = (touched(spans[i]) ? 1 : DIM) * (0.12 + 0.5 * Math.sqrt(share));
    context.fillStyle = looks.a;
    context.fillRect(left, row.y, across, row.height);
    context.globalAlpha = 1;
    if (w > 3) separate(context, looks, x + w, row);
    write(context, looks.ink, spans[i].name, tail, left, across, row);
  });
}

function drawKernels(context, width, { run, kernels, looks, colourOf, matches }, shown, scale, indices, row) {
  const inTime = { n: indices.length, from: (i) => run.starts[indices[i]], to: (i) => run.starts[indices[i] + 1] };
  boxes(inTime, shown, scale, (x, w, i) => {
    const index = indices[i];
    const colour = colourOf(index);
    const [left, across] = clipped(x, w, GUTTER, width);
    const dim = matches && !matches.has(index);
    context.globalAlpha = dim ? DIM : 1;
    context.fillStyle = colour;
    context.fillRect(left, row.y, across, row.height);
    context.globalAlpha = 1;
    if (w > 3) separate(context, looks, x + w, row);
    if (!dim) write(context, looks.on[colour], kernels[index].name, head, left, across, row);
  });
}

// Time that no kernel accounts for: where in the run it was is not known.
function drawRest(context, width, { run, rows, looks }, scale) {
  if (run.rest <= 0) return;
  const row = rows.lanes[0];
  const [left, across] = clipped(scale.x(run.starts[run.n]), run.rest * scale.pixels, GUTTER, width);
  if (across <= 0) return;
  context.fillStyle = looks.paper;
  context.fillRect(left, row.y, across, row.height);
  context.fillStyle = looks.stripes;
  context.fillRect(left, row.y, across, row.height);
  context.strokeStyle = looks.line;
  context.strokeRect(left + 0.5, row.y + 0.5, across - 1, row.height - 1);
  const text = `unattributed ${ms(run.rest)} ms`;
  const fits = letters(across - 2 * PADDING) >= text.length;
  write(context, looks.ink, fits ? text : "unattributed", head, left, across, row);
}

// Frames around what is under the pointer and what is selected, and a line through all rows at the selected kernel.
function drawMarks(context, width, scene, scale) {
  for (const [hit, thick] of [[scene.hover, 1], [scene.pinned, 2]]) {
    const place = hit && scene.placeOf(hit);
    if (!place) continue;
    const pixels = Math.max(2, (place.to - place.from) * scale.pixels);
    const [x, across] = clipped(scale.x(place.from), pixels, GUTTER - 2, width + 2);
    context.strokeStyle = scene.looks.ink;
    context.lineWidth = thick;
    context.strokeRect(x + thick / 2, place.row.y + thick / 2, across - thick, place.row.height - thick);
    if (thick === 2 && hit.kind === "kernel") {
      context.globalAlpha = 0.35;
      context.fillStyle = scene.looks.ink;
      context.fillRect(x + across / 2 - 0.5, scene.rows.ruler.y, 1, scene.rows.height);
      context.globalAlpha = 1;
    }
    context.lineWidth = 1;
  }
}

function separate(context, looks, x, row) {
  context.fillStyle = looks.paper;
  context.fillRect(x - 1, row.y, 1, row.height);
}

// A name as far as it fits, shortened by `shorten`; none where nothing of it could be read.
function write(context, colour, name, shorten, left, across, row) {
  const room = letters(across - 2 * PADDING);
  if (room < Math.min(READABLE, name.length)) return;
  context.fillStyle = colour;
  context.fillText(shorten(name, room), left + PADDING, row.y + row.height / 2 + 0.5, across - 2 * PADDING);
}
