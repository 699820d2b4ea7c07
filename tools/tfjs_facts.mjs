// node tfjs_facts.mjs NPM: answers each line of JSON, which names a folder with a model and a backend of TensorFlow.js,
// with which kernels the model's op asked for there, and with the error that it gave as `refused`. NPM holds node_modules.
import fs from 'fs';
import path from 'path';
import readline from 'readline';
import { createRequire } from 'module';

const [npm] = process.argv.slice(2);
const load = createRequire(path.join(path.resolve(npm), 'x.js'));
console.log = console.warn = () => {};
const tf = load('@tensorflow/tfjs');
const wasm = load('@tensorflow/tfjs-backend-wasm');
wasm.setWasmPaths(path.join(path.resolve(npm), 'node_modules/@tensorflow/tfjs-backend-wasm/dist/'));

const engine = tf.engine();
const runKernel = engine.runKernel.bind(engine);
let asked = new Set();
engine.runKernel = (name, ...rest) => {
  asked.add(name);
  return runKernel(name, ...rest);
};

function artifacts(folder) {
  const model = JSON.parse(fs.readFileSync(path.join(folder, 'model.json')));
  const groups = model.weightsManifest ?? [];
  const data = Buffer.concat(groups.flatMap(g => g.paths).map(p => fs.readFileSync(path.join(folder, p))));
  const weightData = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
  return { ...model, weightSpecs: groups.flatMap(g => g.weights), weightData };
}

async function tried(folder, backend) {
  await tf.setBackend(backend);
  asked = new Set();
  try {
    const graph = await tf.loadGraphModel({ load: async () => artifacts(folder) });
    const given = JSON.parse(fs.readFileSync(path.join(folder, 'inputs.json')));
    const feeds = Object.fromEntries(given.map(i => [i.name, tf.tensor(i.values, i.shape, i.dtype)]));
    asked = new Set();
    for (const output of [await graph.executeAsync(feeds)].flat()) output.dataSync();
    return { kernels: [...asked] };
  } catch (error) {
    const trap = error instanceof WebAssembly.RuntimeError;
    return { refused: String(error).split('\n')[0], kernels: [...asked], trap };
  }
}

const say = answer => process.stdout.write(`${JSON.stringify(answer)}\n`);
say({ tfjs: tf.version.tfjs });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { folder, backend } = JSON.parse(line);
  say(await tried(folder, backend));
}
