// Ways to move through the run: what is visible changes, and nothing else. Places are pixels on the canvas.
import { found, GUTTER, scaleOf } from "./rows.js";

const AROUND = 6; // widths of a kernel that are visible when it is looked at
const SMALL = 3; // pixels: a kernel that cannot be told from its neighbours
const CLOSER = 12; // widths of such a kernel, for each of those around

export function movesOf(scene, time, canvas) {
  const { shown } = time;
  const scale = () => scaleOf(shown, canvas.clientWidth);
  const width = () => shown.to - shown.from;
  const at = ({ x, y }) => found(scene, scale(), x, y);
  return {
    at,
    zoom: (factor) => time.zoom(factor),
    zoomAt: (factor, x) => time.zoom(factor, scale().time(Math.max(GUTTER, x))),
    drag: (pixels) => time.pan(-pixels / scale().pixels),
    panBy: (part) => time.pan(part * width()),
    fit: () => time.fit(),
    inOverview: (place) => at(place)?.kind === "overview",
    // The place in the overview comes to the middle.
    jumpTo(x) {
      const whole = scaleOf({ from: 0, to: scene.run.end }, canvas.clientWidth);
      time.pan(whole.time(x) - (shown.from + shown.to) / 2);
    },
    // Fills the width with a thing; a kernel keeps some of what is around it.
    look(hit) {
      const { from, to } = scene.placeOf(hit);
      const margin = (to - from) * (hit.kind === "kernel" ? (AROUND - 1) / 2 : 0.01);
      time.glide(from - margin, to + margin);
    },
    // Brings a thing to the middle when it is outside or too narrow to be seen.
    inSight(hit) {
      const { from, to } = scene.placeOf(hit);
      const small = (to - from) * scale().pixels < SMALL;
      if (!small && from >= shown.from && to <= shown.to) return;
      const wanted = small ? (to - from) * CLOSER * AROUND : width();
      time.glide((from + to - wanted) / 2, (from + to + wanted) / 2);
    },
  };
}
