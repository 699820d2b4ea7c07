// The whole graph as a picture to keep.
import { CanvasPen, SvgPen } from "./pens.js";
import { css } from "./colours.js";
import { paint } from "./paint.js";

const LARGEST = 8192; // pixels a side that any browser's canvas takes

export function svgOf(scene, model, look) {
  const pen = new SvgPen();
  paint(scene, model, pen, all(scene, look));
  return new Blob([pen.toString(scene.w, scene.h, css(look.theme.paper))], { type: "image/svg+xml" });
}

export async function pngOf(scene, model, look) {
  const scale = Math.min(2, LARGEST / scene.w, LARGEST / scene.h);
  const canvas = new OffscreenCanvas(Math.ceil(scene.w * scale), Math.ceil(scene.h * scale)), c = canvas.getContext("2d");
  c.fillStyle = css(look.theme.paper);
  c.fillRect(0, 0, canvas.width, canvas.height);
  c.scale(scale, scale);
  paint(scene, model, new CanvasPen(c), all(scene, look));
  return canvas.convertToBlob({ type: "image/png" });
}

const all = (scene, look) => ({ ...look, window: [0, 0, scene.w, scene.h], scale: 1, selected: null, hovered: null });

/** Gives a file to the person as a download. */
export function offer(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[^\w.-]+/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // after the browser has taken it
}
