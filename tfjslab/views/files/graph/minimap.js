// The whole graph in a corner, with the part that the window shows.
import { css } from "./colours.js";
import { element } from "../dom.js";

const WIDTH = 150, HEIGHT = 190;

export class Minimap {
  constructor(go) {
    this.element = element("canvas", { className: "tfg-minimap", "aria-hidden": "true" });
    const moved = (e) => { if (e.buttons) go(e.offsetX / this.scale, e.offsetY / this.scale); };
    for (const name of ["pointerdown", "pointermove"]) this.element.addEventListener(name, moved);
  }

  /** Nothing to see where the window shows everything. */
  paint(scene, camera, theme) {
    const [x0, y0, x1, y1] = camera.window;
    this.element.hidden = x0 <= 0 && y0 <= 0 && x1 >= scene.w && y1 >= scene.h;
    if (this.element.hidden) return;
    if (this.drawn !== scene || this.theme !== theme) this.redraw(scene, theme);
    const c = this.element.getContext("2d");
    c.putImageData(this.image, 0, 0);
    c.strokeStyle = css(theme.b);
    c.lineWidth = 2;
    const [left, top] = [x0, y0].map((v) => Math.max(0, v * this.scale) + 1);
    const [right, bottom] = [[x1, this.element.width], [y1, this.element.height]].map(([v, m]) => Math.min(m, v * this.scale) - 1);
    c.strokeRect(left, top, Math.max(2, right - left), Math.max(2, bottom - top));
  }

  redraw(scene, theme) {
    [this.drawn, this.theme] = [scene, theme];
    this.scale = Math.min(WIDTH / scene.w, HEIGHT / scene.h);
    const { element } = this, c = element.getContext("2d", { willReadFrequently: true });
    [element.width, element.height] = [Math.max(8, scene.w * this.scale), Math.max(8, scene.h * this.scale)];
    c.fillStyle = css(theme.paper);
    c.fillRect(0, 0, element.width, element.height);
    for (const { x, y, w, h: height, open } of scene.boxes.values()) {
      c.fillStyle = css(open ? theme.panel : theme.faint);
      c.fillRect(x * this.scale, y * this.scale, Math.max(1, w * this.scale), Math.max(1, height * this.scale - 0.5));
    }
    this.image = c.getImageData(0, 0, element.width, element.height);
  }
}
