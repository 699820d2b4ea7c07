// Our own web module of the model.
import { now } from './clock.js';

export async function openModule({ module: { url }, variant, threads }, inputs) {
  const began = now();
  const { load, variants } = await import(url);
  const imported = now();
  const able = variants();
  if (!able.includes(variant)) throw new Error(`variant '${variant}' cannot run here; can run: ${able.join(', ') || 'none'}`);
  const model = await load({ variant, threads: threads || undefined });
  const loaded = now();
  const feeds = Object.fromEntries(inputs.map(({ name, values }) => [name, values]));
  const run = () => model.predictSync(feeds);
  const answers = run();
  const first = now();
  return {
    run,
    outputs: async () => model.outputs.map(({ name, shape, dtype }) => ({ name, shape, dtype, values: answers[name] })),
    profile: () => profileOf(model),
    dispose: () => model.dispose(),
    facts: {
      version: '', backend: variant, threads: model.threads, flags: {}, import_ms: imported - began, backend_ms: null,
      download_ms: null, load_ms: loaded - imported, first_ms: first - loaded, weight_bytes: model.memory().weights,
    },
  };
}

/** One run with every kernel stamped. */
async function profileOf(model) {
  const { kernels, wall } = await model.profile({ runs: 1 });
  const told = kernels.map(({ kernel, node, ms }) => ({ name: kernel, node, ms, reason: '' }));
  return { wall_ms: wall, kernels: told, peak_bytes: model.memory().bytes };
}
