// What can be known of where a job runs: everything that a figure depends on. Unknown things are null.
import { resolution } from './clock.js';

const HEAD = [0, 97, 115, 109, 1, 0, 0, 0];
// One function each: v128.const with i8x16.popcnt, and f32x4.relaxed_madd.
const SIMD = [...HEAD, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
const RELAXED = [
  ...HEAD, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 0, 253, 17, 65, 0, 253, 17, 65, 0, 253, 17, 253, 133,
  2, 11,
];
const valid = (bytes) => WebAssembly.validate(new Uint8Array(bytes));

export async function environment() {
  const { userAgent, userAgentData, hardwareConcurrency = null, deviceMemory = null } = navigator;
  return {
    user_agent: userAgent, brand: brandOf(userAgentData), mobile: userAgentData?.mobile ?? /Mobi/.test(userAgent),
    cores: hardwareConcurrency, memory_gib: deviceMemory, isolated: self.crossOriginIsolated === true,
    secure: self.isSecureContext === true, simd: valid(SIMD), relaxed_simd: valid(RELAXED),
    threads: self.crossOriginIsolated === true && typeof SharedArrayBuffer !== 'undefined',
    clock_ms: resolution(), webgl: webgl(), webgpu: await webgpu(), battery: await battery(),
  };
}

function brandOf(data) {
  const named = data?.brands?.filter(({ brand }) => !/not.?a.?brand/i.test(brand)) ?? [];
  return named.map(({ brand, version }) => `${brand} ${version}`).join(', ') || null;
}

/** The renderer of WebGL, as the browser names it. */
function webgl() {
  const canvas = typeof OffscreenCanvas === 'undefined' ? null : new OffscreenCanvas(1, 1);
  const gl = canvas?.getContext('webgl2') ?? canvas?.getContext('webgl');
  if (!gl) return null;
  const named = gl.getExtension('WEBGL_debug_renderer_info');
  const renderer = gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  gl.getExtension('WEBGL_lose_context')?.loseContext(); // a browser has only so many of them
  return { renderer, software: /swiftshader|llvmpipe|software|basic render/i.test(renderer) };
}

async function webgpu() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  if (!adapter) return null;
  const { vendor = '', architecture = '', description = '', isFallbackAdapter } = adapter.info ?? {};
  const name = [vendor, architecture, description].filter(Boolean).join(' ') || 'unnamed';
  const software = isFallbackAdapter ?? adapter.isFallbackAdapter ?? /swiftshader|llvmpipe/i.test(name);
  return { renderer: name, software: Boolean(software) };
}

async function battery() {
  const found = await navigator.getBattery?.().catch(() => null);
  return found ? { charging: found.charging, level: found.level } : null;
}
