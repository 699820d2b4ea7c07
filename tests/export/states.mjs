// node states.mjs FOLDER WORKER: what every variant answers to the inputs on stdin, call by call: all of them, then, with
// a profile in between, the last once more, then the first after reset(). Arrays of the one output as lists.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const { load, variants } = await import(pathToFileURL(path.resolve(process.argv[2], 'model.js')));
const { dtype, steps } = JSON.parse(fs.readFileSync(0, 'utf8'));
const given = steps.map((x) => new { float32: Float32Array, int8: Int8Array }[dtype](x));
const found = {};
for (const variant of variants()) {
  const model = await load({ variant, threads: 2, worker: process.argv[3] === 'worker' });
  const inputs = model.inputs.map((p) => p.name), [{ name }] = model.outputs;
  const answer = async (x) => [...(await model.predict({ [inputs[0]]: x.slice() }))[name]];
  const calls = [];
  for (const x of given) calls.push(await answer(x));
  await model.profile({ runs: 3 });
  calls.push(await answer(given.at(-1)));
  await model.reset();
  calls.push(await answer(given[0]));
  found[variant] = { calls, inputs, outputs: model.outputs.map((p) => p.name), keys: Object.keys(model).sort() };
  model.dispose();
}
process.stdout.write(JSON.stringify(found));
