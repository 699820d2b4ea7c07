// node answers.mjs FOLDER: outputs of every variant that this engine runs, for the feeds on stdin; arrays as base64.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const TYPES = {
  float32: Float32Array, int32: Int32Array, int16: Int16Array, int8: Int8Array, uint8: Uint8Array, bool: Uint8Array,
};
const { load, variants } = await import(pathToFileURL(path.resolve(process.argv[2], 'model.js')));
const { feeds, picture, worker = false } = JSON.parse(fs.readFileSync(0, 'utf8'));
const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'));
const input = () => picture ? { ...picture, data: new Uint8ClampedArray(bytes(picture.data)) } :
  Object.fromEntries(Object.entries(feeds).map(([name, x]) => [name, new TYPES[x.dtype](bytes(x.data).buffer)]));

const found = {};
for (const variant of variants()) {
  const model = await load({ variant, threads: 2, worker });
  const y = await model.predict(input());
  found[variant] = Object.fromEntries(model.outputs.map(({ name, dtype }) => {
    const v = y[name];
    return [name, { dtype, data: Buffer.from(v.buffer, v.byteOffset, v.byteLength).toString('base64') }];
  }));
  model.dispose();
}
process.stdout.write(JSON.stringify(found));
