// node metrics.mjs FOLDER COLLECTOR: what metrics.js makes of times, texts and predictions; as JSON.
import path from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';

const at = (name) => pathToFileURL(path.resolve(process.argv[2], name));
const { load } = await import(at('model.js'));
const { Times, bucketOf, browserOf, messageOf } = await import(at('metrics.js'));
const { times, texts, agents, rates } = JSON.parse(await new Response(Readable.toWeb(process.stdin)).text());
const collector = process.argv[3];

const histogram = new Times();
times.forEach((ms) => histogram.add(ms));
const found = {
  buckets: times.map(bucketOf), pairs: histogram.pairs(), quantiles: [0, 0.5, 0.95, 1].map((q) => histogram.quantile(q)),
  texts: texts.map(messageOf), program: browserOf(),
};

// Browsers are told apart where nothing says that this is Node.
const own = globalThis.process;
globalThis.process = undefined;
found.agents = agents.map((userAgent) => browserOf({ userAgent }));
globalThis.process = own;

const zeros = (model) => new Float32Array(model.inputs[0].size);

// Without being asked nothing is measured, and metrics.js plays no part.
const plain = await load({ variant: 'simd' });
found.plain = Object.keys(plain);
plain.dispose();

// Batches: of good predictions and of wrong ones, until the model is disposed of.
const batches = [];
const model = await load({ variant: 'simd', onMetrics: (b) => batches.push(b), metrics: { url: collector, every: 3600 } });
for (let i = 0; i < 20; i++) await model.predict(zeros(model));
for (let i = 0; i < 20; i++) model.predictSync(zeros(model));
await model.predict(new Float32Array(1)).catch(() => {});
await model.predict({ get x() { throw new Error('secret of a page'); } }).catch(() => {});
model.flushMetrics();
model.flushMetrics();
model.predictSync(zeros(model));
model.dispose();
found.batches = batches;

// A model that cannot be loaded says so.
const failed = [];
await load({ variant: 'nonesuch', onMetrics: (b) => failed.push(b) }).catch((e) => found.thrown = e.code);
found.failed = failed;

// A part of all pages sends.
globalThis.fetch = new Proxy(fetch, { apply: (f, self, [url, init]) => init?.method === 'POST' && url === 'http://count/'
  ? Promise.resolve(sent.push(init.body)) : Reflect.apply(f, self, [url, init]) });
const sent = [];
found.sent = [];
for (const rate of rates) {
  sent.length = 0;
  for (let i = 0; i < 40; i++) (await load({ variant: 'simd', metrics: { url: 'http://count/', rate } })).dispose();
  found.sent.push(sent.length);
}

// Rules: a slow model changes its variant, tells the page, or is replaced by what the page gives.
const rules = (to, p95_ms = 1e-6) => ({ schema: 1, fallback: [{ model: '*', after: 5, p95_ms, to }] });
/** Predict until `until` holds of the model and the batches, and once more; what became of both. */
async function follow(options, until) {
  const batches = [], followed = await load({ variant: 'simd', onMetrics: (b) => batches.push(b), ...options });
  for (let i = 0; i < 2000 && !until(followed, i); i++) {
    await followed.predict(zeros(followed));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const { variant } = followed;
  await followed.predict(zeros(followed));
  followed.dispose();
  return { variant, batches: batches.map((b) => [b.variant, b.fallbacks, b.errors.map((e) => e.kind)]) };
}
const changed = ({ variant }) => variant === 'plain', often = (_, i) => i === 20;
let given, why, asked = 0;
found.followed = {
  variant: await follow({ fallback: rules({ variant: 'plain' }) }, changed),
  quick: await follow({ fallback: rules({ variant: 'plain' }, 1e6) }, often),
  impossible: await follow({ fallback: rules({ variant: 'nonesuch' }) }, often),
  kept: await follow({ fallback: rules({ variant: 'plain' }), onFallback: () => (asked++, false) }, often),
  missing: await follow({ fallback: 'http://127.0.0.1:9/v1/rules' }, often),
  page: await follow({ fallback: rules({ model: 'small' }), onFallback: (w) => void (why = w) }, often),
  given: await follow({
    fallback: rules({ model: 'small' }), onFallback: async () => given = await load({ variant: 'plain' }),
  }, changed),
  collector: await follow({ fallback: new URL('/v1/rules', collector).href }, changed),
};
Object.assign(found, { asked, why, given: given.memory().bytes });
process.stdout.write(JSON.stringify(found));
