// The clock, and a loop of fixed work that tells whether the machine runs as fast as it did.
const STEPS = 50; // of the clock, that a sample takes at least
const MOST_IN_BATCH = 1000;
const LOOP = 200_000;

export const now = () => performance.now();

/** The smallest step of the clock, in milliseconds: nothing is known more exactly than that. */
export function resolution() {
  let least = Infinity;
  for (let i = 0, last = now(); i < 50_000 && least > 0.0005; i++) {
    const time = now();
    if (time > last) least = Math.min(least, time - last);
    last = time;
  }
  return least === Infinity ? null : least;
}

/** Milliseconds of a loop of fixed work: when it takes longer than before, the processor is slower or shared. */
export function reference() {
  const began = now();
  let sum = 0;
  for (let i = 0; i < LOOP; i++) sum = (sum * 31 + i) | 0;
  return sum === 0.5 ? 0 : now() - began;
}

/** How many runs make a sample that is long enough for the clock, given the time of one. */
export const batchOf = (ms, step) => Math.ceil(Math.min(MOST_IN_BATCH, STEPS * step / Math.max(ms, step / STEPS)));

/** A sample: milliseconds of one run, over `batch` runs in a row. */
export async function sample(run, batch) {
  const began = now();
  for (let i = 0; i < batch; i++) await run();
  return (now() - began) / batch;
}
