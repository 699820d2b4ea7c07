// node tfjs.mjs FOLDER BACKEND VARIANT THREADS
//
// TensorFlow.js, driven from outside so that its runs can alternate with those of another program. FOLDER holds
// node_modules. BACKEND is "cpu" or "wasm"; VARIANT is "plain", "simd" or "threads" and chooses the wasm binary.
// One JSON object a line comes in on stdin and one goes out on stdout; the first line out says that it has started.
// Between commands this program waits for input and takes no processor time. It ends with its stdin.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { stepsRunner } from './tfjs_ops.mjs';

const [folder, backend, variant, threadsText] = process.argv.slice(2);
const threads = Number(threadsText);
const require = createRequire(path.join(path.resolve(folder), 'peer.js'));
const now = () => performance.now();
const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };

// stdout is for answers, stderr for what goes wrong; the library's greetings and hints belong to neither.
for (const level of ['log', 'info', 'warn', 'debug']) console[level] = () => {};

const PRELUDE = `
URL.createObjectURL = script => script.path;
URL.revokeObjectURL = () => {};
Object.assign(globalThis, {
  commonjsGlobal: globalThis, _scriptDir: undefined, require$$0: require('fs'), require$$1: require('path'),
  require$$3: require('perf_hooks'), require$$4: require('os'),
});
`;

// The threaded build expects a browser: it starts workers from blobs, and the text of its own bundled function, which
// it sends to them, names variables of the bundle around it. Here blobs are files, and each begins by defining those.
function allowThreads() {
  const scripts = fs.mkdtempSync(path.join(os.tmpdir(), 'tfjslab-peer-'));
  process.on('exit', () => fs.rmSync(scripts, { recursive: true, force: true }));
  let count = 0;
  globalThis.Blob = class {
    constructor(parts) {
      this.path = path.join(scripts, `${count++}.cjs`);
      fs.writeFileSync(this.path, PRELUDE + parts.join(''));
    }
  };
  URL.createObjectURL = script => script.path;
  // The backend takes at most half of the processors it sees; both sides are to have the same number of threads.
  const seen = os.cpus();
  require('os').cpus = () => Array.from({ length: Math.max(2 * threads, seen.length) }, (_, i) => seen[i % seen.length]);
}

async function start() {
  const began = now();
  const tf = require('@tensorflow/tfjs');
  let count = 1;
  let wasm;
  if (backend === 'wasm') {
    if (variant === 'threads') allowThreads();
    wasm = require('@tensorflow/tfjs-backend-wasm');
    tf.env().set('WASM_HAS_SIMD_SUPPORT', variant !== 'plain');
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', variant === 'threads');
    if (variant === 'threads') wasm.setThreadsCount(threads);
  }
  const imported = now();
  if (!await tf.setBackend(backend)) throw new Error(`backend ${backend} did not start`);
  await tf.ready();
  if (variant === 'threads') count = wasm.getThreadsCount();
  const facts = {
    version: tf.version.tfjs, runtime: `node ${process.version}`, backend: tf.getBackend(), threads: count,
    import_ms: imported - began, backend_ms: now() - imported,
  };
  return [tf, facts];
}

async function load(tf, file) {
  const { weightsManifest = [], ...description } = JSON.parse(fs.readFileSync(file, 'utf8'));
  const shards = weightsManifest.flatMap(g => g.paths).map(p => fs.readFileSync(path.join(path.dirname(file), p)));
  const bytes = Buffer.concat(shards);
  const artifacts = {
    ...description, weightSpecs: weightsManifest.flatMap(g => g.weights),
    weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
  };
  const handler = { load: async () => artifacts };
  return description.modelTopology.node ? tf.loadGraphModel(handler) : tf.loadLayersModel(handler);
}

const plain = name => name.replace(/:0$/, '');

function makeTensor(tf, { file, shape, dtype }) {
  const bytes = fs.readFileSync(file);
  const values = new ARRAYS[dtype](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return tf.tensor(values, shape, dtype);
}

// In the order of the model's inputs: by name where the names are known, else as given.
function makeFeeds(tf, model, given) {
  const names = [...new Set(model.inputs.map(i => i.name))];
  return names.map((name, n) => [name, makeTensor(tf, given.find(g => plain(g.name) === plain(name)) ?? given[n])]);
}

// A function that runs the model once and gives the output tensors.
function runner(tf, model, feeds) {
  const tensors = feeds.map(f => f[1]);
  if (!(model instanceof tf.GraphModel)) return () => model.predict(tensors.length === 1 ? tensors[0] : tensors);
  const named = Object.fromEntries(feeds);
  const outputs = model.outputs.map(o => o.name);
  return asynchronous => (asynchronous ? model.executeAsync(named, outputs) : model.execute(named, outputs));
}

class Session {
  constructor(tf) {
    this.tf = tf;
  }

  async once() {
    const found = [await this.run(this.asynchronous)].flat();
    return [found, found.map(t => t.dataSync())];
  }

  async first() {
    try {
      return await this.once();
    } catch (error) {
      // Only executeAsync runs loops and outputs whose shape depends on data; execute refuses them.
      if (this.asynchronous || !/executeAsync/.test(String(error))) throw error;
      this.asynchronous = true;
      return this.first();
    }
  }

  // Gives back what was run before.
  release() {
    this.model?.dispose();
    this.tf.dispose(this.tensors ?? []);
    this.model = this.tensors = undefined;
  }

  async load({ model, inputs }) {
    this.release();
    this.asynchronous = false;
    const began = now();
    this.model = await load(this.tf, model);
    const loaded = now();
    const weight_bytes = this.tf.memory().numBytes;
    const feeds = makeFeeds(this.tf, this.model, inputs);
    this.tensors = Object.fromEntries(feeds);
    this.run = runner(this.tf, this.model, feeds);
    this.names = this.model.outputs.map(o => o.name);
    const before = now();
    const [tensors] = await this.first();
    const first_ms = now() - before;
    this.tf.dispose(tensors);
    return { load_ms: loaded - began, first_ms, weight_bytes };
  }

  // One op, or a few, on tensors that are made once.
  async op({ inputs, steps }) {
    this.release();
    this.asynchronous = false;
    this.tensors = Object.fromEntries(inputs.map(i => [i.name, makeTensor(this.tf, i)]));
    this.run = stepsRunner(this.tf, this.tensors, steps);
    const found = this.run();
    this.names = found.map((_, i) => `${i}`);
    this.tf.dispose(found);
    return {};
  }

  // Samples of calls in a row, whose outputs are given back and not read: wall and processor milliseconds, and how
  // often the system took the processor away from this program.
  async burst({ calls, count }) {
    this.tf.dispose(this.run());
    const samples = [];
    for (let i = 0; i < count; i++) {
      const before = process.resourceUsage();
      const began = now();
      for (let call = 0; call < calls; call++) this.tf.dispose(this.run());
      const wall = now() - began;
      const used = process.resourceUsage();
      const cpu = used.userCPUTime + used.systemCPUTime - before.userCPUTime - before.systemCPUTime;
      samples.push([wall, cpu / 1000, used.involuntaryContextSwitches - before.involuntaryContextSwitches]);
    }
    return { samples };
  }

  async steady({ count }) {
    const times_ms = [];
    for (let i = 0; i < count; i++) {
      const before = now();
      const [tensors] = await this.once();
      times_ms.push(now() - before);
      this.tf.dispose(tensors);
    }
    return { times_ms };
  }

  async profile() {
    const bytes_before = this.tf.memory().numBytes;
    const found = await this.tf.profile(async () => (await this.once())[0]);
    this.tf.dispose(found.result);
    return { peak_bytes: found.peakBytes, bytes_before, num_kernels: found.kernels.length };
  }

  async outputs({ file }) {
    const [tensors, values] = await this.once();
    // Values do not always come in the array type of the tensor's dtype.
    const arrays = values.map((v, i) => ARRAYS[tensors[i].dtype].from(v));
    fs.writeFileSync(file, Buffer.concat(arrays.map(a => Buffer.from(a.buffer))));
    const outputs = tensors.map((t, i) => ({ name: this.names[i], shape: t.shape, dtype: t.dtype }));
    this.tf.dispose(tensors);
    return { outputs };
  }
}

const answer = found => process.stdout.write(`${JSON.stringify(found)}\n`);
const COMMANDS = ['load', 'op', 'burst', 'steady', 'profile', 'outputs'];

async function obey(session, line) {
  const request = JSON.parse(line);
  if (!COMMANDS.includes(request.command)) throw new Error(`unknown command ${request.command}`);
  return session[request.command](request);
}

const [tf, facts] = await start();
answer(facts);
const session = new Session(tf);
for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    answer(await obey(session, line));
  } catch (error) {
    answer({ error: String(error?.message ?? error) });
  }
}
process.exit(0);
