/** What the page draws: outputs, the chart of latency, the table of kernels. */
const MOST_BARS = 5, MOST_ROWS = 60, LEAST_SIDE = 8;

/** Text of letters that show themselves: what is not printed, or turns the direction of others, as its code. */
const visible = (text) => String(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

/** An element with attributes, text or children. */
export function element(tag, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, visible(value));
  if (text !== undefined) made.textContent = visible(text);
  made.append(...children.map((child) => typeof child === 'string' ? visible(child) : child));
  return made;
}

/** A number with four digits that count; whole ones as they are. */
export const number = (x) => Number.isInteger(x) ? String(x) : !Number.isFinite(x) ? String(x) :
  Math.abs(x) >= 1e6 || Math.abs(x) < 1e-4 ? x.toExponential(3) : String(Number(x.toPrecision(4)));

/** Milliseconds with three digits that count. */
export const ms = (x) => x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x >= 1 ? x.toFixed(2) : x.toFixed(3);

export const inBytes = (bytes) => bytes < 2 ** 20 ? `${(bytes / 2 ** 10).toFixed(0)} KiB` :
  `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 24 ? 1 : 0)} MiB`;

const bar = (share) => {
  const filled = element('b');
  filled.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return element('i', {}, filled);
};

/** All outputs; `labels` name the classes of a vector of scores where somebody gave them. */
export function answer(ports, outputs, labels) {
  return ports.map((port) => {
    const values = outputs[port.name];
    const title = element('h3', {}, element('b', { text: port.name }),
      ` ${port.shape.join(' × ') || 'scalar'}, ${port.dtype}`);
    const drawn = isScores(port) ? [scores(values, labels)] : isImage(port) ? [image(port, values), numbers(values)] :
      [numbers(values)];
    return element('div', { class: 'output', 'data-output': port.name }, title, ...drawn);
  });
}

const isScores = ({ shape, size }) => size > 1 && shape.at(-1) === size;

function scores(values, labels) {
  const best = Array.from(values.keys()).sort((a, b) => values[b] - values[a]).slice(0, MOST_BARS);
  const least = values.reduce((a, b) => Math.min(a, b));
  const shares = least >= 0 && Math.abs(values.reduce((a, b) => a + b) - 1) < 1e-2;
  const length = shares ? (x) => x : (x) => (x - least) / ((values[best[0]] - least) || 1);
  const figure = (x) => shares ? `${(x * 100).toFixed(1)} %` : number(x);
  const row = (i) => element('li', {}, element('span', { text: labels[i] ?? `class ${i}` }),
    element('span', { text: figure(values[i]) }), bar(length(values[i])));
  return element('ol', { class: 'bars' }, ...best.map(row));
}

/** [1, height, width, channels] or [height, width], of a size that shows something. */
const sides = ({ shape }) =>
  shape.length === 4 && shape[0] === 1 ? shape.slice(1) : shape.length === 2 ? [...shape, 1] : [];
const isImage = (port) => {
  const [height, width, channels] = sides(port);
  return height >= LEAST_SIDE && width >= LEAST_SIDE && [1, 3, 4].includes(channels);
};

function image(port, values) {
  const [height, width, channels] = sides(port);
  const { least, most } = range(values);
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 4; c++) {
      const value = values[i * channels + (channels === 1 ? 0 : c)];
      pixels.data[4 * i + c] = c < Math.max(3, channels) ? (value - least) / ((most - least) || 1) * 255 : 255;
    }
  }
  const canvas = element('canvas', { width, height, role: 'img', 'aria-label': `${port.name} as a picture` });
  canvas.getContext('2d').putImageData(pixels, 0, 0);
  return canvas;
}

function range(values) {
  let least = Infinity, most = -Infinity, sum = 0;
  for (const x of values) {
    least = Math.min(least, x);
    most = Math.max(most, x);
    sum += x;
  }
  return { least, most, mean: sum / values.length };
}

function numbers(values) {
  const { least, most, mean } = range(values);
  const first = Array.from(values.subarray(0, 8), number).join(', ');
  return element('div', {}, element('p', { text: `min ${number(least)}, max ${number(most)}, mean ${number(mean)}` }),
    element('p', { class: 'numbers', text: `${first}${values.length > 8 ? ', …' : ''}` }));
}

/** The slowest kernels first, each with its part of the whole. */
export function kernels({ kernels: found, runs, resolution }) {
  const total = found.reduce((sum, k) => sum + k.ms, 0);
  const sorted = [...found].sort((a, b) => b.ms - a.ms), slowest = sorted[0].ms;
  const share = (k) => k.ms ? `${(k.ms / total * 100).toFixed(1)} %` : '-';
  const rows = sorted.slice(0, MOST_ROWS).map((k) => element('tr', {},
    element('td', { text: k.kernel, title: k.kernel }), element('td', { text: k.node, title: k.node }),
    element('td', { text: k.ms ? ms(k.ms) : `< ${ms(resolution)}` }), element('td', { text: share(k) }),
    element('td', {}, bar(k.ms / (slowest || 1)))));
  const head = element('tr', {},
    ...['kernel', 'node', 'ms', 'share', ''].map((text) => element('th', { text, scope: 'col' })));
  const left = found.length - rows.length;
  const fine = globalThis.crossOriginIsolated ? '' : ' A cross-origin isolated page has a finer clock.';
  return [
    element('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'kernels, the slowest first' },
      element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows))),
    element('p', { class: 'small', text: `${found.length} kernels, ${ms(total)} ms in all, medians of ${runs} runs`
      + `${left ? `; ${left} faster ones are not shown` : ''}. The clock of this page moves in steps of `
      + `${ms(resolution)} ms, and knows nothing shorter.${fine}` }),
  ];
}

/** A round number at or above `x`: the height of the chart. */
function ceiling(x) {
  const unit = 10 ** Math.floor(Math.log10(x));
  return [1, 2, 4, 5, 8, 10].map((k) => k * unit).find((k) => k >= x * 0.999);
}

/** Draw milliseconds of runs, with lines at their median and 95th percentile. */
export function chart(canvas, times, most, { median, p95 } = {}) {
  const style = getComputedStyle(canvas), color = (name) => style.getPropertyValue(name);
  const { clientWidth: width, clientHeight: height } = canvas, scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const pen = canvas.getContext('2d');
  pen.scale(scale, scale);
  const left = 46, right = width - 58, bottom = height - 8, top = 10;
  const peak = ceiling(Math.max(p95 * 1.5, Math.min(Math.max(...times), p95 * 3)) || 1);
  const x = (i) => left + (right - left) * (i + 0.5) / most, y = (t) => bottom - (bottom - top) * Math.min(t / peak, 1);
  const line = (at, name, dash = []) => {
    pen.strokeStyle = color(name);
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(left, y(at));
    pen.lineTo(right, y(at));
    pen.stroke();
  };
  pen.font = `11px ${style.fontFamily}`;
  pen.textBaseline = 'middle';
  pen.textAlign = 'right';
  for (const at of [0, peak / 2, peak]) {
    line(at, '--line');
    pen.fillStyle = color('--faint');
    pen.fillText(number(at), left - 8, y(at));
  }
  if (!times.length) return;
  pen.fillStyle = color('--accent');
  const thick = Math.max(1.5, Math.min(6, (right - left) / most * 0.7));
  times.forEach((t, i) => pen.fillRect(x(i) - thick / 2, y(t), thick, Math.max(1, bottom - y(t))));
  pen.textAlign = 'left';
  const apart = Math.max(0, 14 - (y(median) - y(p95))) / 2;
  const mark = (name, at, tone, dash, shift) => {
    line(at, tone, dash);
    pen.fillStyle = color(tone);
    pen.fillText(name, right + 8, y(at) + shift);
  };
  mark('p95', p95, '--third', [4, 3], -apart);
  mark('median', median, '--second', [], apart);
}
