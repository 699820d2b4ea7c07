/** The live page: asks the collector every two seconds, and shows what it tells. All text is set as text. */
import { COLOURS, draw, node } from './chart.js';

const EVERY_MS = 2000;
const $ = (id) => document.getElementById(id);
const ms = (value) => value === null ? '-' : value.toFixed(value >= 100 ? 1 : value >= 1 ? 2 : 3);
const percent = (value) => value === null ? '-' : `${(100 * value).toFixed(1)}%`;
const axis = (value) => String(Number(value.toPrecision(2)));
const count = (value) => value.toLocaleString('en');
let minutes = 60, timer;

async function show() {
  clearTimeout(timer);
  try {
    const response = await fetch(`v1/summary?minutes=${minutes}`);
    if (!response.ok) throw new Error(`the collector answered ${response.status}`);
    const told = await response.json();
    for (const part of [spans, alarms, figures, charts, groups, errors, notes]) part(told);
    say(`the last ${minutes} minutes, as of ${new Date().toLocaleTimeString()}`, false);
  } catch (e) {
    say(`no answer from the collector since ${new Date().toLocaleTimeString()}: ${e.message}`, true);
  }
  timer = setTimeout(show, EVERY_MS);
}

function say(text, lost) {
  $('state').textContent = text;
  $('state').classList.toggle('lost', lost);
}

function spans({ spans: known }) {
  if ($('spans').children.length) return;
  $('spans').append(...known.map((span) => {
    const button = node('button', { 'aria-pressed': span === minutes }, span < 120 ? `${span} min` : `${span / 60} h`);
    button.onclick = () => {
      minutes = span;
      for (const b of $('spans').children) b.setAttribute('aria-pressed', b === button);
      show();
    };
    return button;
  }));
}

function alarms({ alarms: on, rules }) {
  const quiet = rules.length && !on.length ? [node('p', { class: 'fine' }, `${rules.length} rules, no alarm`)] : [];
  $('alarms').replaceChildren(...on.map(({ text, rule }) => node('p', {}, text, node('code', {}, rule))), ...quiet);
}

/** The figures of all groups together, from the line of all. */
function figures({ groups: all, lines, total }) {
  const sum = (key) => all.reduce((s, g) => s + g[key], 0);
  const latest = (key) => lines.all[0]?.[key].findLast((v) => v !== null) ?? null;
  const [predictions, failed] = [sum('predictions'), sum('errors')];
  const rows = [
    ['predictions', count(predictions), ''], ['p50, latest minute', ms(latest('p50_ms')), 'ms'],
    ['p95, latest minute', ms(latest('p95_ms')), 'ms'],
    ['error rate', percent(predictions + failed ? failed / (predictions + failed) : null), ''],
    ['fallbacks', count(sum('fallbacks')), ''], ['since the beginning', count(total.predictions), 'predictions'],
  ];
  $('figures').replaceChildren(...rows.map(([name, value, unit]) =>
    node('div', {}, node('small', {}, name), node('b', {}, value), node('i', {}, unit))));
}

function charts({ lines }) {
  const whole = lines.all[0], times = whole?.minutes ?? [];
  const rate = whole ? [{ name: 'predictions', values: whole.predictions, filled: true }] : [];
  const latency = whole ? [{ name: 'p50', values: whole.p50_ms }, { name: 'p95', values: whole.p95_ms }] : [];
  draw($('latency'), times, latency, axis);
  draw($('load'), times, rate, axis);
  for (const [id, kind] of [['browsers', 'browser'], ['variants', 'variant']]) {
    const most = [...lines[kind]].sort((a, b) => total(b) - total(a)).slice(0, COLOURS);
    draw($(id), times, most.map((l) => ({ name: l.name, values: l.p95_ms })), axis);
  }
}
const total = ({ predictions }) => predictions.reduce((a, b) => a + b, 0);

function table(title, columns, rows) {
  const cell = (tag, i, value) => node(tag, { class: columns[i][1] ?? '' }, String(value));
  const head = node('tr', {}, ...columns.map(([name], i) => cell('th', i, name)));
  const row = ([kind, ...cells]) => node('tr', kind ? { class: kind } : {}, ...cells.map((c, i) => cell('td', i, c)));
  return [node('h2', {}, title), node('table', {}, node('thead', {}, head), node('tbody', {}, ...rows.map(row)))];
}

function groups({ groups: all, alarms: on }) {
  const columns = [['model', 'word'], ['variant', 'word'], ['browser', 'word'], ['predictions'], ['p50 ms'], ['p95 ms'],
    ['p99 ms'], ['first p95 ms'], ['load p95 ms'], ['errors'], ['memory'], ['fallbacks']];
  const alarmed = (g) => on.some((a) => a.model === g.model && a.variant === g.variant && a.browser === g.browser);
  const growth = (v) => v === null ? '-' : `${v >= 0 ? '+' : ''}${(100 * v).toFixed(0)}%`;
  $('groups').replaceChildren(...table('Percentiles by model, variant and browser', columns, all.map((g) => [
    alarmed(g) && 'alarm', g.model, g.variant, g.browser, count(g.predictions), ms(g.p50_ms), ms(g.p95_ms),
    ms(g.p99_ms), ms(g.first_p95_ms), ms(g.load_p95_ms), `${count(g.errors)} (${percent(g.error_rate)})`, growth(g.memory_growth),
    count(g.fallbacks)])));
}

function errors({ errors: found }) {
  const columns = [['kind', 'word'], ['last message', 'word long'], ['count']];
  const rows = found.map((e) => ['', e.kind, e.message, count(e.count)]);
  $('errors').replaceChildren(...(rows.length ? table('Errors', columns, rows) : []));
}

function notes({ relative_error: error, requests }) {
  const told = Object.entries(requests).map(([what, n]) => `${what} ${count(n)}`).join(', ') || 'none yet';
  $('notes').replaceChildren(`Percentiles are within ${percent(error)}. Batches since the collector started: ${told}. `,
    node('a', { href: 'metrics' }, 'for Prometheus'));
}

show();
