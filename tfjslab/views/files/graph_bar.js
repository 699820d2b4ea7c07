// The buttons above the graph, and the legend in it.
import { h } from "./graph_dom.js";

/** `actions`: choose an overlay by its place, expand, collapse, fit, png, svg. */
export function barOf(search, overlays, actions) {
  const button = (text, title, action) => h("button", { title, click: action }, text);
  const options = [h("option", { value: "-1" }, "by kind of op"),
    ...overlays.map((overlay, i) => h("option", { value: String(i) }, overlay.title))];
  const menu = h("select", { "aria-label": "Colours", change: (e) => actions.overlay(Number(e.target.value)) }, ...options);
  const status = h("span", { class: "tfg-status", role: "status" });
  const bar = h("div", { class: "tfv-bar", role: "toolbar", "aria-label": "Graph" }, search.element,
    h("label", {}, "colours ", menu), button("Expand all", "Open all groups", actions.expand),
    button("Collapse all", "Close all groups", actions.collapse), button("Fit", "Show the whole graph (f)", actions.fit),
    button("PNG", "Save a picture of the whole graph as PNG", actions.png),
    button("SVG", "Save a picture of the whole graph as SVG", actions.svg), status);
  return { bar, menu, status };
}

export class Legend {
  constructor() { this.element = h("div", { class: "tfg-legend", role: "note", "aria-label": "Legend" }); }

  show(overlay, range, theme) {
    this.element.hidden = !overlay;
    if (!overlay) return;
    const { background, low, high } = overlay.legend(range, theme), bar = h("i");
    bar.style.background = background;
    const groups = { sum: "groups: the sum", worst: "groups: the largest", share: "groups: the share of nodes" }[overlay.group];
    this.element.replaceChildren(h("b", {}, overlay.title), bar, h("span", {}, h("small", {}, low), h("small", {}, high)),
      h("small", { class: "tfg-faint" }, groups));
  }
}
