// The search box: which kernels have all words in a name of theirs, and steps from one to the next.
import { element } from "../dom.js";
import { counted } from "../text.js";

export function matching(kernels, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const found = new Set();
  kernels.forEach((k, i) => {
    const names = [k.name, k.node, k.layer, k.host ? "host" : "", ...k.nodes].join(" ").toLowerCase();
    if (words.every((w) => names.includes(w))) found.add(i);
  });
  return found;
}

// `changed` is told the matches (null without a search), `jump` the kernel to show.
export function searchBox(kernels, { changed, jump, leave }) {
  const label = "search kernels, nodes and layers";
  const input = element("input", { type: "search", placeholder: "search  /", "aria-label": label });
  const count = element("output", { className: "tfv-count" });
  let matches = [];
  let at = -1;

  input.oninput = () => {
    const found = matching(kernels, input.value);
    matches = [...(found || [])];
    at = -1;
    tell();
    changed(found);
  };

  input.onkeydown = (event) => {
    if (event.key === "Enter" && matches.length) {
      at = event.shiftKey ? (at > 0 ? at : matches.length) - 1 : (at + 1) % matches.length;
      tell();
      jump(matches[at]);
    }
    if (event.key === "Escape") {
      input.value = "";
      input.oninput();
      leave();
    }
  };

  function tell() {
    const place = at < 0 ? "" : `${at + 1} of `;
    count.value = input.value.trim() ? place + counted(matches.length, "kernel") : "";
  }

  return { input, count };
}
