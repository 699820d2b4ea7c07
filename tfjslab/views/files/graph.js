// The interactive graph of a model; the parts are in the files beside this one.
import styles from "./graph.css?text";
import { GraphModel } from "./graph_model.js";
import { GraphView } from "./graph_view.js";
import { Layouts } from "./graph_layout.js";
import { h } from "./graph_dom.js";
import { watchTheme } from "./graph_theme.js";

const SELECT = "tfjslab:select", NARROW = 680; // pixels

function render({ model, el }) {
  const data = model.get("data"), graph = new GraphModel(data), layouts = new Layouts();
  let telling = false;
  const tell = (node) => { // a timeline of the same model follows
    telling = true;
    document.dispatchEvent(new CustomEvent(SELECT, { detail: { node } }));
    telling = false;
  };
  const view = new GraphView(graph, data, layouts, tell);
  const root = h("div", { class: "tfv tfg", "data-lm-suppress-shortcuts": "true" }, // JupyterLab has keys of its own
    h("style", {}, styles), view.bar, view.main);
  el.append(root);
  const follow = ({ detail }) => {
    const found = telling ? -1 : graph.nodes.findIndex((n) => n.name === detail?.node && n.kind === "node");
    if (found >= 0) view.reveal(found, { silent: true });
  };
  document.addEventListener(SELECT, follow);
  const size = new ResizeObserver(() => {
    root.classList.toggle("tfg-narrow", root.clientWidth < NARROW);
    view.resize();
  });
  size.observe(view.stage);
  size.observe(root);
  const unwatch = watchTheme(() => view.retheme(root));
  root.addEventListener("keydown", (e) => view.key(e));
  view.start(root);
  return () => {
    document.removeEventListener(SELECT, follow);
    size.disconnect();
    unwatch();
    view.dispose();
    layouts.dispose();
    root.remove();
  };
}

export default { render };
