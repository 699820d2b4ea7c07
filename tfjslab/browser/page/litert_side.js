// LiteRT.js, which reads .tflite files. It tells nothing of its kernels.
import { now } from './clock.js';
import { fetched } from './fetched.js';
import { TYPES } from './types.js';

const RANGES = { float32: [0, 1], int32: [0, 4], uint8: [0, 256], int8: [-128, 128], int16: [-32768, 32768], bool: [0, 2] };

export async function openLitert({ litert: { script, wasm, version }, file, backend, threads }, inputs) {
  const began = now();
  const lib = await import(script);
  const imported = now();
  const used = threads || navigator.hardwareConcurrency;
  // It makes half as many workers as there are cores, whatever it is asked for.
  if (used > 1) Object.defineProperty(navigator, 'hardwareConcurrency', { configurable: true, get: () => 2 * used });
  // In a worker its scripts look for their files beside the worker's.
  self.Module = { locateFile: (name) => wasm + name, mainScriptUrlOrBlob: `${wasm}litert_wasm_threaded_internal.js` };
  await lib.loadLiteRt(wasm, { threads: used > 1 });
  const ready = now();
  const bytes = new Uint8Array(await (await fetched(file)).arrayBuffer());
  const downloaded = now();
  const model = await lib.loadAndCompile(bytes, { accelerator: backend, ...(used > 1 ? { cpuOptions: { numThreads: used } } : {}) });
  const loaded = now();
  const feeds = feedsOf(lib, model, inputs);
  const once = () => answersOf(model, feeds, backend);
  await once();
  const first = now();
  return {
    run: once,
    outputs: once,
    dispose() {
      Object.values(feeds).forEach((tensor) => tensor.delete());
      model.delete();
      lib.unloadLiteRt();
    },
    facts: {
      version, backend, threads: used, flags: {}, import_ms: imported - began, backend_ms: ready - imported,
      download_ms: downloaded - ready, load_ms: loaded - downloaded, first_ms: first - loaded, weight_bytes: bytes.length,
    },
  };
}

async function answersOf(model, feeds, backend) {
  const found = await model.run(feeds);
  return Promise.all(Object.entries(found).map(async ([name, tensor]) => {
    const here = backend === 'wasm' ? tensor : await tensor.moveTo('wasm');
    const values = here.toTypedArray().slice();
    const { dtype, layout } = here.type ?? {};
    const shape = Array.from(layout?.dimensions ?? [values.length]);
    here.delete();
    return { name, shape, dtype: dtype ?? 'float32', values };
  }));
}

/** What was given, by name or in order, and else seeded values in the type's range. */
function feedsOf(lib, model, given) {
  return Object.fromEntries(model.getInputDetails().map(({ name, shape, dtype }, i) => {
    const found = given.find((g) => g.name === name) ?? given[i];
    const dims = found?.shape ?? Array.from(shape, (n) => (n > 0 ? n : 1));
    const values = found ? TYPES[dtype].from(found.values) : seeded(dtype, dims.reduce((a, b) => a * b, 1), i + 1);
    return [name, new lib.Tensor(values, dims)];
  }));
}

function seeded(dtype, length, seed) {
  const [least, end] = RANGES[dtype];
  let state = seed;
  return TYPES[dtype].from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return least + (end - least) * (state / 2 ** 32);
  });
}
