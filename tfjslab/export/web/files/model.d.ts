/** {{model}} as WebAssembly. Made by tfjslab {{version}}. */

export type Numbers = Float32Array | Int32Array | Uint8Array | Int8Array | Int16Array;
export type Picture =
  | ImageData | ImageBitmap | HTMLImageElement | HTMLVideoElement | HTMLCanvasElement | OffscreenCanvas | VideoFrame;
/** One value for a model with one input, or values by input name. */
export type Input = Numbers | Picture | { [name: string]: Numbers | Picture };
export type Variant = 'plain' | 'simd' | 'relaxed' | 'threads' | 'threads-relaxed';

export interface Port {
  name: string;
  shape: number[];
  dtype: 'float32' | 'int32' | 'bool' | 'int8' | 'uint8' | 'int16';
  /** Values in all. */
  size: number;
  /** What its integers stand for: `scale * (stored - zeroPoint)`. Not there where they are plain numbers. */
  quantization?: { scale: number; zeroPoint: number };
  /** Whether an input takes pictures. */
  picture?: boolean;
}

export interface LoadOptions {
  /** The folder, where it is not the one that holds model.js. */
  url?: string | URL;
  /** Files by name, instead of downloading them. */
  buffers?: { [file: string]: ArrayBuffer | Uint8Array };
  /** The variant to run; the fastest that this engine can run without it. */
  variant?: Variant;
  /** Threads of the variant `threads`; all cores without it, 8 at most. */
  threads?: number;
  /** Run in a Web Worker, so that the page stays responsive. */
  worker?: boolean;
  /** Stops the download. */
  signal?: AbortSignal;
  /** Told while files are downloaded. */
  onProgress?: (progress: { file: string; loaded: number; total: number }) => void;
  /** Told what was measured, every `metrics.every` seconds and when the page is hidden. Loads metrics.js. */
  onMetrics?: (batch: Batch) => void;
  /** Send the same to a collector (`tfjslab monitor`), from a part of all pages. Loads metrics.js. */
  metrics?: {
    /** Of the collector: `https://.../v1/batches`. Without it nothing is sent. */
    url?: string;
    /** The part of pages that send, from 0 to 1; 1 without it. Drawn anew by every `load`. */
    rate?: number;
    /** Seconds between two batches; 30 without it. */
    every?: number;
    /** What the model is called there; its own name without it. */
    model?: string;
  };
  /** When to change to something else, or the address of such rules (`https://.../v1/rules`). Loads metrics.js. */
  fallback?: string | URL | FallbackRules;
  /**
   * Told before a rule is obeyed. A model that it gives is used from then on, and disposed of with this one; `false`
   * leaves all as it is. Without it a rule's variant is loaded, and a rule with a model does nothing.
   */
  onFallback?: (why: { rule: FallbackRule; p95_ms: number; variant: Variant }) => Fallback | Promise<Fallback>;
}

export type Fallback = Model | false | void;

/** If the 95th percentile of the last `after` predictions is above `p95_ms`, change `to` something else. */
export interface FallbackRule {
  /** `*` is any. */
  model: string;
  after: number;
  p95_ms: number;
  to: { variant: Variant } | { model: string };
}

export interface FallbackRules {
  schema: 1;
  fallback: FallbackRule[];
}

/** All that is sent. Milliseconds and bytes; null is what is not known. */
export interface Batch {
  schema: 1;
  /** 32 random hex digits, new for each batch, so that it is counted once. */
  id: string;
  model: string;
  variant: Variant | 'none';
  /** One of a dozen words, such as `chrome` or `safari mobile`. */
  browser: string;
  /** Until the model could be used, and the first prediction; in the first batch only. */
  load_ms: number | null;
  first_ms: number | null;
  /** Buckets of times with their counts: bucket k ends at (1.01 / 0.99) ** k milliseconds. */
  predict: [bucket: number, count: number][];
  /** Bytes of the WebAssembly memory at the start and now, and of the heap, which Chromium tells. */
  memory: [start: number, now: number] | null;
  heap: [start: number, now: number] | null;
  /** Errors by the code of ModelError, with the last message, cut, without folders and queries of addresses. */
  errors: { kind: string; count: number; message: string }[];
  /** How often a rule was obeyed. */
  fallbacks: number;
}

export interface Kernel {
  /** TensorFlow's names of the ops that run as one. */
  kernel: string;
  /** The node of the model whose value it makes. */
  node: string;
  /** Median milliseconds. */
  ms: number;
}

export interface Profile {
  kernels: Kernel[];
  runs: number;
  /** Milliseconds between two steps of the clock. */
  resolution: number;
}

export interface Model {
  readonly variant: Variant;
  readonly threads: number;
  readonly inputs: Port[];
  readonly outputs: Port[];
  /**
   * One inference: outputs by name, as copies, or with `views` as parts of the memory until the next call. Where the
   * data decide how many values an output has, its port has the largest shape.
   */
  predict(input: Input, options?: { views?: boolean }): Promise<{ [name: string]: Numbers }>;
  /** The same without waiting, for numbers and ImageData. Not there with `worker`. */
  predictSync?(input: Input, options?: { views?: boolean }): { [name: string]: Numbers };
  /**
   * Set what the model keeps between calls to what it was at first. There where the model keeps something; what a
   * rule changes to begins anew.
   */
  reset?(): void | Promise<void>;
  /** Median milliseconds of each kernel over some runs on the last input. */
  profile(options?: { runs?: number }): Promise<Profile>;
  /** Bytes of the WebAssembly memory and of the weights. A promise with `worker`. */
  memory(): { bytes: number; weights: number } | Promise<{ bytes: number; weights: number }>;
  /** Tell what was measured since the last time, now. There with `onMetrics`, `metrics` and `fallback`. */
  flushMetrics?(): void;
  /** End threads and give the memory back. */
  dispose(): void;
}

/**
 * `code` is one of load.http, load.read, load.aborted, load.size, load.hash, load.module, load.variant, memory,
 * input.name, input.dtype, input.shape, input.picture, quantization, run, worker, disposed.
 */
export class ModelError extends Error {
  readonly code: string;
}

/** The variants that this engine can run, the fastest last. */
export function variants(): Variant[];

export function load(options?: LoadOptions): Promise<Model>;
{{quantization}}