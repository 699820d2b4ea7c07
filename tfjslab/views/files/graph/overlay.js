// A number for every box, from those of the nodes in it, and its colour. The scales are ColorBrewer's YlGnBu and PuOr,
// which readers of all kinds of sight can tell apart; on dark paper they are turned so that more always stands out.
import { blend, css, rgb } from "./colours.js";
import { ms, scaled } from "../text.js";

const MORE = ["#ffffd9", "#c7e9b4", "#41b6c4", "#225ea8", "#081d58"].map((c) => rgb(c));
const LESS_OR_MORE = { light: ["#542788", "#f4f2f0", "#b35806"].map((c) => rgb(c)), dark: ["#b2abd2", "#2a2a2a", "#f1a340"].map((c) => rgb(c)) };
const DECADES = 3; // of a logarithmic scale: what is smaller does not matter beside the largest

export class Overlay {
  constructor(model, data) {
    Object.assign(this, data);
    this.model = model;
    this.known = new Map();
  }

  /** The sum, the largest or the share of what is known of a box; null when nothing is. */
  value(box) {
    if (!this.known.has(box)) {
      const values = this.model.nodesOf(box).map((node) => this.values[node]).filter((v) => v !== undefined);
      const sum = () => values.reduce((a, b) => a + b, 0);
      const found = { sum, worst: () => Math.max(...values), share: () => sum() / values.length }[this.group];
      this.known.set(box, values.length ? found() : null);
    }
    return this.known.get(box);
  }

  /** From which value to which the colours go, for the boxes that can be seen. */
  range(boxes) {
    if (this.scale === "share") return [0, 1];
    const values = boxes.map((box) => this.value(box)).filter((v) => v !== null);
    const most = Math.max(0, ...values.map(Math.abs));
    if (this.scale === "diverging") return [-most, most];
    return this.scale === "log" ? [most / 10 ** DECADES, most] : [0, most];
  }

  /** Where a value lies in a range, from 0 to 1. */
  part(value, [low, high]) {
    if (this.scale === "log") return value <= low ? 0 : Math.min(1, Math.log(value / low) / Math.log(high / low));
    return high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;
  }

  colour(part, theme) {
    if (this.scale === "share") return blend(theme.panel, theme.host, part);
    if (this.scale === "diverging") return along(LESS_OR_MORE[theme.dark ? "dark" : "light"], part);
    return along(theme.dark ? MORE.toReversed() : MORE, part);
  }

  text(value) {
    if (value === null) return "";
    if (this.scale === "share") return value === 1 ? "on the host" : value === 0 ? "" : `${(100 * value).toFixed(0)}% on the host`;
    if (this.scale === "log") return value.toExponential(1);
    const sign = this.scale === "diverging" && value > 0 ? "+" : "";
    return `${sign}${this.unit === "ms" ? figures(value) : scaled(value, this.unit)}`;
  }

  /** The legend's bar as CSS, with what stands at its two ends. */
  legend(range, theme) {
    const stops = Array.from({ length: 11 }, (_, i) => css(this.colour(i / 10, theme)));
    const [low, high] = this.scale === "share" ? ["the backend", "the host"] : range.map((v) => this.text(v) || "0");
    return { background: `linear-gradient(to right, ${stops})`, low: this.scale === "log" ? `${low} or less` : low, high };
  }
}

function along(stops, part) {
  const at = part * (stops.length - 1), i = Math.min(Math.floor(at), stops.length - 2);
  return blend(stops[i], stops[i + 1], at - i);
}

/** Milliseconds of either sign; those of a few nanoseconds with the one figure that they have. */
function figures(value) {
  const size = Math.abs(value);
  return size > 0 && size < 0.0005 ? `${value.toPrecision(1)} ms` : `${value < 0 ? "-" : ""}${size ? ms(size) : 0} ms`;
}
