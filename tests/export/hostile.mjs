// node hostile.mjs FOLDER: what damaged files and wrong calls give, each as [class, code, message]. FOLDER is changed.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = path.resolve(process.argv[2]);
const at = (...names) => pathToFileURL(path.join(folder, ...names));
const { load, ModelError } = await import(at('model.js'));
const variant = 'simd';
const names = ['weights.bin', `model-${variant}.wasm`];
const whole = Object.fromEntries(names.map((name) => [name, new Uint8Array(fs.readFileSync(path.join(folder, name)))]));
const [weights, code] = names;
const changed = (name, change) => ({ ...whole, [name]: change(whole[name].slice()) });
const from = (buffers, more) => load({ variant, buffers, ...more });
const flip = (byte) => (b) => (b[byte] ^= 1, b);

const found = {};
async function tried(name, work) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error('it hangs')), 20000).unref());
  try {
    await Promise.race([work(), late]);
    found[name] = ['nothing', '', ''];
  } catch (e) {
    found[name] = [e instanceof ModelError ? 'ModelError' : e.constructor.name, e.code ?? '', e.message];
  }
}

await tried('short weights', () => from(changed(weights, (b) => b.subarray(0, 100))));
await tried('long weights', () => from(changed(weights, (b) => new Uint8Array(b.length + 1))));
await tried('a flipped bit at the start', () => from(changed(weights, flip(0))));
await tried('a flipped bit at the end', () => from(changed(weights, flip(whole[weights].length - 1))));
await tried('short code', () => from(changed(code, (b) => b.subarray(0, 100))));
await tried('other code', () => from(changed(code, (b) => b.fill(7))));
await tried('a file that is not there', () => load({ variant, url: at('nowhere/') }));

// Over the network: nothing there, half of it, all of it.
const server = http.createServer((request, response) => {
  const [where, name] = request.url.split('/').slice(-2);
  if (where === 'half') {
    response.writeHead(200, { 'Content-Length': whole[name].length });
    response.write(whole[name].subarray(0, 10), () => response.destroy());
  } else if (where === 'never') {
    response.writeHead(200);
    response.write(whole[name].subarray(0, 10));
  } else {
    response.writeHead(where === 'all' ? 200 : 404);
    response.end(where === 'all' ? whole[name] : '');
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = (where) => `http://127.0.0.1:${server.address().port}/${where}/`;
await tried('all of it', () => load({ variant, url: url('all') }));
await tried('nothing there', () => load({ variant, url: url('no') }));
await tried('half a download', () => load({ variant, url: url('half') }));
await tried('stopped', () => {
  const stop = new AbortController();
  return load({ variant, url: url('never'), signal: stop.signal, onProgress: () => stop.abort() });
});
await tried('stopped before', () => from(whole, { signal: AbortSignal.abort() }));
await tried('stopped before, in a worker', () => from(whole, { signal: AbortSignal.abort(), worker: true }));
await tried('in a worker, short weights', () => from(changed(weights, (b) => b.subarray(0, 100)), { worker: true }));
server.closeAllConnections();
server.close();

await tried('an unknown variant', () => from(whole, { variant: 'fast' }));
const model = await from(whole);
const x = new Float32Array(model.inputs[0].size);
await tried('wrong length', () => model.predict(x.subarray(1)));
await tried('wrong dtype', () => model.predict(new Int32Array(x.length)));
await tried('an array of numbers', () => model.predict({ x: Array.from(x) }));
await tried('nothing', () => model.predict());
await tried('null', () => model.predict(null));
await tried('wrong name', () => model.predict({ x, z: x }));
await tried('no name', () => model.predict({}));
await tried('a picture', () => model.predict({ data: new Uint8ClampedArray(4), width: 1, height: 1 }));
await tried('right', () => model.predict(x));
model.dispose();
model.dispose();
await tried('disposed', () => model.predict(x));
await tried('profile of a disposed one', () => model.profile());

const hosted = await from(whole, { worker: true });
await tried('in a worker, wrong length', () => hosted.predict(x.slice(1)));
await tried('in a worker, right', () => hosted.predict(x.slice()));
await tried('in a worker, disposed while it runs', () => {
  const answer = hosted.predict(x.slice());
  hosted.dispose();
  return answer;
});
await tried('in a worker, disposed', () => hosted.predict(x.slice()));

// Tables that do not belong to the files: the loader's own text, changed.
const text = fs.readFileSync(path.join(folder, 'model.js'), 'utf8');
let count = 0;
async function tabled(pattern, replacement) {
  const file = path.join(folder, `other${count++}.js`);
  const other = text.replace(pattern, replacement);
  if (other === text) throw new Error(`${pattern} is not in model.js`);
  fs.writeFileSync(file, other);
  const { load: start, ModelError: Kind } = await import(pathToFileURL(file));
  return start({ variant, buffers: whole }).catch((e) => {
    throw e instanceof Kind ? new ModelError(e.code, e.message) : e;
  });
}
await tried('a table with another length', () => tabled(/"file":"weights.bin","bytes":\d+/, '"file":"weights.bin","bytes":64'));
await tried('a table with another checksum', () => tabled(/"hash":"\w+"/, '"hash":"abc"'));
await tried('a table with little memory', () => tabled(/"end":\d+/g, '"end":16'));
process.stdout.write(JSON.stringify(found));
