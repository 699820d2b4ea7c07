// node tfjs_pair.mjs PEERS ROUNDS A B: loads the models in the folders A and B into one TensorFlow.js (backend wasm,
// SIMD, one thread), feeds both the same values, and runs them alternating. Prints medians, spreads and how far the outputs
// are apart as JSON. PEERS holds node_modules.
import fs from 'fs';
import path from 'path';
import { createRequire } from 'module';

const [peers, rounds, ...folders] = process.argv.slice(2);
console.warn = () => {};
const require = createRequire(path.join(path.resolve(peers), 'x.js'));
const tf = require('@tensorflow/tfjs');
require('@tensorflow/tfjs-backend-wasm');
tf.env().set('WASM_HAS_SIMD_SUPPORT', true);
tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
await tf.setBackend('wasm');

async function load(folder) {
  const model = JSON.parse(fs.readFileSync(path.join(folder, 'model.json')));
  const groups = model.weightsManifest;
  const data = Buffer.concat(groups.flatMap(g => g.paths).map(p => fs.readFileSync(path.join(folder, p))));
  const artifacts = {
    ...model, weightSpecs: groups.flatMap(g => g.weights),
    weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.length),
  };
  const handler = { load: async () => artifacts };
  return model.modelTopology.node ? tf.loadGraphModel(handler) : tf.loadLayersModel(handler);
}

const models = [];
for (const folder of folders) models.push(await load(folder));
const shape = models[0].inputs[0].shape.map(d => (d == null || d < 0 ? 1 : d));
const x = tf.randomUniform(shape, 0, 1, 'float32', 7);
const run = model => {
  const outputs = [tf.tidy(() => model.predict(x))].flat();
  const values = outputs.map(o => Array.from(o.dataSync()));
  outputs.forEach(o => o.dispose());
  return values.flat();
};
const [a, b] = models.map(run);
let apart = a.length === b.length ? 0 : Infinity;
a.forEach((v, i) => { apart = Math.max(apart, Math.abs(v - b[i])); });

const times = models.map(() => []);
for (let round = 0; round < Number(rounds) + 2; round++) {
  models.forEach((model, m) => {
    for (let i = 0; i < 4; i++) {
      const before = performance.now();
      run(model);
      // Two rounds warm both up, and the first run of a burst finds the other's data in the caches.
      if (round > 1 && i) times[m].push(performance.now() - before);
    }
  });
}
const at = (sorted, share) => sorted[Math.floor(share * (sorted.length - 1))];
const spread = times.map(t => t.sort((p, q) => p - q)).map(t => ({ median: at(t, 0.5), iqr: at(t, 0.75) - at(t, 0.25) }));
console.log(JSON.stringify({ version: tf.version.tfjs, node: process.version, runs: times[0].length, apart, spread }));
