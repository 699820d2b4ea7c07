import { ModelError, bytesOf, fail, read as readFrom } from './read.js';

const TYPES = { float32: Float32Array, int32: Int32Array, bool: Uint8Array, int8: Int8Array };
const PAGE = 65536;
const read = (name, size, options) => readFrom(name, FILES[name], size, options);
const isPicture = (x) => x?.data instanceof Uint8ClampedArray;

const isolated = () => typeof SharedArrayBuffer !== 'undefined' && (globalThis.crossOriginIsolated ?? true);

export { ModelError };

/** The variants that this engine can run, the fastest last. */
export const variants = () => Object.keys(MODEL.variants).filter((name) => {
  const v = MODEL.variants[name];
  return v.probes.every((p) => works(bytesOf(p))) && (!v.threaded || isolated());
});

/** Whether a module of a few bytes is valid, and starts where modules may be compiled at all. */
function works(bytes) {
  if (!WebAssembly.validate(bytes)) return false;
  try {
    return !!new WebAssembly.Instance(new WebAssembly.Module(bytes));
  } catch (e) {
    return !(e instanceof WebAssembly.RuntimeError);
  }
}

/** Load the model; see model.d.ts. With `worker` it lives in a Web Worker, and pages stay responsive. */
export async function load(options = {}) {
  if (options.worker) return (await import('./worker.js')).inWorker(options);
  const able = variants();
  const name = options.variant ?? able.at(-1);
  const variant = MODEL.variants[name];
  if (!able.includes(name)) {
    const why = variant?.threaded && !isolated() ? 'the page is not cross-origin isolated' : variant ? 'no support' : 'unknown';
    fail('load.variant', `variant ${name} cannot run here (${why}); can run: ${able.join(', ') || 'none'}`);
  }
  const cores = globalThis.navigator?.hardwareConcurrency ?? 1;
  const threads = variant.threaded ? Math.max(1, Math.min(options.threads ?? cores, MODEL.maxThreads)) : 1;
  const [code, weights] = await Promise.all([
    read(variant.file, variant.bytes, options), read(MODEL.weights.file, MODEL.weights.bytes, options),
  ]);
  const module = await WebAssembly.compile(code).catch((e) => {
    fail('load.module', `${variant.file} is damaged or not allowed here (CSP wasm-unsafe-eval): ${e.message}`);
  });
  const initial = Math.ceil((variant.end + threads * variant.scratchBytes) / PAGE);
  const memory = room(initial, () => new WebAssembly.Memory({ initial, maximum: PAGE, shared: variant.threaded }));
  const exports = await started(module, imports(memory, threads), weights, variant);
  const helpers = threads > 1 ? await (await import('./worker.js')).helpers(module, memory, threads) : [];
  return new Model(name, options, exports, memory, helpers);
}

/** The exports of a module whose weights are laid out. */
async function started(module, given, weights, { file, weightsAt }) {
  try {
    const { exports } = await WebAssembly.instantiate(module, given);
    new Uint8Array(given.env.memory.buffer).set(weights, weightsAt);
    const found = BigInt.asUintN(64, exports.hash(weightsAt, weights.length)).toString(16);
    const { hash } = MODEL.weights;
    if (found !== hash) fail('load.hash', `weights: found checksum ${found}, expected ${hash}; download them again`);
    exports.init();
    return exports;
  } catch (e) {
    throw e.code ? e : new ModelError('load.module', `${file} does not fit to model.js: ${e.message}`);
  }
}

function room(pages, take) {
  try {
    return take();
  } catch (e) {
    return fail('memory', `no memory for ${pages * PAGE} bytes: ${e.message}`);
  }
}

export const imports = (memory, threads) => ({
  env: { memory, threads, sleeps: typeof document === 'undefined' ? 1 : 0 },
  wasi_snapshot_preview1: {
    clock_time_get(_clock, _precision, at) {
      new DataView(memory.buffer).setBigUint64(at, BigInt(Math.round(performance.now() * 1e6)), true);
      return 0;
    },
  },
});

class Model {
  #options; #exports; #memory; #variant; #helpers; #room;

  constructor(variant, options, exports, memory, helpers) {
    Object.assign(this, { variant, threads: helpers.length + 1, inputs: MODEL.inputs, outputs: MODEL.outputs });
    [this.#options, this.#exports, this.#memory, this.#helpers] = [options, exports, memory, helpers];
    this.#variant = MODEL.variants[variant];
  }

  /** One inference. Outputs are copies; with `views` they are parts of the model's memory until the next call. */
  async predict(x, { views = false } = {}) {
    return this.predictSync(ArrayBuffer.isView(x) ? x : await (await import('./picture.js')).pixels(x), { views });
  }

  /** The same without waiting, for inputs that are numbers or ImageData. */
  predictSync(x, { views = false } = {}) {
    const { run } = this.#live();
    this.#feed(x);
    try {
      run(0);
    } catch (e) {
      fail('run', `the module stopped: ${e.message}`);
    }
    return Object.fromEntries(MODEL.outputs.map((port, i) => {
      const view = this.#view(port, this.#variant.outputs[i]);
      return [port.name, views ? view : view.slice()];
    }));
  }

  #live() {
    if (!this.#exports) fail('disposed', 'this model has been disposed');
    return this.#exports;
  }

  #view(port, at) {
    return new TYPES[port.dtype](this.#memory.buffer, at, port.size);
  }

  #feed(x) {
    const named = ArrayBuffer.isView(x) || isPicture(x) ? { [MODEL.inputs[0].name]: x } : x ?? {};
    const known = MODEL.inputs.map((p) => p.name);
    const odd = Object.keys(named).find((name) => !known.includes(name));
    if (odd !== undefined) fail('input.name', `input '${odd}' is unknown; expected ${known.join(', ')}`);
    MODEL.inputs.forEach((port, i) => {
      const value = named[port.name];
      if (isPicture(value)) return this.#picture(port, i, value);
      const type = TYPES[port.dtype].name, found = value?.constructor?.name ?? value, what = `input '${port.name}': found`;
      if (found !== type) fail('input.dtype', `${what} ${found}, expected ${type} (${port.dtype})`);
      if (value.length !== port.size) {
        fail('input.shape', `${what} ${value.length} values, expected ${port.size} (${port.shape.join(' x ')})`);
      }
      this.#view(port, this.#variant.inputs[i]).set(value);
    });
  }

  #picture(port, i, { data, width, height }) {
    const run = this.#exports[`picture${i}`];
    if (!run) fail('input.picture', `input '${port.name}' takes numbers; export it with --input image`);
    const mine = this.#room ??= { at: this.#memory.buffer.byteLength, bytes: 0 };
    if (data.length > mine.bytes) {
      const more = Math.ceil((data.length - mine.bytes) / PAGE);
      room(more, () => this.#memory.grow(more));
      mine.bytes += more * PAGE;
    }
    new Uint8Array(this.#memory.buffer).set(data, mine.at);
    run(mine.at, width, height);
  }

  /** Milliseconds of each kernel: medians of `runs` stamped runs on the last inputs; see model.d.ts. */
  async profile({ runs = 20 } = {}) {
    const { profile } = await import('./profile.js');
    const names = JSON.parse(new TextDecoder().decode(await read('kernels.json', MODEL.kernels, this.#options)));
    return profile(this.#live().run, this.#memory, this.#variant, names[this.variant], runs);
  }

  /** Bytes of the WebAssembly memory and of the weights. */
  memory() {
    return { bytes: this.#memory?.buffer.byteLength ?? 0, weights: this.#exports ? MODEL.weights.bytes : 0 };
  }

  /** End the threads and let the memory go. Doing it again changes nothing. */
  dispose() {
    if (this.#helpers?.length) this.#exports.stop();
    this.#helpers?.forEach((end) => end());
    this.#exports = this.#memory = this.#helpers = null;
  }
}
