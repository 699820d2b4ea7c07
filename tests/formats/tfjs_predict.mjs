// node tfjs_predict.mjs PEERS FOLDER...: runs model.json of each folder in TensorFlow.js (backend cpu) on the tensors of
// its inputs.json and writes names, shapes and values of the outputs to outputs.json. PEERS holds node_modules.
import fs from 'fs';
import path from 'path';
import { createRequire } from 'module';

const [peers, ...folders] = process.argv.slice(2);
console.warn = () => {};
const tf = createRequire(path.join(path.resolve(peers), 'x.js'))('@tensorflow/tfjs');
await tf.setBackend('cpu');

for (const folder of folders) {
  const model = JSON.parse(fs.readFileSync(path.join(folder, 'model.json')));
  const groups = model.weightsManifest ?? [];
  const data = Buffer.concat(groups.flatMap(g => g.paths).map(p => fs.readFileSync(path.join(folder, p))));
  const artifacts = {
    ...model, weightSpecs: groups.flatMap(g => g.weights),
    weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.length),
  };
  const given = JSON.parse(fs.readFileSync(path.join(folder, 'inputs.json')));
  const feeds = given.map(i => tf.tensor(i.values, i.shape, i.dtype));
  let found;
  try {
    if (model.modelTopology.node) {
      const graph = await tf.loadGraphModel({ load: async () => artifacts });
      const named = Object.fromEntries(given.map((i, n) => [i.name, feeds[n]]));
      const names = graph.outputs.map(o => o.name);
      const outputs = [await graph.executeAsync(named, names)].flat();
      found = outputs.map((o, n) => ({ name: names[n], shape: o.shape, values: Array.from(o.dataSync()) }));
    } else {
      const layers = await tf.loadLayersModel({ load: async () => artifacts });
      const outputs = [layers.predict(feeds.length === 1 ? feeds[0] : feeds)].flat();
      found = outputs.map((o, n) => ({ name: layers.outputs[n].name, shape: o.shape, values: Array.from(o.dataSync()) }));
    }
  } catch (error) {
    found = { error: String(error) };
  }
  fs.writeFileSync(path.join(folder, 'outputs.json'), JSON.stringify(found));
}
