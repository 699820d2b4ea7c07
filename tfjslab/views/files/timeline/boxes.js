// Boxes that follow each other in time, however many there are: only visible ones, and never two in one pixel.
import { firstWhere } from "./laid.js";

const NARROWEST = 1.2; // pixels

// Calls draw(x, width, index) for boxes [from(i), to(i)) that touch the visible time. Those too narrow to be seen
// become one box, which is drawn as its longest.
export function boxes({ n, from, to }, shown, scale, draw) {
  let i = firstWhere(n, (k) => to(k) > shown.from);
  while (i < n && from(i) < shown.to) {
    const x = scale.x(from(i));
    let longest = i;
    while (i + 1 < n && scale.x(to(i)) - x < NARROWEST && scale.x(from(i + 1)) - x < NARROWEST) {
      i += 1;
      if (to(i) - from(i) > to(longest) - from(longest)) longest = i;
    }
    draw(x, Math.max(NARROWEST, scale.x(to(i)) - x), longest);
    i += 1;
  }
}

// The part of a box that is right of `left` and left of `right`.
export function clipped(x, width, left, right) {
  const start = Math.max(x, left);
  return [start, Math.min(x + width, right) - start];
}
