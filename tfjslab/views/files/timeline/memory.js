// Bytes alive while each kernel runs, below the kernels on the same axis.
import { firstWhere } from "./laid.js";
import { GUTTER } from "./rows.js";
import { scaled } from "../text.js";

const HEADROOM = 14; // pixels above the peak, for its text

export function drawMemory(context, width, scene, shown, scale) {
  const { run, kernels, rows, looks, peak } = scene;
  const { y, height } = rows.memory;
  const bottom = y + height;
  if (!run.n) return;
  const top = (i) => bottom - ((height - HEADROOM) * kernels[i].bytes_live) / (kernels[peak].bytes_live || 1);
  const first = firstWhere(run.n, (i) => run.starts[i + 1] > shown.from);
  context.beginPath();
  context.moveTo(Math.max(GUTTER, scale.x(run.starts[first])), bottom);
  let x = 0;
  for (let i = first; i < run.n && run.starts[i] < shown.to; i += 1) {
    x = Math.max(GUTTER, scale.x(run.starts[i]));
    context.lineTo(x, top(i));
    x = Math.min(width, scale.x(run.starts[i + 1]));
    context.lineTo(x, top(i));
  }
  context.lineTo(x, bottom);
  context.globalAlpha = 0.25;
  context.fillStyle = context.strokeStyle = looks.memory;
  context.fill();
  context.globalAlpha = 1;
  context.stroke();
  context.fillRect(GUTTER, bottom - 1, width - GUTTER, 1);
  markPeak(context, width, scene, scale, top(peak));
}

function markPeak(context, width, { run, kernels, looks, peak }, scale, y) {
  const x = scale.x((run.starts[peak] + run.starts[peak + 1]) / 2);
  if (x < GUTTER || x > width) return;
  context.fillStyle = looks.memory;
  context.beginPath();
  context.arc(x, y, 3.5, 0, 2 * Math.PI);
  context.fill();
  const text = `peak ${scaled(kernels[peak].bytes_live, "B")}`;
  const across = context.measureText(text).width + 8;
  context.fillStyle = looks.ink;
  context.fillText(text, x + across > width ? x - across : x + 7, y - 7);
}
