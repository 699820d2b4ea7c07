/** Lines over minutes, as SVG. A gap is a minute in which nothing came. */
const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 520, HEIGHT = 170, LEFT = 44, RIGHT = 6, TOP = 8, BOTTOM = 20;
export const COLOURS = 6;

export function node(name, attributes = {}, ...children) {
  const drawn = ['svg', 'path', 'line', 'text'].includes(name);
  const made = drawn ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A round number at or above `value`: a half of it is round, too. */
function round(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 3, 4, 5, 6, 8, 10].find((f) => f * power >= value * 0.999);
}

/** Points that follow each other are joined; a lone one is a dash. */
function pathOf(values, x, y) {
  let path = '', joined = false;
  values.forEach((value, i) => {
    if (value === null) return void (joined = false);
    path += `${joined ? 'L' : 'M'}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    if (!joined && (values[i + 1] ?? null) === null) path += 'm-3 0h6';
    joined = true;
  });
  return path;
}

const clock = (minute) => new Date(minute * 60000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });

/** `series` are {name, values, filled}, each as long as `minutes`; `shown` writes a value at the axis. */
export function draw(figure, minutes, series, shown) {
  figure.querySelectorAll('svg, .legend, .empty').forEach((old) => old.remove());
  const all = series.flatMap(({ values }) => values).filter((v) => v !== null);
  if (!all.length) return figure.append(node('div', { class: 'empty' }, 'nothing yet'));
  const top = round(Math.max(...all, 1e-3)), last = minutes.length - 1;
  const x = (i) => LEFT + (WIDTH - LEFT - RIGHT) * (last ? i / last : 1);
  const y = (value) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top;
  const title = figure.firstElementChild.textContent;
  const svg = node('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': title });
  for (const part of [0, 0.5, 1]) {
    svg.append(node('line', { class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: y(part * top), y2: y(part * top) }),
      node('text', { x: LEFT - 6, y: y(part * top) + 4, 'text-anchor': 'end' }, shown(part * top)));
  }
  for (const [part, anchor] of [[0, 'start'], [0.5, 'middle'], [1, 'end']]) {
    const i = Math.round(part * last);
    svg.append(node('text', { x: x(i), y: HEIGHT - 4, 'text-anchor': anchor }, clock(minutes[i])));
  }
  series.forEach(({ values, filled }, i) => {
    const colour = `s${i % COLOURS}`;
    if (filled) svg.append(node('path', { class: `area ${colour}`, d: area(values, x, y) }));
    svg.append(node('path', { class: colour, d: pathOf(values, x, y) }));
  });
  figure.append(svg, node('div', { class: 'legend' }, ...series.map(({ name }, i) =>
    node('span', {}, node('i', { class: `k${i % COLOURS}` }), name))));
}

function area(values, x, y) {
  const points = values.map((value, i) => `${x(i).toFixed(1)} ${y(value ?? 0).toFixed(1)}`);
  return `M${x(0)} ${y(0)}L${points.join('L')}L${x(values.length - 1)} ${y(0)}Z`;
}
