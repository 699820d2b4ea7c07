// Two ways to draw the same: on a canvas, and as the text of an SVG.
import { FONT } from "./letters.js";

export class CanvasPen {
  constructor(context) { this.c = context; }

  box(x, y, w, h, { fill, stroke, width = 1, radius = 4 }) {
    this.c.beginPath();
    if (radius) this.c.roundRect(x, y, w, h, radius);
    else this.c.rect(x, y, w, h);
    if (fill) { this.c.fillStyle = fill; this.c.fill(); }
    if (stroke) { this.c.strokeStyle = stroke; this.c.lineWidth = width; this.c.stroke(); }
  }

  /** All curves in one stroke, which is what makes thousands of them quick. */
  curves(lines, { stroke, width }) {
    this.c.beginPath();
    for (const points of lines) {
      trace(points, (x, y) => this.c.moveTo(x, y), (x, y) => this.c.lineTo(x, y),
        (a, b, x, y) => this.c.quadraticCurveTo(a, b, x, y));
    }
    this.c.strokeStyle = stroke;
    this.c.lineWidth = width;
    this.c.stroke();
  }

  arrows(tips, size, fill) {
    this.c.beginPath();
    for (const [x, y, up] of tips) {
      const back = up ? size : -size;
      this.c.moveTo(x, y);
      this.c.lineTo(x - size / 2, y + back);
      this.c.lineTo(x + size / 2, y + back);
    }
    this.c.fillStyle = fill;
    this.c.fill();
  }

  text(x, y, text, { fill, size, bold = false, align = "left" }) {
    const font = `${bold ? 600 : 400} ${size}px ${FONT}`;
    if (this.font !== font) this.c.font = this.font = font; // setting a font is slow, even the same one
    this.c.textAlign = align;
    this.c.fillStyle = fill;
    this.c.fillText(text, x, y);
  }
}

export class SvgPen {
  constructor() { this.parts = []; }

  box(x, y, w, h, { fill, stroke, width = 1, radius = 4 }) {
    this.parts.push(`<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}" rx="${radius}" fill="${fill ?? "none"}"`
      + `${stroke ? ` stroke="${stroke}" stroke-width="${width}"` : ""}/>`);
  }

  curves(lines, { stroke, width }) {
    const d = [];
    for (const points of lines) {
      trace(points, (x, y) => d.push(`M${n(x)} ${n(y)}`), (x, y) => d.push(`L${n(x)} ${n(y)}`),
        (a, b, x, y) => d.push(`Q${n(a)} ${n(b)} ${n(x)} ${n(y)}`));
    }
    this.parts.push(`<path d="${d.join("")}" fill="none" stroke="${stroke}" stroke-width="${width}"/>`);
  }

  arrows(tips, size, fill) {
    const d = tips.map(([x, y, up]) => {
      const back = up ? size : -size;
      return `M${n(x)} ${n(y)}l${-size / 2} ${back}h${size}z`;
    });
    this.parts.push(`<path d="${d.join("")}" fill="${fill}"/>`);
  }

  text(x, y, text, { fill, size, bold = false, align = "left" }) {
    const anchor = { left: "start", center: "middle", right: "end" }[align];
    this.parts.push(`<text x="${n(x)}" y="${n(y)}" font-size="${size}" font-weight="${bold ? 600 : 400}" `
      + `text-anchor="${anchor}" fill="${fill}">${escaped(text)}</text>`);
  }

  toString(w, h, paper) {
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${n(w)} ${n(h)}" width="${n(w)}" height="${n(h)}" `
      + `font-family="${FONT}"><rect width="100%" height="100%" fill="${paper}"/>${this.parts.join("\n")}</svg>`;
  }
}

const n = (value) => Math.round(value * 10) / 10;
const escaped = (text) => text.replace(/[^\P{C}]/gu, " ").replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

/** A smooth curve near the points: straight to the first middle, then from middle to middle. */
function trace(points, move, line, curve) {
  move(...points[0]);
  for (let i = 1; i < points.length - 1; i++) {
    const [x, y] = points[i], [nx, ny] = points[i + 1];
    curve(x, y, (x + nx) / 2, (y + ny) / 2);
  }
  line(...points.at(-1));
}
