// Where boxes go: each open group is laid out by itself, the innermost first, and is then one box of what it is in.
// This text runs in a worker (and in the page where there can be none), behind that of dagre, which is a global there.
const MARGIN = 14, HEAD = 26, IN = "in", OUT = "out", MOST_KNOWN = 5000;
const known = new Map(); // layouts by sizes and edges: the blocks of a network are mostly alike

/** A group `{box, children, edges: [[from, to]]}` with sizes, places within their group, and the lines of edges. */
function place(group) {
  const children = group.children.map((child) => (child.children ? place(child) : child));
  const index = new Map(children.map(({ box }, i) => [box, i])), ends = (end) => index.get(end) ?? end;
  const sizes = children.map(({ w, h }) => [w, h]), edges = group.edges.map(([from, to]) => [ends(from), ends(to)]);
  const key = JSON.stringify([sizes, edges]);
  if (known.size > MOST_KNOWN) known.clear();
  if (!known.has(key)) known.set(key, laidOut(sizes, edges));
  const { places, ...found } = known.get(key);
  return { ...group, ...found, children: children.map((child, i) => ({ ...child, x: places[i][0], y: places[i][1] })) };
}

/** Boxes by number: their upper left corners, the lines of the edges, and where the group is entered and left. */
function laidOut(sizes, edges) {
  const graph = new dagre.Graph().setGraph({ nodesep: 18, ranksep: 34, edgesep: 10 });
  graph.setDefaultEdgeLabel(() => ({}));
  sizes.forEach(([width, height], i) => graph.setNode(i, { width, height }));
  for (const [from, to] of edges) graph.setEdge(from, to);
  keepPortsOutside(graph);
  dagre.layout(graph);
  const port = (name) => (graph.hasNode(name) ? graph.node(name).x + MARGIN : null);
  return {
    w: graph.graph().width + 2 * MARGIN, h: graph.graph().height + HEAD + MARGIN, entry: port(IN), exit: port(OUT),
    places: sizes.map(([w, h], i) => [graph.node(i).x - w / 2 + MARGIN, graph.node(i).y - h / 2 + HEAD]),
    lines: edges.map(([from, to]) => graph.edge(from, to).points.map(({ x, y }) => [x + MARGIN, y + HEAD])),
  };
}

/** What comes from outside enters above all boxes, and what leaves does so below them. */
function keepPortsOutside(graph) {
  const boxes = graph.nodes().filter((name) => name !== IN && name !== OUT);
  const loose = { width: 0, weight: 0 };
  if (graph.hasNode(IN)) {
    graph.setNode(IN, { width: 1, height: 1 });
    for (const box of boxes) if (!graph.inEdges(box).length) graph.setEdge(IN, box, { ...loose });
  }
  if (graph.hasNode(OUT)) {
    graph.setNode(OUT, { width: 1, height: 1 });
    for (const box of boxes) if (!graph.outEdges(box).length) graph.setEdge(box, OUT, { ...loose });
  }
}

if (typeof WorkerGlobalScope !== "undefined") {
  onmessage = ({ data: { id, group } }) => {
    const begun = performance.now();
    try {
      postMessage({ id, placed: place(group), ms: performance.now() - begun });
    } catch (error) {
      postMessage({ id, error: String(error) });
    }
  };
}
