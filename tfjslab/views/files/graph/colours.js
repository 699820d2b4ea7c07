// Colours to calculate with: `[red, green, blue]` from 0 to 255.
import { colours } from "../theme.js";

const NAMES = ["ink", "faint", "paper", "panel", "line", "a", "b", "c", "host", "error"];

/** The theme's colours by name, laid over its paper as some are translucent, and whether it is dark. */
export function themeOf(root) {
  const named = colours(root, NAMES), paper = rgb(named.paper);
  const found = Object.fromEntries(NAMES.map((name) => [name, rgb(named[name], paper)]));
  return { ...found, dark: luminance(paper) < 0.4 };
}

const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** Any colour of CSS, laid over a ground. */
export function rgb(colour, ground = [255, 255, 255]) {
  canvas.fillStyle = css(ground);
  canvas.fillRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
}

export const css = ([r, g, b]) => `rgb(${Math.round(r)},${Math.round(g)},${Math.round(b)})`;
export const blend = (a, b, part) => a.map((value, i) => value + (b[i] - value) * part);
export const luminance = ([r, g, b]) => (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
