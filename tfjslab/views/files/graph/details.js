// The pane beside the graph: all that is known of a node, a group or, when nothing is selected, the model.
import { element } from "../dom.js";
import { percent, scaled } from "../text.js";
import { ROOT } from "./model.js";
import { histogram } from "./histogram.js";

const OPS = 12;

export class Details {
  constructor(model, data, actions) {
    Object.assign(this, { model, data, actions });
    this.element = element("aside", { className: "tfg-details", "aria-label": "Details", "aria-live": "polite", tabindex: "0" });
  }

  show(box, overlays) {
    const { model } = this;
    const parts = box === null ? this.whole() : model.isGroup(box) ? this.group(box) : this.node(box);
    if (box !== null) parts.splice(1, 0, values(overlays, box));
    this.element.replaceChildren(...parts.filter(Boolean));
    this.element.scrollTop = 0;
  }

  whole() {
    return [element("h3", {}, this.data.title), table(this.data.facts), ...this.data.notes.map((n) => element("p", {}, n)),
      ops(this.model, ROOT), element("p", { className: "tfg-faint" },
        "Double click or + opens and closes a group. Wheel: zoom, drag: move; keys: arrows + − f(it) / (search) Esc.")];
  }

  group(box) {
    const open = this.model.isOpen(box);
    return [element("h3", {}, this.model.label(box)),
      element("button", { onclick: () => this.actions.toggle(box) }, open ? "Close group" : "Open group"), ops(this.model, box)];
  }

  node(box) {
    const node = this.model.nodes[box], links = (boxes) => boxes.map((b) => this.link(b));
    return [element("h3", {}, node.op), element("p", { className: "tfg-name" }, node.name),
      table([...(node.layer ? [["layer", node.layer]] : []), ...node.said]),
      section("Quantization", node.quantization && table(Object.entries(node.quantization))),
      section("Attributes", table(Object.entries(node.attrs))),
      section("Inputs", rows(node.inputs.map((i) => [i.input, [this.link(i.node), ` ${this.shape(i)}`]]))),
      section("Outputs", rows(node.outputs.map((o, i) => [`${i}: ${o.dtype || "any dtype"}`, [o.shape || "shape unknown"]]))),
      section("Read by", links(this.model.consumers[box])),
      section("Weights", node.weights.map(weight))];
  }

  shape({ node, output }) { return this.model.nodes[node].outputs[output]?.shape ?? ""; }

  link(box) {
    return element("button", { className: "tfg-link", title: this.model.nodes[box].name, onclick: () => this.actions.reveal(box) },
      `${this.model.nodes[box].op} ${this.model.nodes[box].label}`);
  }
}

function values(overlays, box) {
  return table(overlays.map((o) => [o.title, o.text(o.value(box))]).filter(([, text]) => text));
}

/** How many nodes of each op are in a box, the most frequent first. */
function ops(model, box) {
  const counts = new Map();
  for (const node of model.nodesOf(box)) {
    const { op, kind } = model.nodes[node];
    if (kind === "node") counts.set(op, (counts.get(op) ?? 0) + 1);
  }
  const found = [...counts].sort((a, b) => b[1] - a[1]), rest = found.slice(OPS).reduce((sum, [, n]) => sum + n, 0);
  const made = section("Ops", table([...found.slice(0, OPS), ...(rest ? [["others", rest]] : [])]));
  made?.classList.add("tfg-ops");
  return made;
}

function weight(w) {
  const range = w.min === undefined ? [] : [["range", `${short(w.min)} to ${short(w.max)}`], ["mean", short(w.mean)],
    ["zeros", percent(w.zeros, 1)]];
  const odd = w.not_finite ? [["not finite", w.not_finite]] : [];
  const known = [table([...(w.values ? [["values", w.values]] : []), ...range, ...odd]), w.histogram && histogram(w)];
  return element("div", { className: "tfg-weight" }, element("b", {}, w.input),
    ` ${w.dtype} ${w.shape}, ${scaled(w.bytes, "B")}`, element("div", { className: "tfg-name" }, w.value),
    ...known.filter(Boolean));
}

const short = (value) => Number(value.toPrecision(4)).toString();
const table = (pairs) => rows(pairs.map(([name, value]) => [name, [String(value)]]));

function rows(pairs) {
  const made = pairs.map(([name, cells]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, ...cells)));
  return made.length ? element("table", {}, element("tbody", {}, ...made)) : null;
}

function section(title, content) {
  const parts = [content].flat().filter(Boolean);
  return parts.length ? element("section", {}, element("h4", {}, title), ...parts) : null;
}
