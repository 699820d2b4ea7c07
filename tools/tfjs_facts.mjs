// node tfjs_facts.mjs NPM LIST OUT: runs the model of each folder that LIST (JSON) names in TensorFlow.js, on its backends
// cpu and wasm, up to the first that traps, and writes to OUT which kernels its op asked for, or the error that it gave.
// NPM holds node_modules.
import fs from 'fs';
import path from 'path';
import { createRequire } from 'module';

const [npm, list, out] = process.argv.slice(2);
const load = createRequire(path.join(path.resolve(npm), 'x.js'));
console.warn = () => {};
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
    return { error: String(error).split('\n')[0], kernels: [...asked], trap };
  }
}

const found = [];
for (const folder of JSON.parse(fs.readFileSync(list))) {
  found.push({ folder, cpu: await tried(folder, 'cpu'), wasm: await tried(folder, 'wasm') });
  if (found.at(-1).wasm.trap) break; // a module that trapped gives nothing but errors afterwards
}
fs.writeFileSync(out, JSON.stringify(found));
