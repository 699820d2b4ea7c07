// Colours and letters of a canvas, read from the page once for each theme.
import { colours, inkOn } from "../theme.js";

const NAMES = ["ink", "faint", "paper", "panel", "line", "host", "a", "memory"];
const KINDS = ["kind1", "kind2", "kind3", "kind4", "kind5", "kind6", "kind7"];
const SIZE = 11;
const LETTER = 0.52; // of the size: the width of a letter, on average

export function looksOf(el) {
  const named = colours(el, [...NAMES, ...KINDS]);
  const family = getComputedStyle(el).fontFamily;
  return {
    ...named,
    kinds: KINDS.map((name) => named[name]),
    on: Object.fromEntries([...KINDS, "host", "a"].map((name) => [named[name], inkOn(named[name])])),
    font: `${SIZE}px ${family}`,
    bold: `600 ${SIZE}px ${family}`,
    stripes: stripes(named.line),
  };
}

// How many letters go into so many pixels.
export function letters(pixels) {
  return Math.floor(pixels / (SIZE * LETTER));
}

// A pattern for time that belongs to nobody.
function stripes(colour) {
  const tile = document.createElement("canvas");
  Object.assign(tile, { width: 8, height: 8 });
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  for (const at of [-4, 4, 12]) {
    pen.moveTo(at - 5, 9);
    pen.lineTo(at + 5, -1);
  }
  pen.stroke();
  return pen.createPattern(tile, "repeat");
}
