// What there is to show: nodes, groups in groups, and the bundles of edges between the boxes that can be seen.
// A box is a number: the index of a node, or for a group the number of nodes plus its index. ROOT is the whole.
export const ROOT = -1, IN = "in", OUT = "out";

export class GraphModel {
  constructor(data) {
    this.nodes = data.nodes;
    this.groups = data.groups;
    this.first = data.opened.map((group) => group + this.nodes.length);
    this.opened = new Set(this.first);
    this.inside = new Map([ROOT, ...this.groups.keys()].map((group) => [this.boxOf(group), []]));
    this.nodes.forEach((node, box) => this.inside.get(this.boxOf(node.group)).push(box));
    this.groups.forEach((group, i) => this.inside.get(this.boxOf(group.parent)).push(this.boxOf(i)));
    this.edges = this.nodes.flatMap((node, to) => node.inputs.map((i) => ({ from: i.node, to, output: i.output })));
    this.consumers = this.nodes.map(() => []);
    for (const edge of this.edges) this.consumers[edge.from].push(edge.to);
    this.members = new Map();
  }

  boxOf(group) { return group === ROOT ? ROOT : group + this.nodes.length; }
  isGroup(box) { return box >= this.nodes.length; }
  isOpen(box) { return this.opened.has(box); }
  label(box) { return this.isGroup(box) ? this.groups[box - this.nodes.length].label : this.nodes[box].label; }

  parent(box) {
    return this.boxOf(this.isGroup(box) ? this.groups[box - this.nodes.length].parent : this.nodes[box].group);
  }

  /** The groups that a box is in, the outermost first. */
  ancestors(box) {
    const found = [];
    for (let group = this.parent(box); group !== ROOT; group = this.parent(group)) found.unshift(group);
    return found;
  }

  /** The nodes in a box, in the order of the graph. */
  nodesOf(box) {
    if (box !== ROOT && !this.isGroup(box)) return [box];
    if (!this.members.has(box)) {
      this.members.set(box, this.inside.get(box).flatMap((inner) => this.nodesOf(inner)).sort((a, b) => a - b));
    }
    return this.members.get(box);
  }

  toggle(box) { if (!this.opened.delete(box)) this.opened.add(box); }
  openAll() { this.groups.forEach((_, i) => this.opened.add(this.boxOf(i))); }
  closeAll() { this.opened.clear(); }
  reveal(box) { for (const group of this.ancestors(box)) this.opened.add(group); }

  /** From the whole down to what is seen of a node: all open groups that it is in, then a box. */
  seen(node) {
    const path = [ROOT];
    for (const box of [...this.ancestors(node), node]) {
      path.push(box);
      if (!this.isOpen(box)) break;
    }
    return path;
  }

  /** By open group, what goes between its boxes; what comes from outside or leaves goes through IN and OUT. */
  bundles() {
    const found = new Map(), paths = this.nodes.map((_, node) => this.seen(node));
    const add = (group, from, to, edge) => {
      const level = found.get(group) ?? found.set(group, new Map()).get(group), key = `${from}>${to}`;
      (level.get(key) ?? level.set(key, { from, to, edges: [] }).get(key)).edges.push(edge);
    };
    this.edges.forEach(({ from, to }, edge) => {
      const a = paths[from], b = paths[to];
      let split = 1;
      while (split < a.length && split < b.length && a[split] === b[split]) split++;
      if (split === a.length || split === b.length) return; // both in one closed group
      add(a[split - 1], a[split], b[split], edge);
      for (let i = split; i < a.length - 1; i++) add(a[i], a[i + 1], OUT, edge);
      for (let i = split; i < b.length - 1; i++) add(b[i], IN, b[i + 1], edge);
    });
    return new Map([...found].map(([group, level]) => [group, [...level.values()]]));
  }
}
