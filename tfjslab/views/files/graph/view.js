// Keeps model, layout, camera and panes together: what is asked for, and when it is drawn.
import { Camera } from "./camera.js";
import { CanvasPen } from "./pens.js";
import { Details } from "./details.js";
import { Legend, barOf } from "./bar.js";
import { Minimap } from "./minimap.js";
import { Overlay } from "./overlay.js";
import { Search } from "./search.js";
import { css, themeOf } from "./colours.js";
import { element } from "../dom.js";
import { painted } from "../canvas.js";
import { hit, request, sceneOf } from "./scene.js";
import { offer, pngOf, svgOf } from "./export.js";
import { paint } from "./paint.js";

const READABLE = 0.8; // the scale at which a graph is first shown, if all of it would be smaller
const LETTERED = 0.5; // with everything open: letters are small and there
const SIGN = 24; // pixels of a group's right end that open it

export class GraphView {
  constructor(model, data, layouts, tell) {
    Object.assign(this, { model, data, layouts, tell, selected: null, hovered: null, related: new Set() });
    this.overlays = data.overlays.map((found) => new Overlay(model, found));
    this.overlay = this.overlays[0] ?? null;
    this.canvas = element("canvas", { tabindex: "0", role: "application", "aria-roledescription": "graph",
      "aria-label": `Graph of ${data.title}: ${model.nodes.length} nodes. Press / to search.` });
    this.details = new Details(model, data, { toggle: (box) => this.toggle(box), reveal: (box) => this.reveal(box) });
    this.search = new Search(model, (node) => { this.reveal(node); this.canvas.focus(); });
    this.camera = new Camera(this.canvas, { moved: () => this.draw(), hover: (at, e) => this.hover(at, e),
      choose: (at) => this.choose(at), open: (at) => this.openAt(at) });
    this.painter = painted(this.canvas, (context, width, height) => this.paint(context, width, height));
    this.minimap = new Minimap((x, y) => this.camera.centre(x, y));
    this.legend = new Legend();
    this.tip = element("div", { className: "tfv-tip", role: "tooltip" });
    this.tip.hidden = true;
    this.stage = element("div", { className: "tfg-stage" }, this.canvas, this.minimap.element, this.legend.element, this.tip);
    this.main = element("div", { className: "tfg-main" }, this.stage, this.details.element);
    const picture = (make, end) => async () => offer(await make(this.scene, model, this.look), `${data.title}.${end}`);
    Object.assign(this, barOf(this.search, this.overlays, {
      overlay: (i) => { this.overlay = this.overlays[i] ?? null; this.recolour(); },
      expand: () => { model.openAll(); this.relayout().then(() => this.fit(LETTERED)); },
      collapse: () => { model.closeAll(); this.relayout().then(() => this.fit(READABLE)); },
      fit: () => this.fit(), png: picture(pngOf, "png"), svg: picture(svgOf, "svg"),
    }));
    this.menu.value = this.overlay ? "0" : "-1";
  }

  async start(root) {
    this.root = root;
    this.themed = root.isConnected; // what is not on the page has no colours yet
    this.theme = themeOf(root);
    this.details.show(null, this.overlays);
    await this.relayout();
    this.fit(READABLE);
    if (document.activeElement === document.body && root.parentElement.matches(".tfv-page")) this.canvas.focus();
  }

  /** Lays out what is open now. `anchor` is the box that shall stay where it is in the window. */
  async relayout(anchor = null) {
    const before = this.scene?.boxes.get(anchor);
    this.status.textContent = "laying out …";
    const bundles = this.model.bundles();
    try {
      const found = await this.layouts.layout(request(this.model, bundles));
      if (!found) return; // another one has begun
      this.scene = sceneOf(this.model, bundles, found.placed);
      this.status.textContent = `${this.scene.boxes.size} boxes, laid out in ${found.ms.toFixed(0)} ms`;
      this.root.dataset.layoutMs = found.ms.toFixed(1);
    } catch (error) {
      this.status.textContent = `this graph cannot be laid out: ${error.message}`;
      return;
    }
    const after = this.scene.boxes.get(anchor);
    if (before && after) this.camera.pan((after.x - before.x) * this.camera.scale, (after.y - before.y) * this.camera.scale);
    this.recolour();
  }

  get look() {
    const { camera, theme, overlay, range, selected, hovered, related } = this;
    return { window: camera.window, scale: camera.scale, theme, overlay, range, selected, hovered, related };
  }

  recolour() {
    const shown = [...(this.scene?.boxes.values() ?? [])].filter((box) => !box.open).map(({ box }) => box);
    this.range = this.overlay?.range(shown);
    this.legend.show(this.overlay, this.range, this.theme);
    this.draw();
  }

  retheme(root) {
    this.theme = themeOf(root);
    this.recolour();
  }

  draw() { this.painter.ask(); }

  paint(context, width, height) {
    if (!this.theme) return;
    if (!this.themed && this.root.isConnected) {
      this.themed = true;
      this.retheme(this.root);
      return;
    }
    const { camera } = this;
    camera.x += ((this.width ?? width) - width) / 2 / camera.scale; // the middle stays in the middle
    this.width = width;
    context.fillStyle = css(this.theme.paper);
    context.fillRect(0, 0, width, height);
    if (!this.scene) return;
    context.scale(camera.scale, camera.scale);
    context.translate(-camera.x, -camera.y);
    paint(this.scene, this.model, new CanvasPen(context), this.look);
    this.minimap.paint(this.scene, this.camera, this.theme);
  }

  fit(least) { if (this.scene) this.camera.fit(this.scene, least); }

  hover(at, e) {
    const box = at && this.scene ? hit(this.scene, ...at) : null;
    this.tip.hidden = !box || box.open;
    if (!this.tip.hidden) {
      this.tip.textContent = this.model.isGroup(box.box) ? this.model.label(box.box) : this.model.nodes[box.box].name;
      const value = this.overlay?.text(this.overlay.value(box.box));
      if (value) this.tip.append(element("br"), `${this.overlay.title}: ${value}`);
      const room = this.camera.size[0] - this.tip.offsetWidth - 4;
      this.tip.style.left = `${Math.max(4, Math.min(e.offsetX + 14, room))}px`;
      this.tip.style.top = `${e.offsetY + 16}px`;
    }
    if (this.hovered !== (box?.box ?? null)) { this.hovered = box?.box ?? null; this.draw(); }
  }

  choose([x, y]) {
    const box = this.scene && hit(this.scene, x, y);
    if (box && this.model.isGroup(box.box) && onSign(box, x, y)) this.toggle(box.box);
    else this.select(box?.box ?? null);
  }

  openAt([x, y]) {
    const box = this.scene && hit(this.scene, x, y);
    if (box && this.model.isGroup(box.box) && !onSign(box, x, y)) this.toggle(box.box);
  }

  toggle(box) {
    this.model.toggle(box);
    this.select(box);
    return this.relayout(box);
  }

  select(box, { silent = false } = {}) {
    const inside = new Set(box === null ? [] : this.model.nodesOf(box));
    const touches = ({ from, to }) => inside.has(from) !== inside.has(to);
    this.related = new Set([...this.model.edges.keys()].filter((edge) => touches(this.model.edges[edge])));
    this.selected = box;
    this.details.show(box, this.overlays);
    this.draw();
    if (!silent && box !== null && this.model.nodes[box]?.kind === "node") this.tell(this.model.nodes[box].name);
  }

  /** Opens what a box is in, selects it and brings it into the middle. */
  async reveal(box, options) {
    this.model.reveal(box);
    this.select(box, options);
    if (!this.scene?.boxes.has(box)) await this.relayout();
    const at = this.scene?.boxes.get(box);
    if (at) this.camera.centre(at.x + at.w / 2, at.y + Math.min(at.h / 2, 200), 0.9);
  }

  key(e) {
    if (e.target === this.search.input || e.ctrlKey || e.metaKey || e.altKey) return;
    const act = { "/": () => this.search.input.focus(), f: () => this.fit(), Escape: () => this.select(null),
      Enter: () => this.selected !== null && this.model.isGroup(this.selected) && this.toggle(this.selected) }[e.key];
    if (act && (e.key !== "Enter" || e.target === this.canvas)) act();
    else if (e.target !== this.canvas || !this.camera.key(e)) return;
    e.preventDefault();
    e.stopPropagation(); // a notebook has keys of its own
  }

  dispose() { this.painter.stop(); }
}

/** The + of a closed group, and the line with the − of an open one. */
const onSign = (box, x, y) => box.open ? x < box.x + SIGN && y < box.y + SIGN : x > box.x + box.w - SIGN;
