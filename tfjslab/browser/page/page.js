// The page of a device: asks the lab for jobs, runs each in a worker, and sends back what is found.
import { start } from './runner.js';

const POLL_MS = 200;
const at = (id) => document.getElementById(id);
const base = new URL('.', location.href);
let runner = null;

async function ask(path, init) {
  const response = await fetch(new URL(path, base), init);
  if (!response.ok) throw new Error(`the lab answered ${response.status}: ${await response.text()}`);
  return response;
}

const send = (message) => ask('records', {
  method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(message),
});
const sendBytes = (job, { side, at: index }, bytes) => ask(`outputs/${job}/${side}/${index}`, { method: 'POST', body: bytes });

const say = (text) => { at('state').textContent = text; };

function log(text, wrong = false) {
  const line = document.createElement('li');
  line.textContent = text;
  line.classList.toggle('wrong', wrong);
  at('log').append(line);
}

function show(job, message) {
  const { name, sides } = job;
  const what = message.side === undefined ? name : `${name}, ${sides[message.side].name}`;
  if (message.type === 'progress') say(`${what}: ${message.text}`);
  if (message.type === 'burst') say(`${what}: round ${message.round + 1} of ${job.rounds}`);
  if (message.type === 'burst') (job.times[message.side] ??= []).push(...message.times_ms);
  if (message.type === 'done') job.times.forEach((times, i) => log(`${name}, ${sides[i].name}: ${median(times)} ms, the median of ${times.length} runs`));
  if (message.type === 'refused') log(`${what}: ${message.reason}`, true);
  if (message.type === 'failed') log(`${what}: ${message.reason}`, true);
  if (message.type === 'environment') showFacts(message.environment);
  at('progress').value += 0.02 * (1 - at('progress').value);
}

function showFacts(facts) {
  at('facts').replaceChildren(...Object.entries(facts).flatMap(([name, value]) => {
    const term = document.createElement('dt'), told = document.createElement('dd');
    term.textContent = name.replaceAll('_', ' ');
    told.textContent = value !== null && typeof value === 'object' ? Object.values(value).join(', ') : `${value ?? 'not known'}`;
    return [term, told];
  }));
}

const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1].toPrecision(3);

async function runJob(job) {
  job.times = [];
  at('progress').value = 0;
  at('stop').hidden = false;
  let sent = Promise.resolve();
  runner = start(job, base, (message) => {
    show(job, message);
    const { bytes, ...rest } = message;
    sent = sent.then(async () => {
      if (bytes) await sendBytes(job.id, message, bytes);
      await send({ job: job.id, ...rest });
    });
  });
  const ended = await runner.ended;
  await sent.catch((e) => log(String(e.message), true));
  at('stop').hidden = true;
  at('progress').value = 1;
  log(`${job.name}: ${ended}`, ended !== 'done');
  runner = null;
}

/** What the lab wants now: the next job, to stop the one that runs, or nothing. */
async function poll() {
  const { job, stop, over } = await (await ask(`next?running=${runner ? 1 : 0}&framed=${self === top ? 0 : 1}`)).json();
  if (stop) runner?.stop('stopped by the lab');
  if (job && !runner) runJob(job);
  if (over) say('the lab has ended; this page can be closed');
  else if (!runner && !job) say('waiting for the lab');
  return !over;
}

at('stop').addEventListener('click', () => runner?.stop('stopped on the device'));
for (let going = true, missed = 0; going;) {
  try {
    going = await poll();
    missed = 0;
  } catch (e) {
    missed += 1;
    say(`the lab cannot be reached: ${e.message}`);
    going = missed < 50;
  }
  await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
