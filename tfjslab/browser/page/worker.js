// The thread that a job runs in, so that the page stays alive and can end it at once. It is a classic worker, since
// TensorFlow.js comes as scripts; all else are modules.
self.onmessage = async ({ data: job }) => {
  const post = (message, transfer) => self.postMessage(message, transfer ?? []);
  try {
    const { run } = await import(job.runner);
    await run(job, post, (scripts) => importScripts(...scripts));
  } catch (e) {
    post({ type: 'failed', reason: String(e?.message ?? e) });
  }
};
