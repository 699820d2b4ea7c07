// TensorFlow.js: its scripts, a backend, a model.
import { now } from './clock.js';
import { fetched } from './fetched.js';

export async function openTfjs({ scripts, wasm, backend, flags, threads, model }, inputs, importScripts) {
  const began = now();
  importScripts(scripts);
  const imported = now();
  const { tf } = self;
  await start(tf, { wasm, backend, flags, threads });
  const ready = now();
  const artifacts = await downloaded(model);
  const downloadedAt = now();
  const loaded = await loadModel(tf, artifacts);
  const parsed = now();
  const weight_bytes = tf.memory().numBytes;
  const feeds = feedsOf(tf, loaded, inputs);
  const program = makeProgram(tf, loaded, feeds);
  const before = now();
  await program.first();
  return {
    ...program,
    facts: {
      version: tf.version.tfjs, backend: tf.getBackend(), threads: backend === 'wasm' ? tf.wasm.getThreadsCount?.() ?? 1 : 1,
      flags: settled(tf), import_ms: imported - began, backend_ms: ready - imported, download_ms: downloadedAt - ready,
      load_ms: parsed - downloadedAt, first_ms: now() - before, weight_bytes,
    },
  };
}

async function start(tf, { wasm, backend, flags, threads }) {
  for (const [name, value] of Object.entries(flags)) tf.env().set(name, value);
  if (backend === 'wasm') {
    if (!tf.wasm) throw new Error('the wasm backend of TensorFlow.js was not loaded');
    tf.wasm.setWasmPaths(wasm);
    if (threads) tf.wasm.setThreadsCount(threads);
  }
  if (!await tf.setBackend(backend)) throw new Error(`TensorFlow.js cannot start its backend '${backend}' here`);
  await tf.ready();
}

const settled = (tf) => Object.fromEntries(Object.entries(tf.env().features ?? {}).filter(([, v]) => typeof v !== 'object'));

async function downloaded({ url, files }) {
  const { weightsManifest = [], ...description } = await (await fetched(url)).json();
  const shards = weightsManifest.flatMap((group) => group.paths);
  const blob = new Blob(await Promise.all(shards.map(async (path) => (await fetched(files[path])).blob())));
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  return { ...description, weightSpecs, weightData: await blob.arrayBuffer() };
}

function loadModel(tf, artifacts) {
  const handler = { load: async () => artifacts };
  return artifacts.modelTopology.node ? tf.loadGraphModel(handler) : tf.loadLayersModel(handler);
}

const plain = (name) => name.replace(/:0$/, '');

/** In the order of the model's inputs: by name where the names are known, else as given. */
function feedsOf(tf, model, given) {
  const names = [...new Set(model.inputs.map((i) => i.name))];
  return names.map((name, n) => {
    const { values, shape, dtype } = given.find((g) => plain(g.name) === plain(name)) ?? given[n];
    return [name, tf.tensor(values, shape, dtype)];
  });
}

function makeProgram(tf, model, feeds) {
  const isGraph = model instanceof tf.GraphModel;
  const tensors = feeds.map(([, tensor]) => tensor);
  const names = model.outputs.map((o) => o.name);
  let waits = false; // only executeAsync runs loops and what has a shape that depends on data
  const started = () => {
    if (!isGraph) return model.predict(tensors.length === 1 ? tensors[0] : tensors);
    const named = Object.fromEntries(feeds);
    return waits ? model.executeAsync(named, names) : model.execute(named, names);
  };
  const once = async () => {
    const found = [await started()].flat();
    return [found, await Promise.all(found.map((t) => t.data()))];
  };
  const run = async () => tf.dispose((await once())[0]);
  return {
    run,
    async first() {
      await run().catch((e) => {
        if (waits || !/executeAsync/.test(String(e))) throw e;
        waits = true;
        return run();
      });
    },
    async outputs() {
      const [found, values] = await once();
      const typed = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };
      const told = found.map((t, i) => (
        { name: names[i], shape: t.shape, dtype: t.dtype, values: typed[t.dtype].from(values[i]) }));
      tf.dispose(found);
      return told;
    },
    profile: () => profileOf(tf, model, once),
    dispose() {
      tf.dispose(tensors);
      model.dispose();
    },
  };
}

/** One run by tf.profile: its wall, and the time of each kernel with the node that it belongs to. */
async function profileOf(tf, model, once) {
  const checks = tf.env().getBool('CHECK_COMPUTATION_FOR_ERRORS');
  tf.env().set('CHECK_COMPUTATION_FOR_ERRORS', false); // it reads every output back
  const watch = watchNodes(tf, model);
  const bytes_before = tf.memory().numBytes;
  let began, wall_ms;
  try {
    const found = await tf.profile(async () => {
      began = now();
      const [tensors] = await once();
      wall_ms = now() - began;
      return tensors;
    });
    tf.dispose(found.result);
    // What ends with __op is a function that runs kernels, which are told themselves.
    const ran = found.kernels.map((k, i) => [k, watch.nodeOf(i)]).filter(([k]) => !k.name.endsWith('__op'));
    const kernels = ran.map(([k, node]) => ({
      name: k.name, node, ms: typeof k.kernelTimeMs === 'number' ? k.kernelTimeMs : null,
      reason: k.kernelTimeMs?.error ?? '', input_shapes: k.inputShapes, output_shapes: k.outputShapes,
      bytes_added: k.bytesAdded, total_bytes: k.totalBytesSnapshot, tensors_added: k.tensorsAdded,
      total_tensors: k.totalTensorsSnapshot,
    }));
    return { wall_ms, kernels, peak_bytes: found.peakBytes, new_bytes: found.newBytes, new_tensors: found.newTensors, bytes_before };
  } finally {
    watch.end();
    tf.env().set('CHECK_COMPUTATION_FOR_ERRORS', checks);
  }
}

/**
 * TensorFlow.js does not tell which node a kernel belongs to. But it looks at a node's category, or calls a layer,
 * before it runs its kernels: from these looks one knows.
 */
function watchNodes(tf, model) {
  const marks = [], undo = [];
  const mark = (name) => marks.push([tf.engine().state.activeProfile.kernels.length, name]);
  for (const node of Object.values(model.executor?.graph?.nodes ?? {})) {
    const { category } = node;
    Object.defineProperty(node, 'category', { configurable: true, get: () => (mark(node.name), category) });
    undo.push(() => Object.defineProperty(node, 'category', { configurable: true, writable: true, value: category }));
  }
  for (const layer of model.layers ?? []) {
    const { call } = layer;
    layer.call = (...args) => (mark(layer.name), call.apply(layer, args));
    undo.push(() => delete layer.call);
  }
  return {
    nodeOf: (kernel) => marks.findLast(([from]) => from <= kernel)?.[1] ?? '',
    end: () => undo.forEach((work) => work()),
  };
}
