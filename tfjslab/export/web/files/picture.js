/** Pictures of every kind as ImageData, and their way into the module, which turns them into a tensor. */
import { ModelError, PAGE } from './model.js';

const KINDS = [
  'ImageBitmap', 'HTMLImageElement', 'HTMLVideoElement', 'HTMLCanvasElement', 'OffscreenCanvas', 'VideoFrame',
];
const isDrawable = (x) => KINDS.some((name) => globalThis[name] && x instanceof globalThis[name]);
const isObject = (x) => x && Object.getPrototypeOf(x) === Object.prototype && !ArrayBuffer.isView(x.data);

/** `x`, with what can be drawn as ImageData, alone or by input name. */
export async function pixels(x) {
  if (isObject(x)) {
    return Object.fromEntries(await Promise.all(Object.entries(x).map(async ([name, v]) => [name, await pixels(v)])));
  }
  if (!isDrawable(x)) return x;
  const width = x.naturalWidth || x.videoWidth || x.displayWidth || x.width;
  const height = x.naturalHeight || x.videoHeight || x.displayHeight || x.height;
  if (!(width && height)) {
    throw new ModelError('input.picture', 'the picture has no pixels yet; wait until it is loaded');
  }
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context.drawImage(x, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** Puts bytes of pixels behind what the module uses of its memory, which grows with the largest picture. */
export function putter(memory) {
  const at = memory.buffer.byteLength;
  return (data) => {
    const more = Math.ceil((at + data.length - memory.buffer.byteLength) / PAGE);
    try {
      if (more > 0) memory.grow(more);
    } catch (e) {
      throw new ModelError('memory', `no memory for ${more * PAGE} bytes: ${e.message}`);
    }
    new Uint8Array(memory.buffer).set(data, at);
    return at;
  };
}
