/** What a page tells of its predictions, and what it does when they are too slow. Loaded only where it is asked for. */
import { MODEL, ModelError, load as loadModel } from './model.js';

/** The buckets of the histogram; the same as in Python, from where they are written here. */
const { logGamma, gamma, least, most } = {{bucket_rule}};
export const bucketOf = (ms) => Math.ceil(Math.log(Math.min(Math.max(ms, least), most)) / logGamma);
const valueOf = (bucket) => 2 * gamma ** bucket / (gamma + 1);

const PROGRAMS = [['edge', /Edg/], ['opera', /OPR\//], ['samsung', /SamsungBrowser/], ['firefox', /Firefox|FxiOS/],
  ['chrome', /Chrome|CriOS/], ['safari', /Safari/]];

/** The kind of browser, one of a dozen words; nothing more of the user agent is told. */
export function browserOf({ userAgent = '' } = globalThis.navigator ?? {}) {
  if (globalThis.Deno) return 'deno';
  if (globalThis.Bun) return 'bun';
  if (globalThis.process?.versions?.node) return 'node';
  const found = PROGRAMS.find(([, pattern]) => pattern.test(userAgent))?.[0] ?? 'other';
  return /Mobi|Android/.test(userAgent) ? `${found} mobile` : found;
}

export class Times {
  counts = new Map();
  length = 0;

  add(ms) {
    const bucket = bucketOf(ms);
    this.counts.set(bucket, (this.counts.get(bucket) ?? 0) + 1);
    this.length++;
  }

  pairs() {
    return [...this.counts].sort(([a], [b]) => a - b);
  }

  quantile(q) {
    let left = q * (this.length - 1);
    for (const [bucket, count] of this.pairs()) if ((left -= count) < 0) return valueOf(bucket);
    return null;
  }
}

const cut = (text, length) => [...text].slice(0, length).join('');
const nameOf = (text) => cut(String(text).replace(/[\p{C}\p{Z}]/gu, ' '), {{most_name}}) || 'model';
/** Without queries and folders of addresses, which may tell of a person. */
export const messageOf = (text) => cut(
  text.replace(/\b[?#]\S*/g, '').replace(/\S*[/\\]/g, '').replace(/[^\x20-\x7e]/gu, ' '), {{most_message}});
const kindOf = (code = '') => /^[a-z][a-z0-9._-]{0,31}$/.test(code) ? code : 'error';
const heapBytes = () => globalThis.performance?.memory?.usedJSHeapSize;
const hex = (byte) => byte.toString(16).padStart(2, '0');
const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map(hex).join('');

/** What has been counted since the last batch. */
class Book {
  constructor(name) {
    Object.assign(this, { model: nameOf(name), browser: browserOf(), variant: 'none' });
    this.clear();
  }

  clear() {
    Object.assign(this, { load: null, first: null, times: new Times(), errors: new Map(), fallbacks: 0 });
  }

  fail(error) {
    const kind = kindOf(error?.code);
    const known = this.errors.has(kind) || this.errors.size < {{most_kinds}} - 1 ? kind : 'other';
    const count = (this.errors.get(known)?.count ?? 0) + 1;
    const message = error instanceof ModelError ? messageOf(error.message) : ''; // others' may tell anything
    this.errors.set(known, { kind: known, count, message });
  }

  /** A batch, and a clean page; null where nothing happened. */
  take(memory, heap) {
    const { model, variant, browser, load, first, times, errors, fallbacks } = this;
    if (load === null && first === null && !times.length && !errors.size && !fallbacks) return null;
    this.clear();
    return { schema: {{schema}}, id: newId(), model, variant, browser, load_ms: load, first_ms: first,
      predict: times.pairs(), memory, heap, errors: [...errors.values()], fallbacks };
  }
}

/** Sends a batch without waiting for an answer, also while the page goes away. */
function send(url, batch) {
  const body = JSON.stringify(batch);
  if (globalThis.navigator?.sendBeacon?.(url, body)) return;
  fetch(url, { method: 'POST', body, keepalive: true, credentials: 'omit' }).catch(() => {}); // the page goes on
}

/** Rules for falling back, from an object or an address, each with the times since it was last looked at. */
async function rulesFor(name, fallback) {
  const read = async () => (await fetch(fallback, { credentials: 'omit' })).json();
  const found = typeof fallback === 'string' || fallback instanceof URL ? await read().catch(() => null) : fallback;
  const rules = found?.schema === {{schema}} && Array.isArray(found.fallback) ? found.fallback : [];
  const fit = rules.filter((r) => (r.model === '*' || r.model === name) && r.after > 0 && r.p95_ms > 0 && r.to);
  return fit.map((rule) => ({ rule, times: new Times() }));
}

/** `load` of model.js with `onMetrics`, `metrics` or `fallback`; see model.d.ts. */
export async function load({ onMetrics, metrics, fallback, onFallback, ...options }) {
  const { url, rate = 1, every = 30, model: name = MODEL.name } = metrics ?? {};
  const told = url && Math.random() < rate;
  if (!told && !onMetrics && !fallback) return loadModel(options);
  const deliver = (batch) => {
    if (batch && told) send(url, batch);
    if (batch) onMetrics?.(batch);
  };
  const watch = new Watch(new Book(name), options, deliver, onFallback);
  const [rules] = await Promise.all([rulesFor(watch.book.model, fallback), watch.begin()]);
  return watch.shown(rules, every);
}

/** The model that a page uses: measured, told of from time to time, and changed where a rule says so. */
class Watch {
  busy = 0;
  leaving = [];

  constructor(book, options, deliver, onFallback) {
    Object.assign(this, { book, options, deliver, onFallback, rules: [] });
  }

  async begin() {
    try {
      await this.adopt(await this.open(this.options));
    } catch (e) {
      this.book.fail(e);
      this.flush();
      throw e;
    }
  }

  async open(options) {
    const began = performance.now();
    const model = await loadModel(options);
    this.book.load = performance.now() - began;
    return model;
  }

  /** Use a model from now on. The one before is disposed of when nothing runs on it any more. */
  async adopt(model) {
    if (this.model) this.leaving.push(this.model);
    Object.assign(this, { model, isNew: true, start: (await model.memory()).bytes, heap: this.heap ?? heapBytes() });
    this.book.variant = model.variant;
    this.now = this.start;
    this.release();
  }

  release() {
    if (!this.busy) this.leaving.splice(0).forEach((model) => model.dispose());
  }

  async run(predict) {
    this.busy++;
    const began = performance.now();
    try {
      const found = await predict();
      this.count(performance.now() - began);
      return found;
    } catch (e) {
      this.book.fail(e);
      throw e;
    } finally {
      this.busy--;
      this.release();
    }
  }

  runSync(predict) {
    const began = performance.now();
    try {
      const found = predict();
      this.count(performance.now() - began);
      return found;
    } catch (e) {
      this.book.fail(e);
      throw e;
    }
  }

  count(ms) {
    if (this.isNew) {
      Object.assign(this.book, { first: ms });
      this.isNew = false;
      return;
    }
    this.book.times.add(ms);
    for (const watched of this.changing ? [] : this.rules) {
      const { rule, times } = watched;
      times.add(ms);
      if (times.length < rule.after) continue;
      const p95 = times.quantile(0.95);
      watched.times = new Times();
      if (p95 > rule.p95_ms) return void this.change(rule, p95);
    }
  }

  /** Obey a rule, once. What `onFallback` gives is used in place of it; false leaves all as it is. */
  async change(rule, p95_ms) {
    this.changing = true;
    this.rules = this.rules.filter((r) => r.rule !== rule);
    try {
      const chosen = await this.onFallback?.({ rule, p95_ms, variant: this.model.variant });
      const { variant } = rule.to;
      if (chosen === false || (!chosen && (!variant || variant === this.model.variant))) return;
      this.flush();
      const next = chosen || await this.open({ ...this.options, variant });
      if (this.over) return next.dispose();
      this.book.fallbacks++;
      await this.adopt(next);
    } catch (e) {
      this.book.fail(e);
    } finally {
      this.rules.forEach((r) => Object.assign(r, { times: new Times() }));
      this.changing = false;
    }
  }

  /** Tell what there is, at once: a page may be going away. A worker's memory is what it was last. */
  flush() {
    const found = this.model?.memory(), heap = heapBytes();
    if (found?.bytes) this.now = found.bytes;
    else found?.then(({ bytes }) => this.now = bytes, () => {});
    const grown = (start, now) => start && now ? [start, now] : null;
    this.deliver(this.book.take(grown(this.start, this.now), grown(this.heap, heap)));
  }

  shown(rules, every) {
    this.rules = rules;
    const flush = () => this.flush(), call = (name) => (...args) => this.model[name](...args), watch = this;
    const hidden = () => globalThis.document?.visibilityState === 'hidden' && flush();
    const timer = setInterval(flush, 1000 * every);
    timer.unref?.();
    globalThis.addEventListener?.('pagehide', flush);
    globalThis.document?.addEventListener('visibilitychange', hidden);
    return {
      get variant() { return watch.model.variant; },
      get threads() { return watch.model.threads; },
      get inputs() { return watch.model.inputs; },
      get outputs() { return watch.model.outputs; },
      predict: (x, how) => this.run(() => this.model.predict(x, how)),
      predictSync: this.model.predictSync && ((x, how) => this.runSync(() => this.model.predictSync(x, how))),
      profile: call('profile'), memory: call('memory'), reset: this.model.reset && call('reset'), flushMetrics: flush,
      dispose: () => {
        clearInterval(timer);
        globalThis.removeEventListener?.('pagehide', flush);
        globalThis.document?.removeEventListener('visibilitychange', hidden);
        if (!this.over) flush();
        this.over = true;
        [...this.leaving.splice(0), this.model].forEach((model) => model.dispose());
      },
    };
  }
}
