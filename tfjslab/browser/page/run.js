// Runs a job: opens its sides, one after the other, and lets their steady runs alternate. A side is a program with a
// model in it; see sides.js. What is found goes to `post` as it comes.
import { batchOf, reference, resolution, sample } from './clock.js';
import { environment } from './environment.js';
import { fetched } from './fetched.js';
import { openSide } from './sides.js';
import { TYPES } from './types.js';

export async function run(job, post, importScripts) {
  post({ type: 'environment', environment: await environment() });
  const step = resolution() ?? 1;
  const inputs = await Promise.all(job.inputs.map(readInput));
  const open = [];
  try {
    for (const [index, side] of job.sides.entries()) {
      const found = await opened(index, { ...job, ...side }, inputs, post, importScripts);
      if (found) open.push(found);
    }
    for (const side of open) await prepare(side, job, step, post);
    await steady(open, job, post);
    for (const side of open) await profile(side, job, post);
  } finally {
    for (const { side } of open) side.dispose();
  }
  post({ type: 'done' });
}

async function readInput({ name, shape, dtype, url }) {
  const bytes = await (await fetched(url)).arrayBuffer();
  return { name, shape, dtype, values: new TYPES[dtype](bytes) };
}

/** A side, ready to run; null when it cannot, which is told. */
async function opened(index, wanted, inputs, post, importScripts) {
  const progress = (text) => post({ type: 'progress', side: index, text });
  try {
    progress('loading');
    const side = await openSide(wanted, inputs, importScripts);
    post({ type: 'opened', side: index, ...side.facts });
    return { index, side };
  } catch (e) {
    post({ type: 'refused', side: index, reason: String(e?.message ?? e) });
    return null;
  }
}

/** Sends the answers, warms up, and finds how many runs make a sample. */
async function prepare(open, { warmup }, step, post) {
  const { index, side } = open;
  for (const [at, { name, shape, dtype, values }] of (await side.outputs()).entries()) {
    const bytes = values.slice().buffer;
    post({ type: 'output', side: index, at, name, shape, dtype, bytes }, [bytes]);
  }
  let ms = Infinity;
  for (let i = 0; i < Math.max(1, warmup); i++) ms = Math.min(ms, await sample(side.run, 1));
  open.batch = batchOf(ms, step);
  open.runs = 0;
}

/** Rounds of bursts, in which the sides take turns; the loop of fixed work runs before each burst. */
async function steady(open, { runs, rounds, budget_ms: budget }, post) {
  const count = Math.ceil(runs / rounds);
  for (let round = 0; round < rounds; round++) {
    for (const { index, side, batch } of open) {
      const reference_ms = reference();
      const began = performance.now();
      const times_ms = [];
      await side.run(); // what other sides left in the caches is not counted
      while (times_ms.length < count && (!times_ms.length || performance.now() - began < budget / rounds)) {
        times_ms.push(await sample(side.run, batch));
      }
      post({ type: 'burst', side: index, round, batch, times_ms, reference_ms });
    }
  }
}

async function profile({ index, side }, { profiles }, post) {
  if (!profiles || !side.profile) return; // not all can tell their kernels
  try {
    const runs = [];
    for (let i = 0; i < profiles; i++) runs.push(await side.profile());
    post({ type: 'profile', side: index, runs });
  } catch (e) {
    post({ type: 'profile', side: index, runs: [], reason: String(e?.message ?? e) });
  }
}
