const TYPES = {
  float32: Float32Array, int32: Int32Array, int16: Int16Array, int8: Int8Array, uint8: Uint8Array, bool: Uint8Array,
};
export const PAGE = 65536;
const isPicture = (x) => x?.data instanceof Uint8ClampedArray;

export class ModelError extends Error {
  constructor(code, message) {
    super(message);
    Object.assign(this, { name: 'ModelError', code });
  }
}

const fail = (code, message) => {
  throw new ModelError(code, message);
};
const coded = async (code, what, work) => {
  try {
    return await work();
  } catch (e) {
    throw e instanceof ModelError ? e : new ModelError(code, `${what}: ${e.message}`);
  }
};
const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const isolated = () => typeof SharedArrayBuffer !== 'undefined' && (globalThis.crossOriginIsolated ?? true);

/** The fastest last. */
export const variants = () => Object.keys(MODEL.variants).filter((name) => {
  const { probes, threaded } = MODEL.variants[name];
  return probes.every((p) => works(bytesOf(p))) && (!threaded || isolated());
});

function works(bytes) {
  try {
    return !!new WebAssembly.Instance(new WebAssembly.Module(bytes));
  } catch (e) {
    return !(e instanceof WebAssembly.RuntimeError) && WebAssembly.validate(bytes);
  }
}

export async function read(name, size, options) {
  const { url, signal } = options, given = options.buffers?.[name];
  const at = given ? name : url ? new URL(name, new URL(url, globalThis.location?.href)) : FILES[name];
  const work = () => given ? new Uint8Array(given) : download(name, at, size, options);
  const bytes = await coded('load.read', `${at}: cannot be read`, work).catch((e) => e);
  if (signal?.aborted) fail('load.aborted', `${at}: the download was stopped`);
  if (bytes instanceof ModelError) throw bytes;
  const { length } = bytes;
  return length === size ? bytes : fail('load.size', `${at}: found ${length} bytes, expected ${size}; download it again`);
}

async function download(file, at, total, { signal, onProgress }) {
  if (at.protocol === 'data:') return bytesOf(at.pathname.split(',')[1]);
  if (at.protocol === 'file:') {
    const fs = 'node:fs/promises';
    return (await import(/* @vite-ignore */ fs)).readFile(at, { signal });
  }
  const response = await fetch(at, { signal });
  if (!response.ok) fail('load.http', `${at}: found HTTP ${response.status}, expected 200`);
  const bytes = new Uint8Array(total);
  let loaded = 0;
  for (let reader = response.body.getReader(), r; !(r = await reader.read()).done;) {
    if (loaded + r.value.length > total) return { length: 'more' };
    bytes.set(r.value, loaded);
    loaded += r.value.length;
    onProgress?.({ file, loaded, total });
  }
  return bytes.subarray(0, loaded);
}

export async function load(options = {}) {
  if (options.onMetrics || options.metrics || options.fallback) return (await import('./metrics.js')).load(options);
  if (options.worker) return (await import('./worker.js')).inWorker(options);
  const able = variants();
  const name = options.variant ?? able.at(-1), variant = MODEL.variants[name];
  if (!able.includes(name)) {
    const why = !variant ? 'unknown' : isolated() || !variant.threaded ? 'no support' :
      'the page is not cross-origin isolated';
    fail('load.variant', `variant ${name} cannot run here (${why}); can run: ${able.join(', ') || 'none'}`);
  }
  const wanted = options.threads ?? globalThis.navigator?.hardwareConcurrency ?? 1;
  const threads = variant.threaded ? Math.max(1, Math.min(wanted, MODEL.maxThreads)) : 1;
  const { weights: { file, bytes, hash }, inputs } = MODEL;
  const compiled = (code) => coded('load.module', `${variant.file} is damaged or not allowed here (CSP wasm-unsafe-eval)`,
    () => WebAssembly.compile(code));
  const [module, weights, pictures] = await Promise.all([
    read(variant.file, variant.bytes, options).then(compiled), read(file, bytes, options),
    inputs.some((p) => p.picture) && import('./picture.js'),
  ]);
  const initial = Math.ceil((variant.end + threads * variant.scratchBytes) / PAGE);
  const memory = await coded('memory', `no memory for ${initial * PAGE} bytes`,
    () => new WebAssembly.Memory({ initial, maximum: initial + 4096, shared: variant.threaded }));
  const exports = await coded('load.module', `${variant.file} does not fit to model.js`, async () => {
    const instance = await WebAssembly.instantiate(module, imports(memory, threads));
    new Uint8Array(memory.buffer).set(weights, variant.weightsAt);
    const found = BigInt.asUintN(64, instance.exports.hash(variant.weightsAt, bytes)).toString(16);
    if (found !== hash) fail('load.hash', `weights: found checksum ${found}, expected ${hash}; download them again`);
    instance.exports.init();
    return instance.exports;
  });
  const helpers = threads > 1 ? await (await import('./worker.js')).helpers(module, memory, threads) : [];
  return loaded(name, options, exports, memory, helpers, pictures);
}

export const imports = (memory, threads) => ({
  env: { memory, threads, sleeps: Number(!globalThis.document) },
  wasi_snapshot_preview1: {
    clock_time_get(_clock, _precision, at) {
      new BigUint64Array(memory.buffer, at)[0] = BigInt(Math.round(performance.now() * 1e6));
      return 0;
    },
  },
});

function loaded(name, options, exports, memory, helpers, pictures) {
  const { inputs, outputs, variants: { [name]: variant } } = MODEL;
  const put = pictures && pictures.putter(memory);
  const live = () => exports ?? fail('disposed', 'this model has been disposed');
  const view = ({ dtype, size }, at, length) =>
    new TYPES[dtype](memory.buffer, at, length ? view({ dtype: 'int32' }, length)[0] : size);

  const feed = (x) => {
    const named = ArrayBuffer.isView(x) || isPicture(x) ? { [inputs[0].name]: x } : x ?? {};
    const known = inputs.map((p) => p.name);
    for (const key in named) {
      if (!known.includes(key)) fail('input.name', `input '${key}' is unknown; expected ${known.join(', ')}`);
    }
    inputs.forEach((port, i) => {
      const value = named[port.name];
      const wrong = (what, text) => fail(`input.${what}`, `input '${port.name}'${text}`);
      if (isPicture(value)) {
        if (!port.picture) wrong('picture', ' takes numbers; export it with --input image');
        return exports[`picture${i}`](put(value.data), value.width, value.height);
      }
      const found = value?.constructor?.name ?? value, type = TYPES[port.dtype].name;
      if (found !== type) wrong('dtype', `: found ${found}, expected ${type} (${port.dtype})`);
      if (value.length !== port.size) {
        wrong('shape', `: found ${value.length} values, expected ${port.size} (${port.shape.join(' x ')})`);
      }
      view(port, variant.inputs[i]).set(value);
    });
  };

  const predictSync = (x, { views } = {}) => {
    const { run } = live();
    feed(x);
    try {
      run(0);
    } catch (e) {
      fail('run', told(e, memory));
    }
    return Object.fromEntries(outputs.map((port, i) => {
      const value = view(port, variant.outputs[i], variant.lengths[i]);
      return [port.name, views ? value : value.slice()];
    }));
  };

  return {
    variant: name, threads: helpers.length + 1, inputs, outputs, predictSync, {{reset}}
    predict: async (x, how) => predictSync(pictures && !ArrayBuffer.isView(x) ? await pictures.pixels(x) : x, how),
    profile: async (how) => (await import('./profile.js')).profile(how, live, name, variant, memory, MODEL.kernels, options),
    memory: () => ({ bytes: memory?.buffer.byteLength ?? 0, weights: memory ? MODEL.weights.bytes : 0 }),
    dispose() {
      if (helpers.length) exports.stop();
      helpers.splice(0).forEach((end) => end());
      exports = memory = null;
    },
  };
}
