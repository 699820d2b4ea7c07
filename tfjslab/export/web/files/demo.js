/** The page that tries the model: input in, answer and times out. An application does not need this file. */
import * as api from './model.js';
import { resolution } from './profile.js';
import { answer, chart, element, inBytes, kernels, ms } from './demo-view.js';

const { load, variants } = api;
const WARM_UP = 5, MOST = 120, BURST = 60, BURST_MS = 4000, FRAME_MS = 12, MOST_SIDE = 1280, MOST_TOGETHER = 100;
const HINTS = {
  'load.http': 'Is every file of the folder on the server?',
  'load.size': 'Upload the folder again, and empty the caches in between.',
  'load.hash': 'Upload the folder again, and empty the caches in between.',
  'memory': 'Close other tabs, or choose a variant without threads.',
  NotAllowedError: 'Allow the camera in the settings of this site, then press Camera again.',
  NotFoundError: 'Connect a camera, or choose an image.',
};
const $ = (id) => document.getElementById(id);
const step = resolution();
const state = { model: null, input: null, labels: [], times: [], runs: 0, left: 0, together: 1, busy: null, video: null,
  outputs: null, opening: null, until: 0 };

function complain(error) {
  const { code, name, message } = error;
  $('error').hidden = false;
  $('error').firstElementChild.textContent = code && typeof code === 'string' ? code : name;
  $('error').lastElementChild.textContent = [message, HINTS[code] ?? HINTS[name]].filter(Boolean).join('. ');
}

/** A handler that shows what goes wrong. */
const guarded = (action) => async (event) => {
  $('error').hidden = true;
  try {
    await action(event);
  } catch (error) {
    if (error.code !== 'disposed' && error.name !== 'AbortError') complain(error);
  }
};

// ---- the model

/** Load what is chosen, in place of the model that runs. */
async function open() {
  const mine = state.opening = {}, main = document.querySelector('main');
  main.ariaBusy = 'true';
  try {
    await exchange(mine);
  } finally {
    if (state.opening === mine) main.ariaBusy = 'false';
  }
  if (state.opening === mine && state.input) run(BURST);
}

async function exchange(mine) {
  await rest();
  state.model?.dispose();
  state.model = null;
  forget();
  draw();
  const variant = document.querySelector('[name=variant]:checked').value;
  const threads = Number($('threads').value) || undefined;
  const began = performance.now();
  const model = await load({
    variant, threads, worker: $('worker').checked, onProgress: downloaded,
  });
  const loaded = performance.now() - began;
  if (state.opening !== mine) {
    model.dispose();
    return;
  }
  state.model = model;
  figure('load', loaded);
  if (variant.startsWith('threads')) $('threads').value = model.threads;
  const start = performance.now();
  await model.predict(fresh(state.input ?? generated(model.inputs)));
  figure('first', performance.now() - start);
  const { bytes, weights } = await model.memory();
  $('memory').textContent = `${inBytes(bytes)} of WebAssembly memory; the weights are ${inBytes(weights)} of download.`;
}

function downloaded({ file, loaded, total }) {
  if (!state.model) $('memory').textContent = `${file}: ${inBytes(loaded)} of ${inBytes(total)}`;
}

function forget() {
  Object.assign(state, { times: [], runs: 0, together: 1, outputs: null });
  for (const id of ['load', 'first', 'median', 'min', 'p95', 'n']) $(id).textContent = '-';
  $('memory').textContent = '';
}

function figure(id, value) {
  $(id).replaceChildren(ms(value), element('small', { text: 'ms' }));
}

// ---- inputs

/** Numbers that are the same each time: between 0 and 1, or small whole ones. */
function generated(ports) {
  let seed = 1;
  const next = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const fill = {
    float32: (length) => Float32Array.from({ length }, next),
    int32: (length) => Int32Array.from({ length }, () => next() * 8),
    int8: (length) => Int8Array.from({ length }, () => next() * 100),
    uint8: (length) => Uint8Array.from({ length }, () => next() * 200),
    int16: (length) => Int16Array.from({ length }, () => next() * 25000),
    bool: (length) => new Uint8Array(length).fill(1),
  };
  return Object.fromEntries(ports.map(({ name, dtype, size }) => [name, fill[dtype](size)]));
}

/** The same input again; a model in a worker takes buffers away. */
const fresh = (input) => Object.fromEntries(Object.entries(input).map(([name, v]) => [name,
  v instanceof ImageData ? new ImageData(new Uint8ClampedArray(v.data), v.width, v.height) : v.slice()]));

/** Draw a picture and make it the input of every port that takes pictures; other ports get numbers. */
function see(source, width, height) {
  const shrink = Math.min(1, MOST_SIDE / Math.max(width, height));
  const canvas = $('picture');
  [canvas.width, canvas.height] = [Math.round(width * shrink), Math.round(height * shrink)];
  canvas.classList.toggle('tiny', canvas.width < 100);
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(source, 0, 0, canvas.width, canvas.height);
  canvas.hidden = false;
  $('invite').hidden = true;
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height), { inputs } = state.model;
  const seen = inputs.filter((p) => p.picture).map((p) => [p.name, pixels]);
  state.input = { ...generated(inputs), ...Object.fromEntries(seen) };
  const taken = `${width} × ${height} pixels`;
  $('about-input').textContent = shrink < 1 ? `${taken}, used at ${canvas.width} × ${canvas.height}` : taken;
}

async function take(file) {
  if (!file) return;
  if (file.type === 'text/plain') {
    state.labels = (await file.text()).split(/\r?\n/);
    show();
    return;
  }
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} is no picture that this browser can read; choose a PNG, JPEG or WebP`);
  });
  await look(bitmap, bitmap.width, bitmap.height);
  bitmap.close();
}

async function look(source, width, height) {
  ready();
  await rest();
  see(source, width, height);
  run(BURST);
}

async function random() {
  ready();
  await rest();
  state.input = generated(state.model.inputs);
  $('picture').hidden = true;
  $('invite').hidden = false;
  $('about-input').textContent = 'the same random numbers each time';
  run(BURST);
}

function ready() {
  if (!state.model) throw new Error('No model is loaded yet; wait, or choose another variant');
}

async function camera() {
  if (state.video) return rest();
  if (!navigator.mediaDevices) throw new Error('Cameras need a secure page: https, or localhost');
  ready();
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  await rest();
  const video = Object.assign(document.createElement('video'), { srcObject: stream, muted: true, playsInline: true });
  await video.play();
  state.video = video;
  run(Infinity);
}

// ---- running and measuring

/** Run so many times in the background, but not for long if the model is slow. */
function run(times) {
  const until = times === Infinity ? times : performance.now() + BURST_MS;
  Object.assign(state, { times: [], runs: 0, together: 1, left: times + WARM_UP, until });
  state.busy ??= guarded(work)().finally(() => {
    Object.assign(state, { busy: null, left: 0 });
    pressed();
  });
  pressed();
}

/** Let the run in hand end. */
async function rest() {
  state.left = 0;
  state.video?.srcObject.getTracks().forEach((track) => track.stop());
  state.video = null;
  await state.busy;
}

function pressed() {
  $('keep').setAttribute('aria-pressed', state.left === Infinity);
  $('keep').textContent = state.left === Infinity ? 'Stop' : 'Keep running';
  $('camera').setAttribute('aria-pressed', Boolean(state.video));
}

async function work() {
  while (state.left > 0 && (performance.now() < state.until || !state.times.length)) {
    const { video } = state;
    if (video) see(video, video.videoWidth, video.videoHeight);
    const end = performance.now() + FRAME_MS;
    do await measure(); while (!video && state.left > 0 && performance.now() < end);
    draw();
    await new Promise(requestAnimationFrame);
  }
}

/** One point of the chart: the mean of so many runs that the clock's step is a small part of it. */
async function measure() {
  const { model, together } = state;
  const inputs = Array.from({ length: together }, () => fresh(state.input));
  const sync = model.predictSync && ((x) => model.predictSync(x));
  let outputs;
  const began = performance.now();
  for (const x of inputs) outputs = sync ? sync(x) : await model.predict(x);
  const took = (performance.now() - began) / together;
  const first = !state.outputs || state.video;
  state.outputs = outputs;
  if (first || state.runs === 0) show();
  state.left -= 1;
  state.runs += 1;
  if (state.runs <= WARM_UP) state.together = Math.ceil(Math.min(MOST_TOGETHER, 20 * step / Math.max(took, step / 10)));
  else state.times.push(took);
}

function show() {
  if (state.outputs) $('answer').replaceChildren(...answer(state.model.outputs, meant(state.outputs), state.labels));
}

/** Quantized outputs as the real numbers that they stand for. */
const meant = (outputs) => Object.fromEntries(state.model.outputs.map((port) =>
  [port.name, port.quantization ? api.dequantize(port, outputs[port.name]) : outputs[port.name]]));

function draw() {
  const shown = state.times.slice(-MOST), sorted = [...shown].sort((a, b) => a - b);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  const found = { median: at(0.5), min: sorted[0], p95: at(0.95) };
  chart($('chart'), shown, MOST, found);
  if (!shown.length) return;
  for (const [id, value] of Object.entries(found)) figure(id, value);
  $('n').textContent = state.times.length;
  $('chart').setAttribute('aria-label', `${shown.length} runs, median ${ms(found.median)} ms`);
  const each = state.together > 1
    ? `Each bar is the mean of ${state.together} runs, as the clock here moves in steps of ${ms(step)} ms. ` : '';
  $('about-times').textContent = `${each}Milliseconds of predict(), pixels to answer; ${WARM_UP} runs of warm-up `
    + `before them are not counted. Median, min and p95 are of the last ${MOST} at most.`;
}

// ---- the page

/** Grey the variants that cannot run here, and say why. */
async function offer() {
  const able = variants();
  for (const radio of document.querySelectorAll('[name=variant]')) {
    radio.disabled = !able.includes(radio.value);
    radio.checked = radio.value === able.at(-1);
    if (!radio.disabled) continue;
    const { message } = await load({ variant: radio.value }).catch((error) => error);
    radio.parentElement.lastElementChild.textContent = `not here: ${/\((.*?)\)/.exec(message)?.[1] ?? message}`;
  }
  if (!able.length) throw new Error('This browser can run none of the variants of this folder');
}

function threads() {
  $('threads').disabled = !document.querySelector('[name=variant][value^=threads]:checked');
  $('threads').value ||= Math.min(navigator.hardwareConcurrency ?? 1, $('threads').max);
}

function listen() {
  const on = (id, kind, action) => $(id).addEventListener(kind, guarded(action));
  on('file', 'change', async ({ target }) => {
    await take(target.files[0]);
    target.value = '';
  });
  on('camera', 'click', camera);
  on('random', 'click', random);
  on('keep', 'click', async () => {
    if (state.left === Infinity) return rest();
    if (!state.input) await random();
    return run(Infinity);
  });
  on('profile', 'click', async () => {
    ready();
    await rest();
    $('kernels').replaceChildren(...kernels(await state.model.profile()));
  });
  for (const id of ['variants', 'threads', 'worker']) {
    on(id, 'change', () => {
      threads();
      return open();
    });
  }
  const stage = $('stage');
  stage.addEventListener('dragover', (e) => e.preventDefault());
  addEventListener('dragover', (e) => {
    e.preventDefault();
    stage.classList.add('over');
  });
  addEventListener('dragleave', () => stage.classList.remove('over'));
  addEventListener('drop', guarded((e) => {
    e.preventDefault();
    stage.classList.remove('over');
    return take(e.dataTransfer.files[0]);
  }));
  addEventListener('paste', guarded((e) => take(e.clipboardData.files[0])));
  new ResizeObserver(draw).observe($('chart'));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
}

async function begin() {
  listen();
  await offer();
  threads();
  await open();
  const pictures = state.model.inputs.some((p) => p.picture);
  for (const x of document.querySelectorAll('[data-needs=picture]')) x.hidden = !pictures;
  $('invite').textContent = pictures ? 'Drop or paste an image here.' : 'This model takes numbers, not pictures.';
}

$('starting').remove();
document.querySelector('main').hidden = false;
guarded(begin)();
