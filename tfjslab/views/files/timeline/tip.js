// What the pointer is over, in a box beside it.
import { element } from "../dom.js";
import { factsOf } from "./facts.js";

const APART = 14; // pixels from the pointer

export function tipOver(root) {
  const tip = element("div", { className: "tfv-tip", hidden: true, role: "tooltip" });
  root.append(tip);
  return {
    show(scene, hit, x, y) {
      const { title, subtitle, pairs } = factsOf(scene, hit);
      const lines = pairs.map(([name, value]) => element("div", {}, element("span", {}, `${name} `), value));
      const kernel = element("div", { className: "tfv-tip-kernel" }, subtitle);
      tip.replaceChildren(element("b", {}, title), kernel, ...lines);
      tip.hidden = false;
      const room = root.clientWidth - tip.offsetWidth;
      tip.style.left = `${Math.max(0, x + APART <= room ? x + APART : x - APART - tip.offsetWidth)}px`;
      tip.style.top = `${y + APART}px`;
    },
    hide() {
      tip.hidden = true;
    },
  };
}
