/** The files of a model as bytes, and the errors of all of its scripts. */

/** Everything that can go wrong, with a `code` for programs and a message for people. */
export class ModelError extends Error {
  constructor(code, message) {
    super(message);
    this.name = 'ModelError';
    this.code = code;
  }
}

export const fail = (code, message) => {
  throw new ModelError(code, message);
};
export const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

/** A file as bytes: from `buffers`, from the folder `url`, or from `here`, where it lies beside model.js. */
export async function read(name, here, size, options) {
  const { url, buffers, signal } = options;
  const given = buffers?.[name];
  const at = given ? name : url ? new URL(name, new URL(url, globalThis.location?.href)) : here;
  const found = given ?? await download(name, at, size, options).catch((e) => e);
  if (signal?.aborted) fail('load.aborted', `${at}: the download was stopped`);
  if (found instanceof ModelError) throw found;
  if (found instanceof Error) fail('load.read', `${at}: cannot be read: ${found.message}`);
  const bytes = ArrayBuffer.isView(found) ? found : new Uint8Array(found);
  const { length } = bytes;
  return length === size ? bytes : fail('load.size', `${at}: found ${length} bytes, expected ${size}; download it again`);
}

/** From the disk (Node, Deno, Bun) or the network; bundlers inline small files. */
async function download(file, at, total, { signal, onProgress }) {
  const fs = 'node:fs/promises';
  if (at.protocol === 'file:') return (await import(/* @vite-ignore */ fs)).readFile(at, { signal });
  if (at.protocol === 'data:') return bytesOf(at.pathname.split(',')[1]);
  const response = await fetch(at, { signal });
  if (!response.ok) fail('load.http', `${at}: found HTTP ${response.status}, expected 200`);
  const parts = [];
  let loaded = 0;
  for (let reader = response.body.getReader(), r; loaded <= total && !(r = await reader.read()).done;) {
    parts.push(r.value);
    loaded += r.value.length;
    onProgress?.({ file, loaded, total });
  }
  return new Blob(parts).arrayBuffer();
}
