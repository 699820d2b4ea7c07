// node quantization.mjs FOLDER: what a folder's helpers make of numbers for its first input, given on stdin; and what
// they say of a port without a scale.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const { load, quantize, dequantize } = await import(pathToFileURL(path.resolve(process.argv[2], 'model.js')));
const { real } = JSON.parse(fs.readFileSync(0, 'utf8'));
const model = await load({ variant: 'simd' });
const [port] = model.inputs;
const stored = quantize(port, Float32Array.from(real));
const told = (work) => {
  try {
    return work();
  } catch ({ code, message }) {
    return `${code}: ${message}`;
  }
};
const found = {
  quantization: port.quantization, kind: stored.constructor.name, stored: [...stored],
  real: [...dequantize(port, stored)], plain: told(() => quantize({ name: 'ids' }, [1])),
};
model.dispose();
process.stdout.write(JSON.stringify(found));
