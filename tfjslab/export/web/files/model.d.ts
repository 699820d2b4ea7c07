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
  /** Median milliseconds of each kernel over some runs on the last input. */
  profile(options?: { runs?: number }): Promise<Profile>;
  /** Bytes of the WebAssembly memory and of the weights. A promise with `worker`. */
  memory(): { bytes: number; weights: number } | Promise<{ bytes: number; weights: number }>;
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