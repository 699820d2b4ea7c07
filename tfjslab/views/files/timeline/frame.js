// What is around the canvas: the bar with run, search and zoom, the pane, and the legend.
import { element } from "../dom.js";
import { ms } from "../text.js";

const HELP = "Drag to move. Wheel (after a click into the picture, or with Ctrl) or + and - to zoom, 0 for the whole "
  + "run. Click a layer to zoom to it, a kernel to keep it. Arrow keys move and step, / searches, Esc closes.";
const FASTER = 1.5;

export function frameOf(data, height, actions, search, pane) {
  const canvas = element("canvas", {
    tabIndex: 0, role: "application", "aria-label": `timeline of ${data.label}. ${HELP}`, style: `height:${height}px`,
    "data-lm-suppress-shortcuts": "true", // keys are ours then and not JupyterLab's, where two "d" delete the cell
  });
  const visible = element("output", { className: "tfv-visible", "aria-label": "visible time" });
  const legend = element("div", { className: "tfv-legend" });
  const status = element("div", { className: "tfv-unseen", role: "status" });
  const help = element("p", { className: "tfv-help" }, HELP);
  const root = element("div", { className: "tfv tfv-timeline" },
    element("div", { className: "tfv-title" },
      element("b", {}, data.label), element("span", {}, data.place), visible),
    element("p", { className: "tfv-warning", hidden: !data.warning }, data.warning),
    barOf(data, actions, search),
    element("div", { className: "tfv-parts" },
      element("div", { className: "tfv-picture" }, canvas, legend, help), pane),
    status);
  return {
    root, canvas,
    say: (text) => { status.textContent = text; },
    tell({ from, to }, end) {
      const digits = Math.max(2, 2 - Math.floor(Math.log10(to - from))); // as many as tell the two apart
      visible.value = `${from.toFixed(digits)} to ${to.toFixed(digits)} of ${ms(end)} ms`;
    },
    legend(kinds) {
      legend.replaceChildren(...kinds.map(({ name, colour, share }) => element("span", {},
        element("i", { className: colour ? "" : "tfv-striped", style: `background-color:${colour}` }),
        `${name} ${share}`)));
    },
  };
}

function barOf(data, actions, search) {
  const button = (text, title, onclick) => element("button", { title, "aria-label": title, onclick }, text);
  const runs = element("select", { "aria-label": "run", onchange: () => actions.choose(runs.selectedIndex) },
    ...data.runs.map((run) => element("option", {}, `${run.name}, ${ms(run.wall_ms)} ms`)));
  return element("div", { className: "tfv-bar", role: "toolbar", "aria-label": "timeline" },
    runs, search.input, search.count, element("span", { className: "tfv-space" }),
    button("−", "zoom out", () => actions.zoom(FASTER)),
    button("+", "zoom in", () => actions.zoom(1 / FASTER)),
    button("Whole run", "show the whole run", () => actions.fit()),
    button("PNG", "save what is shown as a picture", () => actions.save()));
}
