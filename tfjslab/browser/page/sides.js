// The programs that can run a model here, by kind. A side has `facts`, `run()` (once, outputs read), `outputs()`,
// `dispose()`, and `profile()` (one run: wall and kernels) where kernels can be told.
import { openLitert } from './litert_side.js';
import { openModule } from './module_side.js';
import { openTfjs } from './tfjs_side.js';

const KINDS = { tfjs: openTfjs, litert: openLitert, module: openModule };

export const openSide = (wanted, inputs, importScripts) => KINDS[wanted.kind](wanted, inputs, importScripts);
