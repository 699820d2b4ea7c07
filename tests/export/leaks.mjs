// node leaks.mjs FOLDER COUNT THREADED: memory before and after so many predictions, and what `dispose` gives back.
// It ends by itself: threads that were not disposed of must not keep it alive, and those that were must be gone.
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const { load, variants } = await import(pathToFileURL(path.resolve(process.argv[2], 'model.js')));
const [count, threaded] = process.argv.slice(3).map(Number);
const found = {};
for (const variant of variants()) {
  const model = await load({ variant, threads: 2 });
  const x = new Float32Array(model.inputs[0].size);
  model.predictSync(x);
  const before = model.memory().bytes;
  for (let i = 0; i < (model.threads > 1 ? threaded : count); i++) model.predictSync(x, { views: true });
  const after = model.memory().bytes;
  model.dispose();
  found[variant] = { before, after, disposed: model.memory().bytes };
}
const left = await load({ threads: 2 });
const hosted = await load({ threads: 2, worker: true });
found.left = { threads: left.threads, hosted: hosted.variant };
process.stdout.write(JSON.stringify(found));
