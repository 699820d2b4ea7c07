// The side pane: what is selected with all that is known about it; of the whole run when nothing is.
import { element } from "../dom.js";
import { counted, ending, ms, percent, scaled } from "../text.js";
import { factsOf } from "./facts.js";
import { aliveAt, slowest } from "./laid.js";

const LISTED = 10;

export function paneOf(actions) {
  const pane = element("aside", { className: "tfv-pane", "aria-label": "details" });

  function show(scene) {
    pane.replaceChildren(...(scene.pinned ? selected(scene, scene.pinned) : whole(scene)));
  }

  function selected(scene, hit) {
    const { title, subtitle, pairs, more, host } = factsOf(scene, hit);
    const terms = [...pairs, ...more].flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
    return [
      element("h3", { className: host ? "tfv-on-host" : "" }, title),
      element("p", { className: "tfv-kernel" }, subtitle),
      element("div", { className: "tfv-bar" },
        button("Zoom to it", () => actions.reveal()), button("Close", () => actions.unpin())),
      element("dl", {}, ...terms),
      ...(hit.kind === "kernel" ? [...fused(scene, hit.index), ...alive(scene, hit.index)] : []),
      ...(hit.kind === "span" ? slow(scene, hit.span.first, hit.span.end) : []),
    ];
  }

  function whole(scene) {
    return [
      element("h3", {}, scene.run.name),
      ...notes(scene).map((note) => element("p", {}, note)),
      ...slow(scene, 0, scene.run.n),
    ];
  }

  // The slowest kernels of a part of the run, each a button that selects it.
  function slow(scene, first, end) {
    const indices = slowest(scene.run, first, end, LISTED);
    if (!indices.length) return [element("p", {}, "No kernel ran.")];
    const rows = indices.map((i) => {
      const share = percent(scene.run.time(i), scene.run.wall);
      const bar = element("i", { style: `width:${share};background:${scene.colourOf(i)}` });
      const name = element("span", { title: scene.kernels[i].node }, ending(scene.kernels[i].node));
      const pick = button("", () => actions.pick(i));
      pick.append(name, element("b", {}, `${ms(scene.run.time(i))} ms  ${share}`), bar);
      return element("li", {}, pick);
    });
    const title = element("h4", {}, `slowest of ${counted(end - first, "kernel")}`);
    return [title, element("ol", { className: "tfv-slow" }, ...rows)];
  }

  return { pane, show };
}

// What belongs beside the figures; of a single run the sum that gives its wall.
function notes({ run, data }) {
  if (run.name === data.runs[0].name) return data.notes;
  const rest = `unattributed ${ms(run.unattributed)} ms (${percent(run.unattributed, run.wall)})`;
  return [`kernels ${ms(run.starts[run.n])} ms + ${rest} = wall ${ms(run.wall)} ms`];
}

function fused({ kernels }, index) {
  const nodes = kernels[index].nodes;
  if (nodes.length < 2) return [];
  const list = element("ul", {}, ...nodes.map((n) => element("li", {}, n)));
  return [element("h4", {}, `${nodes.length} nodes in one kernel`), list];
}

// The largest of what the plan holds while a kernel runs, and the rest of all that is alive.
function alive({ kernels }, index) {
  const tensors = aliveAt(kernels, index);
  if (!tensors.length) return [];
  const rest = kernels[index].bytes_live - tensors.reduce((all, t) => all + t.bytes, 0);
  const line = (...cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell)));
  const more = tensors.slice(LISTED).reduce((all, t) => all + t.bytes, 0);
  return [
    element("h4", {}, "alive while it runs"),
    element("table", {}, element("tbody", {},
      ...tensors.slice(0, LISTED).map((t) => line(ending(t.name), `${t.shape} ${t.dtype}`, scaled(t.bytes, "B"))),
      ...(more ? [line(`${tensors.length - LISTED} more`, "", scaled(more, "B"))] : []),
      line("weights and all other values", "", scaled(rest, "B")),
    )),
  ];
}

function button(text, onclick) {
  return element("button", { onclick }, text);
}
