// One job in a worker, which can be ended at any moment, and what happens to the page meanwhile.

/**
 * Runs `job`. `post` gets its messages; those of a page that was hidden say so.
 * `ended` becomes 'done' or the reason why it was not.
 */
export function start(job, base, post) {
  const worker = new Worker(new URL('page/worker.js', base));
  let hidden = document.visibilityState === 'hidden', finish;
  const watch = () => { hidden ||= document.visibilityState === 'hidden'; };
  document.addEventListener('visibilitychange', watch);
  const ended = new Promise((resolve) => { finish = resolve; });
  const end = (how) => {
    worker.terminate();
    document.removeEventListener('visibilitychange', watch);
    finish(how);
  };
  const failed = (reason) => {
    post({ type: 'failed', reason });
    end(reason);
  };
  worker.onmessage = ({ data }) => {
    if (data.type === 'failed') return failed(data.reason);
    post(data.type === 'burst' ? { ...data, hidden } : data);
    if (data.type === 'done') end('done');
    return undefined;
  };
  worker.onerror = (e) => failed(e.message || 'the worker ended');
  worker.postMessage(withAddresses(job, base));
  return { ended, stop: failed };
}

/** The job with whole addresses: what begins with ./ is below `base`, and a worker has another one. */
function withAddresses(value, base) {
  if (typeof value === 'string') return value.startsWith('./') ? new URL(value, base).href : value;
  if (Array.isArray(value)) return value.map((v) => withAddresses(v, base));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, withAddresses(v, base)]));
}
