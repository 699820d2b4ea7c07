// What is around the canvas: the bar with run, search and zoom, the pane, and the legend.
import { element } from "../dom.js";
import { ms } from "../text.js";

const HELP = "Drag to move. Wheel (after a click into the picture, or with Ctrl) or + and - to zoom, 0 for the whole run. "
  + "Click a layer to zoom to it, a kernel to keep it. Arrow keys move and step, / searches, Esc closes.";

export function frameOf(data, height, actions, search, pane, choose) {
  const button = (text, label, onclick) => element("button", { type: "button", title: label, "aria-label": label, onclick }, text);
  const runs = element("select", { "aria-label": "run", onchange: () => choose(runs.selectedIndex) },
    ...data.runs.map((r) => element("option", {}, `${r.name}, ${ms(r.wall_ms)} ms`)));
  const bar = element("div", { className: "tfv-bar", role: "toolbar", "aria-label": "timeline" },
    runs, search.input, search.count, element("span", { className: "tfv-space" }),
    button("−", "zoom out", () => actions.zoom(1.5)), button("+", "zoom in", () => actions.zoom(1 / 1.5)),
    button("Whole run", "show the whole run", actions.fit), button("PNG", "save what is shown as a picture", actions.save));
  const canvas = element("canvas", {
    tabIndex: 0, role: "application", "aria-label": `timeline of ${data.label}. ${HELP}`, style: `height:${height}px`,
    "data-lm-suppress-shortcuts": "true", // keys are ours then and not JupyterLab's, where two "d" delete the cell
  });
  const legend = element("div", { className: "tfv-legend" });
  const visible = element("output", { className: "tfv-visible", "aria-label": "visible time" });
  const status = element("div", { className: "tfv-unseen", role: "status" });
  const root = element("div", { className: "tfv tfv-timeline" },
    element("div", { className: "tfv-title" }, element("b", {}, data.label), element("span", {}, data.place), visible),
    bar,
    element("div", { className: "tfv-parts" },
      element("div", { className: "tfv-picture" }, canvas, legend, element("p", { className: "tfv-help" }, HELP)), pane),
    status);
  return {
    root, canvas,
    say: (text) => { status.textContent = text; },
    tell({ from, to }, wall) {
      const digits = Math.max(2, 2 - Math.floor(Math.log10(to - from))); // as many as tell the two ends apart
      visible.value = `${from.toFixed(digits)} to ${to.toFixed(digits)} of ${ms(wall)} ms`;
    },
    legend(kinds) {
      legend.replaceChildren(...kinds.map(({ name, colour, share }) => element("span", {},
        element("i", { className: colour ? "" : "tfv-striped", style: `background-color:${colour}` }), `${name} ${share}`)));
    },
  };
}
