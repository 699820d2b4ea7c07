// Finding nodes by what is written on them.
import { element } from "../dom.js";

const MOST = 50;

export class Search {
  constructor(model, chosen) {
    this.model = model;
    this.chosen = chosen;
    this.texts = model.nodes.map((n) => `${n.name} ${n.op} ${n.layer}`.toLowerCase());
    this.input = element("input", { type: "search", placeholder: "Search names, ops, layers  ( / )", "aria-label": "Search nodes",
      oninput: () => this.show(), onkeydown: (e) => this.key(e) });
    this.list = element("ol", { className: "tfg-hits", role: "listbox", "aria-label": "Nodes found" });
    this.list.hidden = true;
    this.element = element("div", { className: "tfg-search" }, this.input, this.list);
  }

  /** Nodes with all words: the one of that name first, then those that have them in the last part of their names. */
  find(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const found = [...this.texts.keys()].filter((i) => words.every((word) => this.texts[i].includes(word)));
    const rank = (i) => {
      const { name, label } = this.model.nodes[i];
      return name === text.trim() ? 0 : words.every((word) => label.toLowerCase().includes(word)) ? 1 : 2;
    };
    return found.sort((a, b) => rank(a) - rank(b) || a - b);
  }

  show() {
    const found = this.find(this.input.value);
    this.at = 0;
    this.list.replaceChildren(...found.slice(0, MOST).map((node) => this.hit(node)),
      ...(found.length > MOST ? [element("li", { className: "tfg-more" }, `and ${found.length - MOST} more`)] : []),
      ...(this.input.value.trim() && !found.length ? [element("li", { className: "tfg-more" }, "no node")] : []));
    this.hits = found.slice(0, MOST);
    this.list.hidden = !this.input.value.trim();
    this.mark();
  }

  hit(node) {
    const { name, op } = this.model.nodes[node];
    return element("li", { role: "option", title: name, onpointerdown: (e) => { e.preventDefault(); this.choose(node); } },
      element("b", {}, op), ` ${name}`);
  }

  mark() {
    [...this.list.querySelectorAll("[role=option]")].forEach((li, i) => {
      li.setAttribute("aria-selected", String(i === this.at));
      if (i === this.at) li.scrollIntoView({ block: "nearest" });
    });
  }

  choose(node) {
    this.list.hidden = true;
    this.chosen(node);
  }

  key(e) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step && this.hits?.length) {
      this.at = (this.at + step + this.hits.length) % this.hits.length;
      this.mark();
    } else if (e.key === "Enter" && this.hits?.length) this.choose(this.hits[this.at]);
    else if (e.key === "Escape") { this.list.hidden = true; this.input.blur(); }
    else return;
    e.preventDefault();
    e.stopPropagation();
  }
}
