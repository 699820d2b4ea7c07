// Which part of a scene a canvas shows: dragged, wheeled and pinched by people, moved by keys.
const STEP = 80, FARTHEST = 0.02, NEAREST = 3, STILL = 4; // pixels a click may move

export class Camera {
  constructor(canvas, actions) {
    this.canvas = canvas;
    this.actions = actions;
    [this.x, this.y, this.scale] = [0, 0, 1];
    this.pointers = new Map();
    const listen = (name, handle) => canvas.addEventListener(name, handle, { passive: false });
    listen("pointerdown", (e) => this.down(e));
    listen("pointermove", (e) => this.move(e));
    for (const name of ["pointerup", "pointercancel"]) listen(name, (e) => this.up(e));
    listen("pointerleave", () => actions.hover(null));
    listen("dblclick", (e) => actions.open(this.toScene(e)));
    listen("wheel", (e) => this.wheel(e));
  }

  get size() { return [this.canvas.clientWidth, this.canvas.clientHeight]; }
  get window() {
    const [w, h] = this.size;
    return [this.x, this.y, this.x + w / this.scale, this.y + h / this.scale];
  }

  toScene({ offsetX, offsetY }) { return [this.x + offsetX / this.scale, this.y + offsetY / this.scale]; }

  pan(dx, dy) {
    this.x += dx / this.scale;
    this.y += dy / this.scale;
    this.actions.moved();
  }

  /** Nearer or farther, where the point under `(px, py)` in the window stays where it is. */
  zoom(factor, px = this.size[0] / 2, py = this.size[1] / 2) {
    const scale = Math.min(NEAREST, Math.max(FARTHEST, this.scale * factor));
    this.x += px / this.scale - px / scale;
    this.y += py / this.scale - py / scale;
    this.scale = scale;
    this.actions.moved();
  }

  centre(x, y, least = this.scale) {
    const [w, h] = this.size;
    this.scale = Math.max(this.scale, least);
    [this.x, this.y] = [x - w / 2 / this.scale, y - h / 2 / this.scale];
    this.actions.moved();
  }

  /** All of a scene; or, where that would be too small to read, its top. */
  fit(scene, least = FARTHEST) {
    const [w, h] = this.size;
    this.scale = Math.min(1, Math.max(least, Math.min(w / (scene.w + 24), h / (scene.h + 24))));
    this.x = (scene.w - w / this.scale) / 2;
    this.y = Math.min((scene.h - h / this.scale) / 2, -12 / this.scale);
    if (scene.h * this.scale <= h) this.y = (scene.h - h / this.scale) / 2;
    this.actions.moved();
  }

  down(e) {
    this.canvas.focus();
    this.canvas.setPointerCapture(e.pointerId);
    this.pointers.set(e.pointerId, [e.offsetX, e.offsetY]);
    this.travelled = this.pointers.size > 1 ? Infinity : 0;
  }

  move(e) {
    const before = this.pointers.get(e.pointerId);
    if (!before) { this.actions.hover(this.toScene(e), e); return; }
    const here = [e.offsetX, e.offsetY];
    const other = [...this.pointers].find(([id]) => id !== e.pointerId)?.[1];
    this.pointers.set(e.pointerId, here);
    this.travelled += distance(before, here);
    if (other) this.zoom(distance(here, other) / Math.max(1, distance(before, other)), ...other);
    else if (this.travelled > STILL) this.pan(before[0] - here[0], before[1] - here[1]);
  }

  up(e) {
    if (this.pointers.delete(e.pointerId) && e.type === "pointerup" && this.travelled <= STILL) {
      this.actions.choose(this.toScene(e));
    }
  }

  /** A page goes on scrolling over the graph until somebody works in it. */
  wheel(e) {
    if (!e.ctrlKey && document.activeElement !== this.canvas && this.canvas.getRootNode().activeElement !== this.canvas) return;
    e.preventDefault();
    if (e.shiftKey) this.pan(e.deltaX || e.deltaY, 0);
    else this.zoom(Math.exp(-Math.max(-120, Math.min(120, e.deltaY)) * (e.ctrlKey ? 0.008 : 0.002)), e.offsetX, e.offsetY);
  }

  /** Whether a key was one of the camera's. */
  key({ key }) {
    const move = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[key];
    const factor = { "+": 1.25, "=": 1.25, "-": 0.8 }[key];
    if (move) this.pan(...move);
    else if (factor) this.zoom(factor);
    return Boolean(move || factor);
  }
}

const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
