// node wrong_values.mjs FOLDER: for every variant what two runs with wrong feeds from stdin give, as [code, message],
// and whether a run with good ones gives the same before and after each.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const { load, variants } = await import(pathToFileURL(path.resolve(process.argv[2], 'model.js')));
const { good, bad } = JSON.parse(fs.readFileSync(0, 'utf8'));
const input = (feeds) => Object.fromEntries(Object.entries(feeds).map(([name, x]) => [name, new Int32Array(x)]));

const found = {};
for (const variant of variants()) {
  const model = await load({ variant, threads: 2 });
  const run = () => JSON.stringify(Object.values(model.predictSync(input(good))).map((y) => [...y]));
  const first = run();
  found[variant] = bad.map((feeds) => {
    try {
      model.predictSync(input(feeds));
      return ['', '', run() === first];
    } catch (e) {
      return [e.code, e.message, run() === first];
    }
  });
  model.dispose();
}
process.stdout.write(JSON.stringify(found));
