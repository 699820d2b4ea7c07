// The programs that can run a model here, by kind. A side has `facts`, `run()` (once, outputs read), `outputs()`,
// `profile()` (one run: wall and kernels) and `dispose()`.
import { openModule } from './module_side.js';
import { openTfjs } from './tfjs_side.js';

const KINDS = { tfjs: openTfjs, module: openModule };

export const openSide = (wanted, inputs, importScripts) => KINDS[wanted.kind](wanted, inputs, importScripts);
