/** Threads beside the caller, and a model in a Web Worker. This file is also what those workers run. */
import { ModelError, imports, load } from './model.js';

/** A new worker that runs this file, in browsers, Deno, Bun and Node; `on(handler)` hears its messages. */
async function spawn(first) {
  if (typeof Worker !== 'undefined') {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    worker.postMessage(first);
    return { worker, end: () => worker.terminate(), on: (f, fail) => {
      worker.onmessage = (e) => f(e.data);
      worker.onerror = (e) => fail(new ModelError('worker', `a worker failed: ${e.message ?? 'it could not be loaded'}`));
    } };
  }
  const threads = 'node:worker_threads';
  const worker = new (await import(/* @vite-ignore */ threads)).Worker(new URL(import.meta.url));
  worker.postMessage(first);
  return { worker, end: () => worker.terminate(), on: (f, fail) => worker.on('message', f).on('error', (e) => {
    fail(new ModelError('worker', `a worker failed: ${e.message}`));
  }) };
}

/** Whether a worker keeps the process alive: only while somebody waits for it. Browsers have no such thing. */
const keep = (worker, alive) => alive ? worker.ref?.() : worker.unref?.();

/** In a worker that holds a model: asks the page for the threads, as `helpers` does. */
let askPage;

/**
 * The threads beside the caller, as functions that end them; they serve by then. A worker with a model has its page
 * start them: on a busy machine Firefox was seen to hang in `new Worker` within a worker.
 */
export async function helpers(module, memory, threads) {
  if (askPage) return askPage(module, memory, threads);
  const ends = [];
  const start = async (_, i) => {
    const { worker, end, on } = await spawn({ tfjslab: 'serve', module, memory, threads, tid: i + 1 });
    ends.push(end);
    await new Promise(on);
    keep(worker, false);
  };
  await Promise.all(Array.from({ length: threads - 1 }, start)).catch((e) => {
    ends.forEach((end) => end());
    throw e;
  });
  return ends;
}

/** A model in a worker: the same calls, by messages; inputs that can be are transferred. */
export async function inWorker({ signal, onProgress, worker: _, ...options }) {
  const { worker, end, on } = await spawn({ tfjslab: 'host' });
  const waiting = new Map(), ends = [end];
  let last = 0, ended;
  const fail = (error) => {
    ended ??= error;
    waiting.forEach(({ reject }) => reject(error));
    waiting.clear();
    ends.splice(0).forEach((f) => f());
  };
  const startThreads = async (wanted) => {
    ends.push(...await helpers(...wanted));
    return ended ? fail(ended) : worker.postMessage({ started: true });
  };
  on(({ id, progress, threads, value, error }) => {
    if (progress) return onProgress?.(progress);
    if (threads) return startThreads(threads).catch(fail);
    const asked = waiting.get(id);
    waiting.delete(id);
    keep(worker, waiting.size > 0);
    return error ? asked?.reject(new ModelError(error.code, error.message)) : asked?.resolve(value);
  }, fail);
  const ask = (call, args, transfer = []) => new Promise((resolve, reject) => {
    if (ended) throw ended;
    worker.postMessage({ id: ++last, call, args }, transfer);
    waiting.set(last, { resolve, reject });
    keep(worker, true);
  });
  const dispose = () => fail(new ModelError('disposed', 'this model has been disposed'));
  const stop = () => fail(new ModelError('load.aborted', 'the download was stopped'));
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop);
  try {
    const { resets, ...told } = await ask('load', [{ ...options, url: options.url && new URL(options.url, globalThis.location?.href).href }]);
    const reset = resets && { reset: () => ask('reset', []) };
    return { ...told, ...reset, dispose, profile: (o) => ask('profile', [o]), memory: () => ask('memory', []),
      predict: async (x) => {
        const given = ArrayBuffer.isView(x) ? x : await (await import('./picture.js')).pixels(x);
        const sent = ArrayBuffer.isView(given?.data ?? given) ? [given] : Object.values(given ?? {});
        const buffers = sent.map((v) => (v?.data ?? v)?.buffer).filter((b) => b instanceof ArrayBuffer);
        return ask('predict', [given], [...new Set(buffers)]);
      } };
  } catch (e) {
    fail(e);
    throw e;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

async function serve({ module, memory, threads, tid }, post) {
  const { exports } = await WebAssembly.instantiate(module, imports(memory, threads));
  post('ready');
  exports.serve(tid);
}

let hosted, started;
const asker = (post) => async (...wanted) => {
  await new Promise((resolve) => {
    started = resolve;
    post({ threads: wanted });
  });
  return Array(wanted[2] - 1).fill(() => {}); // the page ends them
};

async function answer({ id, call, args }, post) {
  try {
    if (call === 'load') {
      hosted = await load({ ...args[0], onProgress: (progress) => post({ progress }) });
      const { variant, threads, inputs, outputs } = hosted;
      return post({ id, value: { variant, threads, inputs, outputs, resets: !!hosted.reset } });
    }
    const value = await hosted[call](...args);
    return post({ id, value }, call === 'predict' ? Object.values(value).map((v) => v.buffer) : []);
  } catch ({ code = 'worker', message }) {
    return post({ id, error: { code, message } });
  }
}

/** Messages of a worker are for us only if the first one says so: other workers may import this file too. */
function listen(scope, hear, post) {
  let role;
  hear((message) => {
    role ??= message?.tfjslab;
    if (message?.tfjslab === 'serve') return serve(message, post);
    if (message?.tfjslab === 'host') askPage = asker(post);
    if (message?.started) return started();
    return role === 'host' && message.call ? answer(message, post) : undefined;
  });
}

if (typeof WorkerGlobalScope !== 'undefined' && globalThis instanceof WorkerGlobalScope) {
  listen(globalThis, (f) => addEventListener('message', (e) => f(e.data)), (m, t) => postMessage(m, t));
} else if (typeof process !== 'undefined' && process.versions?.node) {
  const threads = 'node:worker_threads';
  import(/* @vite-ignore */ threads).then(({ parentPort: port }) => {
    if (port) listen(port, (f) => port.on('message', f), (m, t) => port.postMessage(m, t));
  });
}
