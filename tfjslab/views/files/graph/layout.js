// Layouts made in a worker, so that the page stays alive; in the page itself where its rules forbid workers.
import dagre from "../../vendor/dagre/dagre.min.js?text";
import place from "./place.js?text";

const SOURCE = `${dagre}\n${place}`;
const address = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));

export class Layouts {
  constructor() {
    this.waiting = null;
    this.number = 0;
    this.url = address(SOURCE);
    try {
      this.worker = new Worker(this.url);
      this.worker.onmessage = ({ data }) => this.done(data);
      this.worker.onerror = () => this.withoutWorker();
    } catch {
      this.worker = null;
    }
  }

  /** The placed group and the milliseconds it took; null when another layout was asked for meanwhile. */
  async layout(group) {
    this.waiting?.resolve(null);
    const id = ++this.number;
    return new Promise((resolve, reject) => {
      this.waiting = { id, group, resolve, reject };
      if (this.worker) this.worker.postMessage({ id, group });
      else this.inPage();
    });
  }

  done({ id, placed, ms, error }) {
    if (this.waiting?.id !== id) return;
    const { resolve, reject } = this.waiting;
    this.waiting = null;
    if (error) reject(new Error(error));
    else resolve({ placed, ms });
  }

  /** A page may only say that it forbids workers after one was made. */
  withoutWorker() {
    this.worker?.terminate();
    this.worker = null;
    if (this.waiting) this.inPage();
  }

  async inPage() {
    const { id, group } = this.waiting, begun = performance.now();
    this.module ??= import(address(`${SOURCE}\nexport { place };`));
    try {
      const placed = (await this.module).place(group);
      this.done({ id, placed, ms: performance.now() - begun });
    } catch (error) {
      this.done({ id, error: String(error) });
    }
  }

  dispose() {
    this.worker?.terminate();
    URL.revokeObjectURL(this.url);
    this.waiting?.resolve(null);
    this.waiting = null;
  }
}
