// How the values of a weight are spread, as a small picture of bars.
const WIDTH = 240, HEIGHT = 56, SPACE = "http://www.w3.org/2000/svg";

export function histogram({ histogram: { counts, of }, min, max, shape }) {
  const most = Math.max(...counts), step = WIDTH / counts.length, svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 14}`,
    class: "tfg-histogram", role: "img", "aria-label": `Histogram of ${of} values of ${shape} from ${min} to ${max}` });
  counts.forEach((count, i) => {
    const height = count ? Math.max(1, (HEIGHT * count) / most) : 0;
    const bar = make("rect", { x: i * step, y: HEIGHT - height, width: step - 0.5, height });
    bar.append(make("title", {}, `${count} of ${of}`));
    svg.append(bar);
  });
  if (min < 0 && max > 0) {
    const x = (-min / (max - min)) * WIDTH;
    svg.append(make("line", { x1: x, x2: x, y1: 0, y2: HEIGHT }));
  }
  const ends = [[0, "start", min], [WIDTH, "end", max]];
  for (const [x, anchor, value] of ends) {
    svg.append(make("text", { x, y: HEIGHT + 11, "text-anchor": anchor }, Number(value.toPrecision(3))));
  }
  return svg;
}

function make(tag, attributes, text = "") {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(String(text));
  return element;
}
