// Tries an exported folder out; not a part of it. In a page: `import { check }`. In Node: node check.mjs FOLDER, with
// the job as JSON on stdin and what was found as JSON on stdout. Arrays travel as base64.
const TYPES = {
  float32: Float32Array, int32: Int32Array, int16: Int16Array, int8: Int8Array, uint8: Uint8Array, bool: Uint8Array,
};
const CHUNK = 0x8000; // values that a call takes as arguments
const STEPS = 50; // of the clock, that a figure takes at least
const FIRST = 8, MOST_IN_BATCH = 1000; // runs
const now = () => performance.now();

const decode = ({ dtype, data }) => new TYPES[dtype](Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);

function encode(array) {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = '';
  for (let i = 0; i < bytes.length; i += CHUNK) text += String.fromCharCode(...bytes.subarray(i, i + CHUNK));
  return btoa(text);
}

/**
 * Milliseconds of a run, `runs` times or what fits in `budgetMs`, after `warmMs` to warm up. What takes few steps of the
 * clock is run `batch` times for each figure.
 */
function steady(run, step, { runs, warmMs, budgetMs }) {
  const timed = (count) => {
    const before = now();
    for (let i = 0; i < count; i++) run();
    return (now() - before) / count;
  };
  for (const began = now(); now() - began < warmMs;) run();
  const batch = Math.ceil(Math.min(MOST_IN_BATCH, STEPS * step / Math.max(timed(FIRST), step / FIRST)));
  const times_ms = [];
  for (const began = now(); times_ms.length < runs && (now() - began < budgetMs || !times_ms.length);) {
    times_ms.push(timed(batch));
  }
  return { batch, times_ms };
}

/** One variant, loaded anew: its answers to all `feeds`, and how long it took. */
export async function check({ load, variants }, { variant, threads, feeds, ...how }) {
  const able = variants();
  if (!able.includes(variant)) return { able };
  const inputs = feeds.map((feed) => Object.fromEntries(Object.entries(feed).map(([name, x]) => [name, decode(x)])));
  const began = now();
  const model = await load({ variant, threads });
  try {
    const loaded = now();
    const first = await model.predict(inputs[0]);
    const answered = now();
    const rest = [];
    for (const x of inputs.slice(1)) rest.push(await model.predict(x));
    const outputs = [first, ...rest].map((y) => Object.fromEntries(Object.entries(y).map(([n, v]) => [n, encode(v)])));
    const { resolution } = await model.profile({ runs: 1 });
    return {
      threads: model.threads, load_ms: loaded - began, first_ms: answered - loaded, outputs, clock_ms: resolution,
      memory_bytes: model.memory().bytes, ...steady(() => model.predictSync(inputs[0]), resolution, how),
    };
  } finally {
    model.dispose();
  }
}

if (typeof process !== 'undefined' && process.versions?.node) {
  const names = ['node:fs', 'node:path', 'node:url'];
  const [fs, path, { pathToFileURL }] = await Promise.all(names.map((name) => import(name)));
  const job = JSON.parse(fs.readFileSync(0, 'utf8'));
  const folder = await import(pathToFileURL(path.resolve(process.argv[2], 'model.js')));
  process.stdout.write(JSON.stringify(await check(folder, job)));
}
