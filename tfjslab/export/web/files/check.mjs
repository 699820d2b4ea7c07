// Tries an exported folder out; not a part of it. In a page: `import { check }`. In Node: node check.mjs FOLDER, with
// the job as JSON on stdin and what was found as JSON on stdout. Arrays travel as base64.
const TYPES = { float32: Float32Array, int32: Int32Array, bool: Uint8Array, int8: Int8Array };
const CHUNK = 0x8000; // values that a call takes as arguments
const now = () => performance.now();

const decode = ({ dtype, data }) => new TYPES[dtype](Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);

function encode(array) {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = '';
  for (let i = 0; i < bytes.length; i += CHUNK) text += String.fromCharCode(...bytes.subarray(i, i + CHUNK));
  return btoa(text);
}

/** Milliseconds of single runs: some to warm up, at most `warmMs`, then `runs` or what fits in `budgetMs`. */
function steady(run, { runs, warmMs, budgetMs }) {
  const times = [];
  for (const began = now(); now() - began < warmMs;) run();
  for (const began = now(); times.length < runs && (now() - began < budgetMs || !times.length);) {
    const before = now();
    run();
    times.push(now() - before);
  }
  return times;
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
    const times_ms = steady(() => model.predictSync(inputs[0]), how);
    const outputs = [first, ...rest].map((y) => Object.fromEntries(Object.entries(y).map(([n, v]) => [n, encode(v)])));
    const { resolution } = await model.profile({ runs: 1 });
    return {
      threads: model.threads, load_ms: loaded - began, first_ms: answered - loaded, times_ms, outputs,
      resolution_ms: Number.isFinite(resolution) ? resolution : null, memory_bytes: (await model.memory()).bytes,
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
