// The buttons above the graph, and the legend in it.
import { element } from "../dom.js";

/** `actions`: choose an overlay by its place, expand, collapse, fit, png, svg. */
export function barOf(search, overlays, actions) {
  const button = (text, title, action) => element("button", { title, onclick: action }, text);
  const options = [element("option", { value: "-1" }, "by kind of op"),
    ...overlays.map((overlay, i) => element("option", { value: String(i) }, overlay.title))];
  const menu = element("select", { "aria-label": "Colours", onchange: (e) => actions.overlay(Number(e.target.value)) }, ...options);
  const status = element("span", { className: "tfg-status", role: "status" });
  const bar = element("div", { className: "tfv-bar", role: "toolbar", "aria-label": "Graph" }, search.element,
    element("label", {}, "colours ", menu), button("Expand all", "Open all groups", actions.expand),
    button("Collapse all", "Close all groups", actions.collapse), button("Fit", "Show the whole graph (f)", actions.fit),
    button("PNG", "Save a picture of the whole graph as PNG", actions.png),
    button("SVG", "Save a picture of the whole graph as SVG", actions.svg), status);
  return { bar, menu, status };
}

export class Legend {
  constructor() { this.element = element("div", { className: "tfg-legend", role: "note", "aria-label": "Legend" }); }

  show(overlay, range, theme) {
    this.element.hidden = !overlay;
    if (!overlay) return;
    const { background, low, high } = overlay.legend(range, theme), bar = element("i");
    bar.style.background = background;
    const groups = { sum: "groups: the sum", worst: "groups: the largest", share: "groups: the share of nodes" }[overlay.group];
    this.element.replaceChildren(element("b", {}, overlay.title), bar, element("span", {}, element("small", {}, low), element("small", {}, high)),
      element("small", { className: "tfg-faint" }, groups));
  }
}
