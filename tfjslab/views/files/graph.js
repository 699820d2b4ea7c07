// The interactive graph of a model, drawn in the manner of Netron and Model Explorer.
import { element } from "./dom.js";
import { GraphModel } from "./graph/model.js";
import { GraphView } from "./graph/view.js";
import { Layouts } from "./graph/layout.js";
import { linked } from "./link.js";
import { onTheme } from "./theme.js";

const NARROW = 680; // pixels

function render({ model, el }) {
  const data = model.get("data"), graph = new GraphModel(data), layouts = new Layouts();
  const view = new GraphView(graph, data, layouts, (node) => link.select(node));
  const keys = { "data-lm-suppress-shortcuts": "true" }; // JupyterLab has keys of its own
  const root = element("div", { className: "tfv tfg", onkeydown: (e) => view.key(e), ...keys }, view.bar, view.main);
  el.append(root);
  const width = new ResizeObserver(() => root.classList.toggle("tfg-narrow", root.clientWidth < NARROW));
  width.observe(root);
  view.start(root);
  const link = linked(model, (node) => {
    const found = graph.nodes.findIndex((n) => n.name === node && n.kind === "node");
    if (found >= 0) view.reveal(found, { silent: true });
  });
  const ends = [onTheme(() => view.retheme(root)), link.stop, () => width.disconnect(), () => view.dispose(),
    () => layouts.dispose(), () => root.remove()];
  return () => ends.forEach((end) => end());
}

export default { render };
